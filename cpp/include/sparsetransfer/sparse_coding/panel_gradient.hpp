#pragma once

#include <algorithm>

#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// A nonzero coefficient, or the change of one.
template <typename T>
struct CodeEntry {
  int atom;
  T value;
};

/// gradient = base - sum_e value_e * column_e over the rows of one panel of a Gram matrix, its
/// accumulators in registers. The columns have to be known. base and gradient point at the panel's
/// rows and may be the same. visit(row, packet) is shown what is stored, while it is in a register.
template <typename T, typename Visit>
void refresh_panel(const PanelGram<T>& gram, Index index, const CodeEntry<T>* entries, Index count,
                   const T* base, T* gradient, const Visit& visit) {
  using V = Simd<T>;
  const T* panel = gram.panel(index);
  constexpr Index height = PanelGram<T>::kRows;
  constexpr Index packets = std::min<Index>(8, height / V::width);
  constexpr Index rows = packets * V::width;
  for (Index begin = 0; begin < height; begin += rows) {
    typename V::Packet sums[packets];
    for (Index p = 0; p < packets; ++p) sums[p] = V::load(base + begin + p * V::width);
    for (Index e = 0; e < count; ++e) {
      const T* column = panel + gram.place(entries[e].atom) * height + begin;
      const auto value = V::broadcast(-entries[e].value);
      for (Index p = 0; p < packets; ++p)
        sums[p] = V::multiply_add(value, V::load(column + p * V::width), sums[p]);
    }
    for (Index p = 0; p < packets; ++p) {
      V::store(gradient + begin + p * V::width, sums[p]);
      visit(begin + p * V::width, sums[p]);
    }
  }
}

template <typename T>
void refresh_panel(const PanelGram<T>& gram, Index index, const CodeEntry<T>* entries, Index count,
                   const T* base, T* gradient) {
  refresh_panel(gram, index, entries, count, base, gradient,
                [](Index, const typename Simd<T>::Packet&) {});
}

}  // namespace sparsetransfer
