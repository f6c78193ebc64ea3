#include "sparsetransfer/dictionary/block_coordinate.hpp"

#include <algorithm>
#include <cmath>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/quadratic.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/products.hpp"
#include "sparsetransfer/status.hpp"

namespace sparsetransfer {
namespace {

// Atoms per panel: everything outside the panel is one matrix product, only the panel's own
// interaction (panel / (2 atoms) of the work) is sequential.
constexpr Index kPanel = 32;
constexpr Index kFeatureBlock = 64;

template <typename T>
class Pass {
 public:
  Pass(const Execution& execution, const ConstMatrixRef<T>& A, const ConstMatrixRef<T>& B,
       const AtomConstraint& constraint, MatrixRef<T>& dictionary)
      : execution_(execution),
        A_(A),
        B_(B),
        constraint_(constraint),
        dictionary_(dictionary),
        residual_(B.rows(), kPanel),
        moved_(B.rows(), kPanel),
        candidate_(B.rows()),
        scale_(A.diagonal().maxCoeff()) {}

  /// One pass over all atoms; the farthest that an atom moved.
  T run() {
    T farthest = 0;
    for (Index begin = 0; begin < A_.cols(); begin += kPanel) {
      const Index count = std::min(kPanel, A_.cols() - begin);
      form_residual(begin, count);
      for (Index i = 0; i < count; ++i) farthest = max_or_nan(farthest, move_atom(begin, i));
      execution_.check();
    }
    if (!dictionary_.allFinite())
      throw NumericalError("an atom overflows: the statistics B are too large for A");
    return farthest;
  }

 private:
  // R = B − D A on the columns of the panel, before any of its atoms moves.
  void form_residual(Index begin, Index count) {
    const double flops = 2.0 * double(A_.rows()) * double(count) * double(B_.rows());
    const auto panel = A_.middleCols(begin, count);
    Execution workers = execution_.for_work(flops);
    workers.poll = nullptr;
    parallel_for_blocks(workers, B_.rows(), kFeatureBlock, [&](Index row, Index rows, int) {
      auto target = residual_.block(row, 0, rows, count);
      target = B_.block(row, begin, rows, count);
      add_product<T>(target, T(-1), dictionary_.middleRows(row, rows), panel);
    });
  }

  T move_atom(Index begin, Index i) {
    const Index atom = begin + i;
    const T curvature = A_(atom, atom);
    if (is_unused(curvature, scale_)) {
      moved_.col(i).setZero();
      return 0;
    }
    // The atoms of this panel that have moved since the residual was formed.
    add_product<T>(residual_.col(i), T(-1), moved_.leftCols(i), A_.col(atom).segment(begin, i));
    candidate_ = dictionary_.col(atom) + residual_.col(i) / curvature;
    project_atom<T>(constraint_, candidate_);
    moved_.col(i) = candidate_ - dictionary_.col(atom);
    dictionary_.col(atom) = candidate_;
    return moved_.col(i).norm();
  }

  const Execution& execution_;
  const ConstMatrixRef<T>& A_;
  const ConstMatrixRef<T>& B_;
  const AtomConstraint& constraint_;
  MatrixRef<T>& dictionary_;
  Matrix<T> residual_;
  Matrix<T> moved_;
  Vector<T> candidate_;
  const T scale_;
};

}  // namespace

void BlockCoordinateSettings::validate() const {
  require(passes >= 1, "passes must be at least 1");
  require(tolerance >= 0.0, "tolerance must not be negative");
  constraint.validate();
}

template <typename T>
int update_block_coordinate(const Execution& execution, const ConstMatrixRef<T>& A,
                            const ConstMatrixRef<T>& B, const BlockCoordinateSettings& settings,
                            MatrixRef<T> dictionary) {
  settings.validate();
  require_shape("A", A.rows(), A.cols(), dictionary.cols(), dictionary.cols());
  require_shape("B", B.rows(), B.cols(), dictionary.rows(), dictionary.cols());
  if (dictionary.size() == 0) return 0;
  require_finite<T>(A, B);
  Pass<T> pass(execution, A, B, settings.constraint, dictionary);
  for (int made = 1; made < settings.passes; ++made) {
    if (double(pass.run()) <= settings.tolerance) return made;
  }
  pass.run();
  return settings.passes;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                 \
  template int update_block_coordinate<T>(const Execution&, const ConstMatrixRef<T>&, \
                                          const ConstMatrixRef<T>&,                   \
                                          const BlockCoordinateSettings&, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
