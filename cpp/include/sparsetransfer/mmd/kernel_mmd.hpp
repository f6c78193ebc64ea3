#pragma once

#include <vector>

#include "sparsetransfer/mmd/coefficients.hpp"
#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Functions of r = |x-y| / s: exp(-r^2 / 2), exp(-r) and (1 + r^2)^(-1/2).
enum class KernelFamily { gaussian, laplace, inverse_multiquadric };

/// The weighted mean over the bandwidths s of the kernels of a family. Gaussians whose squared
/// bandwidths differ by powers of two share one exponential: the narrower kernel is a square.
class KernelMixture {
 public:
  /// One more kernel: the last one squared `squarings` times, with its share of the mean.
  struct Step {
    int squarings;
    double rate;
    double share;
  };
  /// Kernels that share the exponential of `rate` times the widest kernel's exponent.
  struct Chain {
    double rate;
    std::vector<Step> steps;
  };

  /// Weights are scaled to sum one; none are equal ones. Throws std::invalid_argument unless there
  /// are bandwidths, all are positive and finite, and as many weights, not negative and not all
  /// zero.
  explicit KernelMixture(const std::vector<double>& bandwidths,
                         KernelFamily family = KernelFamily::gaussian,
                         const std::vector<double>& weights = {});

  KernelFamily family() const { return family_; }
  const std::vector<Chain>& chains() const { return chains_; }
  /// Samples times this have a widest kernel of bandwidth one. Rates are those of the squared
  /// distance relative to it.
  double scale() const { return scale_; }

 private:
  KernelFamily family_;
  std::vector<Chain> chains_;
  double scale_ = 1;
};

/// The squared discrepancy of `source` and `target` (features x samples), with its derivatives
/// in `source_gradient` and `target_gradient` (same shapes) unless these are null. O((n_s+n_t)^2 d)
/// time; memory: a copy of the samples and some tiles. Outputs must not alias the samples.
/// All functions here throw NumericalError if a squared distance overflows.
template <typename T>
double kernel_mmd(const Execution& execution, const KernelMixture& kernel,
                  const ConstMatrixRef<T>& source, const ConstMatrixRef<T>& target,
                  const Coefficients<T>& coefficients, MatrixRef<T>* source_gradient,
                  MatrixRef<T>* target_gradient);

/// result = K W: for every column of `points` the sums of its kernels with the columns of
/// `samples` (features x samples), weighted by the columns of `weights` (samples x sums);
/// `result` is (points x sums).
template <typename T>
void kernel_sums(const Execution& execution, const KernelMixture& kernel,
                 const ConstMatrixRef<T>& points, const ConstMatrixRef<T>& samples,
                 const ConstMatrixRef<T>& weights, MatrixRef<double> result);

/// forms[p] = w_p' K w_p for the columns w_p of `weights` (samples x forms), and row_sums = K 1;
/// in both without the diagonal of K, which is one. In double only: tests subtract nearly equal
/// forms.
void kernel_quadratic_forms(const Execution& execution, const KernelMixture& kernel,
                            const ConstMatrixRef<double>& samples,
                            const ConstMatrixRef<double>& weights, VectorRef<double> forms,
                            VectorRef<double> row_sums);

}  // namespace sparsetransfer
