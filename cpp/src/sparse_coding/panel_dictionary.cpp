#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"

#include <algorithm>
#include <limits>

namespace sparsetransfer {
namespace {

constexpr Index kTogether = 4;  // signals
// Features summed at once: what a panel has of them stays in the cache, and sums of sums round
// less.
constexpr Index kFeatures = 128;

/// out[s](0 : 64) += panel (64 x count, by columns) * signals[s](0 : count), or = if `first`.
template <typename T>
void add_products(const T* panel, const T* const* signals, Index count, bool first, T* const* out) {
  using V = Simd<T>;
  constexpr Index height = PanelDictionary<T>::kRows;
  constexpr Index fitting = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;
  constexpr Index packets = std::min<Index>(fitting, height / V::width);
  constexpr Index rows = packets * V::width;
  for (Index begin = 0; begin < height; begin += rows) {
    typename V::Packet sums[kTogether][packets];
    for (Index s = 0; s < kTogether; ++s)
      for (Index p = 0; p < packets; ++p) sums[s][p] = V::zero();
    for (Index f = 0; f < count; ++f) {
      typename V::Packet atoms[packets];
      for (Index p = 0; p < packets; ++p)
        atoms[p] = V::load(panel + f * height + begin + p * V::width);
      for (Index s = 0; s < kTogether; ++s) {
        const auto value = V::broadcast(signals[s][f]);
        for (Index p = 0; p < packets; ++p)
          sums[s][p] = V::multiply_add(value, atoms[p], sums[s][p]);
      }
    }
    // Read all before writing any: the same signal may be there twice.
    if (!first)
      for (Index s = 0; s < kTogether; ++s)
        for (Index p = 0; p < packets; ++p)
          sums[s][p] = V::add(V::load(out[s] + begin + p * V::width), sums[s][p]);
    for (Index s = 0; s < kTogether; ++s)
      for (Index p = 0; p < packets; ++p) V::store(out[s] + begin + p * V::width, sums[s][p]);
  }
}

}  // namespace

template <typename T>
PanelDictionary<T>::PanelDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary)
    : columns_(dictionary),
      panels_(num_blocks(dictionary.cols(), kRows)),
      entries_(panels_ * kRows * dictionary.rows()) {
  const double size = static_cast<double>(dictionary.size());
  parallel_for(execution.for_work(size), panels_, [&](Index index, int) {
    const Index begin = index * kRows;
    const Index height = std::min(kRows, dictionary.cols() - begin);
    Eigen::Map<Matrix<T>> panel(entries_.data() + begin * features(), kRows, features());
    panel.topRows(height) = dictionary.middleCols(begin, height).transpose();
    panel.bottomRows(kRows - height).setZero();
  });
}

template <typename T>
void PanelDictionary<T>::correlate(const ConstMatrixRef<T>& signals, MatrixRef<T> out) const {
  const Index last = signals.cols() - 1;
  for (Index index = 0; index < panels_; ++index) {
    const T* panel = entries_.data() + index * kRows * features();
    for (Index begin = 0; begin == 0 || begin < features(); begin += kFeatures) {
      const Index count = std::min(kFeatures, features() - begin);
      for (Index signal = 0; signal <= last; signal += kTogether) {
        // What is missing of the last four is the last signal once more.
        const T* columns[kTogether];
        T* results[kTogether];
        for (Index s = 0; s < kTogether; ++s) {
          const Index column = std::min(signal + s, last);
          columns[s] = signals.col(column).data() + begin;
          results[s] = out.col(column).data() + index * kRows;
        }
        add_products(panel + begin * kRows, columns, count, begin == 0, results);
      }
    }
  }
}

template <typename T>
double PanelDictionary<T>::rounding() const {
  // A chain of products, one of partial sums, and the signal; Cauchy-Schwarz bounds their terms.
  const Index steps = std::min(kFeatures, features()) + num_blocks(features(), kFeatures) + 1;
  return static_cast<double>(steps) * static_cast<double>(std::numeric_limits<T>::epsilon());
}

template class PanelDictionary<float>;
template class PanelDictionary<double>;

}  // namespace sparsetransfer
