#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace sparsetransfer {
namespace {

constexpr Index kHeight = PanelDictionary<double>::kRows;
constexpr Index kTogether = 6;  // signals
// Features summed at once: what a panel has of them stays in the cache, and sums of sums round
// less.
constexpr Index kFeatures = 128;

/// out[s](0 : 64) += panel (64 x count, by columns) * signals[s](0 : count), or = if `first`.
template <Index together, typename T>
void add_products(const T* panel, const T* const* signals, Index count, bool first, T* const* out) {
  using V = Simd<T>;
  constexpr Index registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 24 : 12;
  constexpr Index fitting = together <= 1 ? 8 : together <= 2 ? registers / 3 : registers / 6;
  constexpr Index packets = std::min<Index>(fitting, kHeight / V::width);
  constexpr Index rows = packets * V::width;
  for (Index begin = 0; begin < kHeight; begin += rows) {
    typename V::Packet sums[together][packets];
    for (Index s = 0; s < together; ++s)
      for (Index p = 0; p < packets; ++p) sums[s][p] = V::zero();
    for (Index f = 0; f < count; ++f) {
      typename V::Packet atoms[packets];
      for (Index p = 0; p < packets; ++p)
        atoms[p] = V::load(panel + f * kHeight + begin + p * V::width);
      for (Index s = 0; s < together; ++s) {
        const auto value = V::broadcast(signals[s][f]);
        for (Index p = 0; p < packets; ++p)
          sums[s][p] = V::multiply_add(value, atoms[p], sums[s][p]);
      }
    }
    for (Index s = 0; s < together; ++s)
      for (Index p = 0; p < packets; ++p) {
        T* sum = out[s] + begin + p * V::width;
        V::store(sum, first ? sums[s][p] : V::add(V::load(sum), sums[s][p]));
      }
  }
}

/// Products of the features begin .. begin + count of a panel with all signals.
template <typename T>
void add_all(const T* panel, const T* const* signals, Index number, Index begin, Index count,
             T* const* out) {
  std::array<const T*, kTogether> parts;
  for (Index next = 0; next < number;) {
    const Index together = std::min(kTogether, number - next);
    for (Index s = 0; s < together; ++s) parts[s] = signals[next + s] + begin;
    const auto add = [&]<Index width>() {
      add_products<width>(panel, parts.data(), count, begin == 0, out + next);
      next += width;
    };
    if (together >= 6)
      add.template operator()<6>();
    else if (together >= 4)
      add.template operator()<4>();
    else if (together >= 2)
      add.template operator()<2>();
    else
      add.template operator()<1>();
  }
}

// The alignment of a packet, which a template argument loses, is that of the loads into it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

/// `add_products` with 64 columns that are no panel, transposed in registers.
template <Index together, typename T>
void add_transposed(const T* const* columns, const T* const* signals, Index begin, Index count,
                    T* const* out) {
  using V = Simd<T>;
  constexpr Index groups = std::min<Index>(4, kHeight / V::width);
  for (Index row = 0; row < kHeight; row += groups * V::width) {
    typename V::Packet sums[together][groups];
    for (Index s = 0; s < together; ++s)
      for (Index g = 0; g < groups; ++g) sums[s][g] = V::zero();
    const auto add = [&](Index g, Index f, const typename V::Packet& atoms) {
      for (Index s = 0; s < together; ++s)
        sums[s][g] = V::multiply_add(V::broadcast(signals[s][begin + f]), atoms, sums[s][g]);
    };
    Index f = 0;
    for (; f + V::width <= count; f += V::width)
      for (Index g = 0; g < groups; ++g) {
        const T* const* from = columns + row + g * V::width;
        Eigen::internal::PacketBlock<typename V::Packet, V::width> block;
        for (Index i = 0; i < V::width; ++i) block.packet[i] = V::load(from[i] + begin + f);
        Eigen::internal::ptranspose(block);
        for (Index i = 0; i < V::width; ++i) add(g, f + i, block.packet[i]);
      }
    for (; f < count; ++f)
      for (Index g = 0; g < groups; ++g) {
        T entries[V::width];
        for (Index i = 0; i < V::width; ++i)
          entries[i] = columns[row + g * V::width + i][begin + f];
        add(g, f, V::load(entries));
      }
    for (Index s = 0; s < together; ++s)
      for (Index g = 0; g < groups; ++g) {
        T* sum = out[s] + row + g * V::width;
        V::store(sum, begin == 0 ? sums[s][g] : V::add(V::load(sum), sums[s][g]));
      }
  }
}

/// Calls part(begin, count) for the parts of which a sum over features is made: one if there are
/// none.
template <typename Part>
void for_each_part(Index features, const Part& part) {
  for (Index begin = 0; begin == 0 || begin < features; begin += kFeatures)
    part(begin, std::min(kFeatures, features - begin));
}

}  // namespace

