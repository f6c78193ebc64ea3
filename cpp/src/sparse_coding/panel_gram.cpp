#include "sparsetransfer/sparse_coding/panel_gram.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/large_pages.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kTile = 256;  // atoms per side of a task, a multiple of the panel height

}  // namespace

template <typename T>
PanelGram<T>::PanelGram(Index atoms, Index stride)
    : atoms_(atoms),
      stride_(stride),
      entries_(num_panels() * kRows * atoms),
      places_(static_cast<std::size_t>(atoms)) {
  std::iota(places_.begin(), places_.end(), 0);
}

template <typename T>
void PanelGram<T>::use_large_pages() {
  prefer_large_pages(entries_.data(),
                     static_cast<std::size_t>(padded_atoms() * atoms_) * sizeof(T));
}

template <typename T>
void PanelGram<T>::set_diagonal(Vector<T> diagonal) {
  diagonal_ = std::move(diagonal);
  for (Index j = 0; j < atoms_; ++j)
    largest_diagonal_ = max_or_nan(largest_diagonal_, static_cast<double>(diagonal_[j]));
}

template <typename T>
PanelGram<T> PanelGram<T>::from_dictionary(const Execution& execution,
                                           const ConstMatrixRef<T>& dictionary) {
  return from_dictionary(execution, PanelDictionary<T>(execution, dictionary, Panels::transient));
}

template <typename T>
PanelGram<T> PanelGram<T>::from_dictionary(const Execution& execution,
                                           const PanelDictionary<T>& dictionary) {
  require_not_empty("dictionary", dictionary.features(), dictionary.atoms());
  const Index atoms = dictionary.atoms();
  PanelGram gram(atoms, kRows * atoms);
  gram.use_large_pages();
  gram.set_diagonal(dictionary.squared_norms());
  const Index tiles = num_blocks(atoms, kTile);
  const double flops =
      static_cast<double>(dictionary.features()) * static_cast<double>(atoms * atoms);
  parallel_for(execution.for_work(flops), tiles * (tiles + 1) / 2, [&](Index tile, int) {
    Index row_tile = 0;
    for (; tile >= tiles - row_tile; ++row_tile) tile -= tiles - row_tile;
    const Index row_end = std::min(atoms, (row_tile + 1) * kTile);
    const Index col_end = std::min(atoms, (row_tile + tile + 1) * kTile);
    AlignedBuffer<T> workspace = dictionary.workspace();
    for (Index row = row_tile * kTile; row < row_end; row += kRows) {
      const T* columns[kTile];
      T* results[kTile];
      const Index first = std::max(row, (row_tile + tile) * kTile);
      T* panel = gram.entries_.data() + row / kRows * gram.stride_;
      for (Index col = first; col < col_end; ++col) {
        columns[col - first] = dictionary.atom(col).data();
        results[col - first] = panel + col * kRows;
      }
      dictionary.multiply(row / kRows, columns, col_end - first, results, workspace);
      const Index height = std::min(kRows, atoms - row);
      for (Index below = std::max(first, row + kRows); below < col_end; below += kRows) {
        const Index width = std::min(kRows, col_end - below);
        const T* mirrored[kRows];
        for (Index i = 0; i < width; ++i) mirrored[i] = panel + (below + i) * kRows;
        transpose_panel(mirrored, width, 0, height,
                        gram.entries_.data() + below / kRows * gram.stride_ + row * kRows);
      }
    }
  });
  return gram;
}

template <typename T>
PanelGram<T> PanelGram<T>::by_columns(const PanelDictionary<T>& dictionary) {
  require_not_empty("dictionary", dictionary.features(), dictionary.atoms());
  PanelGram gram(dictionary.atoms(), kRows);
  gram.set_diagonal(dictionary.squared_norms());
  gram.met_ = std::make_unique<Met>(dictionary, gram.atoms_);
  return gram;
}

template <typename T>
PanelGram<T> PanelGram<T>::from_gram(const Execution& execution, const ConstMatrixRef<T>& source) {
  require_not_empty("gram", source.rows(), source.cols());
  require_shape("gram", source.rows(), source.cols(), source.cols(), source.cols());
  PanelGram gram(source.cols(), kRows * source.cols());
  gram.use_large_pages();
  gram.set_diagonal(source.diagonal());
  const double size = static_cast<double>(source.size());
  parallel_for(execution.for_work(size), gram.num_panels(), [&](Index index, int) {
    const Index begin = index * kRows;
    const Index height = std::min(kRows, gram.atoms_ - begin);
    T* out = gram.entries_.data() + index * gram.stride_;
    for (Index col = 0; col < gram.atoms_; ++col, out += kRows) {
      std::copy_n(source.col(col).data() + begin, height, out);
      std::fill(out + height, out + kRows, T(0));
    }
  });
  return gram;
}

// A thread computes the columns that it claims, and only then waits for those that others have
// claimed before: nobody waits in a circle. All that can throw comes before the first claim.
template <typename T>
void PanelGram<T>::compute(const int* atoms, Index count) const {
  if (std::all_of(atoms, atoms + count, [&](int atom) { return knows(atom); })) return;
  std::vector<int> claimed;
  std::vector<const T*> columns;
  std::vector<T*> results;
  claimed.reserve(static_cast<std::size_t>(count));
  columns.reserve(static_cast<std::size_t>(count));
  results.resize(static_cast<std::size_t>(count));
  AlignedBuffer<T> workspace = met_->dictionary.workspace();
  for (Index i = 0; i < count; ++i) {
    State expected = State::unknown;
    if (!met_->states[static_cast<std::size_t>(atoms[i])].compare_exchange_strong(expected,
                                                                                  State::claimed))
      continue;
    claimed.push_back(atoms[i]);
    columns.push_back(met_->dictionary.atom(atoms[i]).data());
  }
  const auto number = static_cast<Index>(claimed.size());
  const Index first = met_->count.fetch_add(number);
  for (Index panel = 0; panel < num_panels() && number > 0; ++panel) {
    for (Index i = 0; i < number; ++i)
      results[static_cast<std::size_t>(i)] =
          entries_.data() + ((first + i) * num_panels() + panel) * kRows;
    met_->dictionary.multiply(panel, columns.data(), number, results.data(), workspace);
  }
  for (Index i = 0; i < number; ++i) {
    const auto atom = static_cast<std::size_t>(claimed[static_cast<std::size_t>(i)]);
    places_[atom] = static_cast<int>((first + i) * num_panels());
    met_->states[atom].store(State::known, std::memory_order_release);
    met_->states[atom].notify_all();
  }
  for (Index i = 0; i < count; ++i)
    met_->states[static_cast<std::size_t>(atoms[i])].wait(State::claimed);
}

template <typename T>
void PanelGram<T>::entries(const int* atoms, Index count, T* out) const {
  if (met_ && !std::all_of(atoms, atoms + count, [&](int atom) { return knows(atom); }))
    return met_->dictionary.multiply_atoms(atoms, count, out);
  for (Index q = 0; q < count; ++q)
    for (Index r = 0; r < count; ++r) out[q * kRows + r] = (*this)(atoms[r], atoms[q]);
}

template class PanelGram<float>;
template class PanelGram<double>;

}  // namespace sparsetransfer
