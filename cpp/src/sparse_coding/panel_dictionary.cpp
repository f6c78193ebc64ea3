#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <vector>

namespace sparsetransfer {
namespace {

constexpr Index kHeight = PanelDictionary<double>::kRows;
constexpr Index kTogether = 6;  // signals
// Features summed at once: what a panel has of them stays in the cache, and sums of sums round
// less.
constexpr Index kFeatures = 128;
constexpr double kPriceOfEntry = 16;  // operations: it comes from memory, and may go there

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

// The alignment of a packet, which a template argument loses, is that of the loads into it. GCC 12
// takes what its own intrinsics leave open for uninitialised (bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wignored-attributes"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/// Reads features begin .. begin + V::width of as many columns, transposed. AVX-512 reads halves of
/// columns to their places, which leaves fewer shuffles than Eigen's transposition of packets.
template <typename T>
EIGEN_ALWAYS_INLINE void load_transposed(const T* const* columns, Index begin,
                                         typename Simd<T>::Packet* out) {
  using V = Simd<T>;
#ifdef EIGEN_VECTORIZE_AVX512
  if constexpr (std::is_same_v<T, double>) {
    const auto pair = [&](Index column, Index feature) {
      return _mm512_insertf64x4(
          _mm512_castpd256_pd512(_mm256_loadu_pd(columns[column] + begin + feature)),
          _mm256_loadu_pd(columns[column + 2] + begin + feature), 1);
    };
    for (Index half = 0; half < V::width; half += 4) {
      const __m512d first = pair(0, half), second = pair(1, half);
      const __m512d third = pair(4, half), fourth = pair(5, half);
      const __m512d even = _mm512_unpacklo_pd(first, second);
      const __m512d odd = _mm512_unpackhi_pd(first, second);
      const __m512d even_below = _mm512_unpacklo_pd(third, fourth);
      const __m512d odd_below = _mm512_unpackhi_pd(third, fourth);
      out[half] = _mm512_shuffle_f64x2(even, even_below, 0x88);
      out[half + 1] = _mm512_shuffle_f64x2(odd, odd_below, 0x88);
      out[half + 2] = _mm512_shuffle_f64x2(even, even_below, 0xdd);
      out[half + 3] = _mm512_shuffle_f64x2(odd, odd_below, 0xdd);
    }
    return;
  }
#endif
  Eigen::internal::PacketBlock<typename V::Packet, V::width> block;
  for (Index i = 0; i < V::width; ++i) block.packet[i] = V::load(columns[i] + begin);
  Eigen::internal::ptranspose(block);
  for (Index i = 0; i < V::width; ++i) out[i] = block.packet[i];
}

/// `add_products` with 64 columns that are no panel, transposed in registers. If they are read for
/// the first time, also norms += the squares of their entries, to the bits of a product with
/// themselves, and, where there is one, the panel (64 x count) is written.
template <Index together, bool first_time, typename T>
void add_transposed(const T* const* columns, const T* const* signals, Index begin, Index count,
                    T* const* out, T* norms, T* panel) {
  using V = Simd<T>;
  constexpr Index groups = 2;  // of rows: more would leave memory no fewer streams to read
  const auto finish = [begin](T* sum, const typename V::Packet& part) {
    V::store(sum, begin == 0 ? part : V::add(V::load(sum), part));
  };
  for (Index row = 0; row < kHeight; row += groups * V::width) {
    typename V::Packet sums[groups][together + first_time];
    for (auto& group : sums)
      for (auto& sum : group) sum = V::zero();
    const auto add = [&](Index g, Index f, const typename V::Packet& atoms) {
      for (Index s = 0; s < together; ++s)
        sums[g][s] = V::multiply_add(V::broadcast(signals[s][begin + f]), atoms, sums[g][s]);
      if constexpr (first_time) {
        sums[g][together] = V::multiply_add(atoms, atoms, sums[g][together]);
        if (panel) V::store(panel + f * kHeight + row + g * V::width, atoms);
      }
    };
    const auto add_whole = [&](Index g, Index f) {
      typename V::Packet atoms[V::width];
      load_transposed(columns + row + g * V::width, begin + f, atoms);
      for (Index i = 0; i < V::width; ++i) add(g, f + i, atoms[i]);
    };
    Index f = 0;
    for (; f + V::width <= count; f += V::width) {
      add_whole(0, f);
      add_whole(1, f);
    }
    for (; f < count; ++f)
      for (Index g = 0; g < groups; ++g) {
        T entries[V::width];
        for (Index i = 0; i < V::width; ++i)
          entries[i] = columns[row + g * V::width + i][begin + f];
        add(g, f, V::load(entries));
      }
    for (Index g = 0; g < groups; ++g) {
      const Index first = row + g * V::width;
      for (Index s = 0; s < together; ++s) finish(out[s] + first, sums[g][s]);
      if constexpr (first_time) finish(norms + first, sums[g][together]);
    }
  }
}

/// Where signals begin, and the rows of a panel in their products.
template <typename T>
struct Products {
  Products(const ConstMatrixRef<T>& from, MatrixRef<T>& out, Index panel)
      : signals(static_cast<std::size_t>(from.cols())), results(signals.size()) {
    for (std::size_t s = 0; s < signals.size(); ++s) {
      signals[s] = from.col(static_cast<Index>(s)).data();
      results[s] = out.col(static_cast<Index>(s)).data() + panel * kHeight;
    }
  }
  std::vector<const T*> signals;
  std::vector<T*> results;
};

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
      typename V::Packet atoms[V::width];
      load_transposed(columns + row, begin + f, atoms);
      for (Index i = 0; i < V::width; ++i) V::store(out + (f + i) * kHeight + row, atoms[i]);
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
    : PanelDictionary(execution, dictionary, panels,
                      Eigen::Map<const Matrix<T>>(nullptr, dictionary.rows(), 0),
                      Eigen::Map<Matrix<T>>(nullptr, round_up(dictionary.cols(), kRows), 0)) {}

template <typename T>
PanelDictionary<T>::PanelDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                                    Panels panels, const ConstMatrixRef<T>& signals,
                                    MatrixRef<T> out)
    : columns_(dictionary), squared_norms_(dictionary.cols()) {
  if (panels == Panels::stored) entries_ = AlignedBuffer<T>(num_panels() * kRows * features());
  const double flops = static_cast<double>(dictionary.size()) *
                       (static_cast<double>(signals.cols()) + kPriceOfEntry);
  parallel_for(execution.for_work(flops), num_panels(), [&](Index panel, int) {
    AlignedBuffer<T> part = workspace();
    const Products<T> products(signals, out, panel);
    read(panel, products.signals.data(), signals.cols(), products.results.data(), part);
  });
}

template <typename T>
void PanelDictionary<T>::read(Index panel, const T* const* signals, Index count, T* const* results,
                              AlignedBuffer<T>& workspace) {
  const Index first = panel * kRows;
  const Index height = std::min(kRows, atoms() - first);
  const auto columns = columns_of(panel);
  T* entries = entries_.data() ? entries_.data() + first * features() : nullptr;
  T norms[kRows];
  for_each_part(features(), [&](Index begin, Index size) {
    T* to = entries ? entries + begin * kRows : nullptr;
    if (count == 1)
      return add_transposed<1, true>(columns.data(), signals, begin, size, results, norms, to);
    if (count == 2)
      return add_transposed<2, true>(columns.data(), signals, begin, size, results, norms, to);
    if (count > 0 && !to) to = workspace.data();
    add_transposed<0, true>(columns.data(), signals, begin, size, results, norms, to);
    add_all<T>(to, signals, count, begin, size, results);
  });
  squared_norms_.segment(first, height) = Eigen::Map<const Vector<T>>(norms, height);
  if (height == kRows) return;
  for (Index s = 0; s < count; ++s) std::fill(results[s] + height, results[s] + kRows, T(0));
  for (Index f = 0; entries && f < features(); ++f)
    std::fill(entries + f * kRows + height, entries + (f + 1) * kRows, T(0));
}

template <typename T>
std::array<const T*, PanelDictionary<T>::kRows> PanelDictionary<T>::columns_of(Index panel) const {
  std::array<const T*, kRows> columns;
  for (Index i = 0; i < kRows; ++i)
    columns[i] = columns_.col(std::min(panel * kRows + i, atoms() - 1)).data();
  return columns;
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
  const auto columns = columns_of(panel);
  for_each_part(features(), [&](Index begin, Index size) {
    if (count == 1)
      return add_transposed<1, false, T>(columns.data(), signals, begin, size, results, {}, {});
    if (count == 2)
      return add_transposed<2, false, T>(columns.data(), signals, begin, size, results, {}, {});
    transpose_panel(columns.data(), height, begin, size, workspace.data());
    add_all<T>(workspace.data(), signals, count, begin, size, results);
  });
  for (Index s = 0; s < count; ++s) std::fill(results[s] + height, results[s] + kRows, T(0));
}

template <typename T>
void PanelDictionary<T>::correlate(const ConstMatrixRef<T>& signals, MatrixRef<T> out) const {
  AlignedBuffer<T> part = workspace();
  Products<T> products(signals, out, 0);
  for (Index panel = 0; panel < num_panels(); ++panel) {
    multiply(panel, products.signals.data(), signals.cols(), products.results.data(), part);
    for (T*& result : products.results) result += kRows;
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