template <typename T>
void transpose_panel(const T* const* columns, Index height, Index begin, Index count, T* out) {
  using V = Simd<T>;
  const Index whole_rows = height / V::width * V::width;
  const Index whole = count / V::width * V::width;
  // Features outside: what is written together lies together.
  for (Index f = 0; f < whole; f += V::width)
    for (Index row = 0; row < whole_rows; row += V::width) {
      Eigen::internal::PacketBlock<typename V::Packet, V::width> block;
      for (Index i = 0; i < V::width; ++i) block.packet[i] = V::load(columns[row + i] + begin + f);
      Eigen::internal::ptranspose(block);
      for (Index i = 0; i < V::width; ++i) V::store(out + (f + i) * kHeight + row, block.packet[i]);
    }
  for (Index f = whole; f < count; ++f)
    for (Index i = 0; i < whole_rows; ++i) out[f * kHeight + i] = columns[i][begin + f];
  if (whole_rows == kHeight) return;
  for (Index f = 0; f < count; ++f) {
    for (Index i = whole_rows; i < height; ++i) out[f * kHeight + i] = columns[i][begin + f];
    std::fill(out + f * kHeight + height, out + (f + 1) * kHeight, T(0));
  }
}

template <typename T>
PanelDictionary<T>::PanelDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                                    Panels panels)
    : columns_(dictionary) {
  if (panels == Panels::transient) return;
  entries_ = AlignedBuffer<T>(num_panels() * kRows * features());
  const double size = static_cast<double>(dictionary.size());
  parallel_for(execution.for_work(size), num_panels(), [&](Index index, int) {
    const Index begin = index * kRows;
    const Index height = std::min(kRows, atoms() - begin);
    const T* columns[kRows];
    for (Index i = 0; i < height; ++i) columns[i] = columns_.col(begin + i).data();
    transpose_panel(columns, height, 0, features(), entries_.data() + begin * features());
  });
}

template <typename T>
AlignedBuffer<T> PanelDictionary<T>::workspace() const {
  return AlignedBuffer<T>(entries_.data() ? 0 : kRows * std::min(kFeatures, features()));
}

template <typename T>
void PanelDictionary<T>::multiply(Index panel, const T* const* signals, Index count,
                                  T* const* results, AlignedBuffer<T>& workspace) const {
  if (entries_.data()) {
    const T* entries = entries_.data() + panel * kRows * features();
    for_each_part(features(), [&](Index begin, Index size) {
      add_all(entries + begin * kRows, signals, count, begin, size, results);
    });
    return;
  }
  const Index height = std::min(kRows, atoms() - panel * kRows);
  const T* columns[kRows];
  for (Index i = 0; i < kRows; ++i)
    columns[i] = columns_.col(panel * kRows + std::min(i, height - 1)).data();
  for_each_part(features(), [&](Index begin, Index size) {
    if (count == 1) return add_transposed<1>(columns, signals, begin, size, results);
    if (count == 2) return add_transposed<2>(columns, signals, begin, size, results);
    transpose_panel(columns, height, begin, size, workspace.data());
    add_all<T>(workspace.data(), signals, count, begin, size, results);
  });
  for (Index s = 0; s < count; ++s) std::fill(results[s] + height, results[s] + kRows, T(0));
}

