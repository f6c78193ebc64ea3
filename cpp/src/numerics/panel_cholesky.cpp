#include "sparsetransfer/numerics/panel_cholesky.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <utility>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kPanel = 128;

}  // namespace

bool PanelCholesky::compute(const Execution& execution, Matrix<double> matrix) {
  require_shape("matrix", matrix.rows(), matrix.cols(), matrix.rows(), matrix.rows());
  factor_ = std::move(matrix);
  const Index size = factor_.rows();
  for (Index begin = 0; begin < size; begin += kPanel) {
    const Index width = std::min(kPanel, size - begin);
    const Index rest = size - begin - width;
    const Eigen::LLT<Matrix<double>> corner(factor_.block(begin, begin, width, width));
    if (corner.info() != Eigen::Success) return false;
    const Matrix<double> diagonal = corner.matrixL();
    factor_.block(begin, begin, width, width) = diagonal;
    if (rest == 0) break;
    auto below = factor_.block(begin + width, begin, rest, width);
    diagonal.triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(below);
    // The lower half of the rest, one panel of columns per task.
    const double flops = double(rest) * double(rest) * double(width);
    parallel_for_blocks(execution.for_work(flops), rest, kPanel, [&](Index col, Index cols, int) {
      factor_.block(begin + width + col, begin + width + col, rest - col, cols).noalias() -=
          below.bottomRows(rest - col) * below.middleRows(col, cols).transpose();
    });
    execution.check();
  }
  return true;
}

Matrix<double> PanelCholesky::solve(const Execution& execution, Matrix<double> rhs) const {
  require_shape("rhs", rhs.rows(), rhs.cols(), factor_.rows(), rhs.cols());
  const double flops = 2.0 * double(factor_.size()) * double(rhs.cols());
  parallel_for_blocks(execution.for_work(flops), rhs.cols(), kPanel,
                      [&](Index begin, Index count, int) {
                        auto block = rhs.middleCols(begin, count);
                        factor_.triangularView<Eigen::Lower>().solveInPlace(block);
                        execution.check();
                        factor_.triangularView<Eigen::Lower>().transpose().solveInPlace(block);
                      });
  return rhs;
}

}  // namespace sparsetransfer
