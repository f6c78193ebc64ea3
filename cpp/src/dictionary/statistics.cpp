#include "sparsetransfer/dictionary/statistics.hpp"

#include <algorithm>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {
namespace {

// Samples per partial sum: bounds both the workspace and, in float32, the length of a plain sum.
constexpr Index kSampleBlock = 2048;
// Threads share out columns of A and B rather than samples: no partial sums to merge, and every
// entry is summed in sample order whatever the number of threads.
constexpr Index kAtomPanel = 128;

template <typename T>
void mirror_lower(MatrixRef<T>& A) {
  A.template triangularView<Eigen::StrictlyUpper>() = A.transpose();
}

}  // namespace

template <typename T>
void accumulate_statistics(const Execution& execution, const ConstMatrixRef<T>& signals,
                           const ConstMatrixRef<T>& codes, const ConstVectorRef<T>& weights,
                           MatrixRef<T> A, MatrixRef<T> B) {
  const Index atoms = codes.rows();
  const Index samples = codes.cols();
  require_shape("signals", signals.rows(), signals.cols(), signals.rows(), samples);
  require_shape("A", A.rows(), A.cols(), atoms, atoms);
  require_shape("B", B.rows(), B.cols(), signals.rows(), atoms);
  require(weights.size() == 0 || weights.size() == samples,
          "weights must be empty or have one entry per sample");

  const Index panels = num_blocks(atoms, kAtomPanel);
  for (Index begin = 0; begin < samples; begin += kSampleBlock) {
    const Index count = std::min(kSampleBlock, samples - begin);
    const auto block = codes.middleCols(begin, count);
    const auto data = signals.middleCols(begin, count);
    const double flops = double(count) * double(atoms) * double(atoms + 2 * signals.rows());
    // The panels of B first, then those of A from the tallest to the shortest.
    parallel_for(execution.for_work(flops), 2 * panels, [&](Index task, int) {
      const bool is_B = task < panels;
      const Index first = (is_B ? task : task - panels) * kAtomPanel;
      const Index width = std::min(kAtomPanel, atoms - first);
      Matrix<T> panel = block.middleRows(first, width).transpose();
      if (weights.size() > 0) panel.array().colwise() *= weights.segment(begin, count).array();
      if (is_B) {
        B.middleCols(first, width).noalias() += data * panel;
      } else {
        A.block(first, first, atoms - first, width).noalias() +=
            block.bottomRows(atoms - first) * panel;
      }
    });
  }
  mirror_lower<T>(A);
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                        \
  template void accumulate_statistics<T>(const Execution&, const ConstMatrixRef<T>&,         \
                                         const ConstMatrixRef<T>&, const ConstVectorRef<T>&, \
                                         MatrixRef<T>, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