template <typename T>
void PanelDictionary<T>::correlate(const ConstMatrixRef<T>& signals, MatrixRef<T> out) const {
  correlate_panels(0, num_panels(), signals, out);
}

template <typename T>
void PanelDictionary<T>::correlate(const Execution& execution, const ConstMatrixRef<T>& signals,
                                   MatrixRef<T> out, VectorRef<T> squared_norms) const {
  const double flops = static_cast<double>(columns_.size()) * static_cast<double>(signals.cols());
  parallel_for(execution.for_work(flops), num_panels(), [&](Index panel, int) {
    for (Index j = panel * kRows; j < std::min((panel + 1) * kRows, atoms()); ++j)
      squared_norms[j] = squared_norm(j);
    correlate_panels(panel, panel + 1, signals, out);
  });
}

template <typename T>
T PanelDictionary<T>::squared_norm(Index atom) const {
  using V = Simd<T>;
  constexpr Index lanes = 4;
  const T* entries = columns_.col(atom).data();
  typename V::Packet sums[lanes];
  for (auto& sum : sums) sum = V::zero();
  Index begin = 0;
  for (; begin + lanes * V::width <= features(); begin += lanes * V::width)
    for (Index l = 0; l < lanes; ++l) {
      const auto values = V::load(entries + begin + l * V::width);
      sums[l] = V::multiply_add(values, values, sums[l]);
    }
  T sum = V::sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
  for (; begin < features(); ++begin) sum += entries[begin] * entries[begin];
  return sum;
}

template <typename T>
void PanelDictionary<T>::correlate_panels(Index first, Index end, const ConstMatrixRef<T>& signals,
                                          MatrixRef<T>& out) const {
  const auto count = static_cast<std::size_t>(signals.cols());
  std::vector<const T*> columns(count);
  std::vector<T*> results(count);
  AlignedBuffer<T> part = workspace();
  for (std::size_t s = 0; s < count; ++s) columns[s] = signals.col(static_cast<Index>(s)).data();
  for (Index panel = first; panel < end; ++panel) {
    for (std::size_t s = 0; s < count; ++s)
      results[s] = out.col(static_cast<Index>(s)).data() + panel * kRows;
    multiply(panel, columns.data(), signals.cols(), results.data(), part);
  }
}

template <typename T>
void PanelDictionary<T>::multiply_atoms(const int* atoms, Index count, T* out) const {
  AlignedBuffer<T> part(kRows * std::min(kFeatures, features()));
  const T* columns[kRows];
  T* results[kRows];
  for (Index i = 0; i < count; ++i) {
    columns[i] = columns_.col(atoms[i]).data();
    results[i] = out + i * kRows;
  }
  for_each_part(features(), [&](Index begin, Index size) {
    transpose_panel(columns, count, begin, size, part.data());
    add_all<T>(part.data(), columns, count, begin, size, results);
  });
}

template <typename T>
double PanelDictionary<T>::rounding() const {
  // A chain of products, one of partial sums, and the signal; Cauchy-Schwarz bounds their terms.
  const Index steps = std::min(kFeatures, features()) + num_blocks(features(), kFeatures) + 1;
  return static_cast<double>(steps) * static_cast<double>(std::numeric_limits<T>::epsilon());
}

template class PanelDictionary<float>;
template class PanelDictionary<double>;
template void transpose_panel(const float* const*, Index, Index, Index, float*);
template void transpose_panel(const double* const*, Index, Index, Index, double*);

}  // namespace sparsetransfer
