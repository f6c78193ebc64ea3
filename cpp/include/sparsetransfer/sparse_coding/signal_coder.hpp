#pragma once

#include <algorithm>
#include <limits>

#include "sparsetransfer/sparse_coding/block_coder.hpp"
#include "sparsetransfer/sparse_coding/certifier.hpp"

namespace sparsetransfer {

/// The problem of one signal, for coders that treat one after another.
template <typename T>
struct SignalProblem {
  const Execution& execution;
  const PanelGram<T>& gram;
  const T* correlations;  // padded atoms
  const T* penalties;     // padded atoms, infinite in the padding
  double ridge = 0.0;
  double tolerance = 0.0;  // of the violation
  Index max_iterations = 0;
  bool nonnegative = false;

  /// What rounding may make of the gradient at a code with this l1 norm.
  double rounding(double largest_correlation, double norm) const {
    return 4 * static_cast<double>(std::numeric_limits<T>::epsilon()) *
           (largest_correlation + gram.largest_diagonal() * norm);
  }
};

/// A block coder out of a `Solver`, which is made from the number of atoms, and whose
/// `int solve(const SignalProblem<T>&, T* code)` improves a code and returns its iterations.
template <typename T, template <typename> class Solver>
class SignalCoder final : public BlockCoder<T> {
 public:
  SignalCoder(const CodingShape& shape, const CodingSettings& settings,
              const ConstVectorRef<double>& weights)
      : BlockCoder<T>(shape),
        atoms_(shape.atoms),
        settings_(settings),
        penalties_(penalties<T>(settings, weights, atoms_, this->base_.rows())),
        certifier_(shape, settings, weights),
        solver_(atoms_) {}

  void solve(const CodingBlock<T>& block, Index count, MatrixRef<T> codes,
             CodingReport* reports) override {
    for (Index i = 0; i < count; ++i) {
      block.execution.check();
      auto code = codes.col(i);
      if (!settings_.warm_start) code.setZero();
      if (settings_.nonnegative) code = code.cwiseMax(T(0));
      const T* correlations = this->base_.col(i).data();
      const int iterations =
          solver_.solve({block.execution, block.gram, correlations, penalties_.data(),
                         block.ridge ? block.ridge[i] : 0.0, certifier_.tolerance(correlations),
                         settings_.max_iterations, settings_.nonnegative},
                        code.data());
      reports[i] = certifier_.certify(
          block, i, correlations, code.data(),
          block.execution.out_of_time() ? Status::stopped : Status::max_iterations);
      reports[i].iterations = iterations;
    }
  }

 private:
  Index atoms_;
  CodingSettings settings_;
  Vector<T> penalties_;
  Certifier<T> certifier_;
  Solver<T> solver_;
};

}  // namespace sparsetransfer
