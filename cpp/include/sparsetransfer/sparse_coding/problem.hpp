#pragma once

#include <limits>

#include "sparsetransfer/status.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

// One code solves, for a signal x (features) and a dictionary D (features x atoms),
//   min_a  1/2 |x - D a|^2 + h/2 |a|^2 + sum_j alpha_j |a_j|        (a >= 0 on request),
// in Gram form with G = D'D and correlations b = D'x. Its gradient is -c with
//   c = b - G a - h a,
// and a is optimal iff c_j = alpha_j sign(a_j) where a_j != 0 and |c_j| <= alpha_j (c_j <= alpha_j
// when a >= 0) elsewhere.

/// How codes are computed. All of them minimise the same function and stop at the same tolerance.
enum class Algorithm : int {
  active_set = 0,          ///< exact solutions on a growing set of atoms, in blocks of signals
  coordinate_descent = 1,  ///< one coefficient at a time, on working sets
  homotopy = 2,            ///< from the largest penalty down, breakpoint by breakpoint
  fista = 3,               ///< accelerated proximal gradient steps, in blocks of signals
};

/// Options of the l1-penalised coders; defaults are those of double precision.
struct CodingSettings {
  double alpha = 1.0;  ///< penalty of every atom, multiplied by its weight if weights are given
  double tolerance = 1e-9;      ///< accepted violation of the optimality conditions, times alpha
  Index max_iterations = 1000;  ///< rounds, epochs, breakpoints or steps
  bool nonnegative = false;
  bool warm_start = false;  ///< start from the codes passed in
  Algorithm algorithm = Algorithm::active_set;

  /// Throws std::invalid_argument naming the field that cannot be used.
  void validate() const;
};

/// How the coding of one signal ended, with a certificate of the returned code.
struct CodingReport {
  int iterations = 0;
  Status status = Status::converged;
  double gap = std::numeric_limits<double>::quiet_NaN();  ///< duality gap; NaN if |x|^2 is unknown
  double kkt = 0.0;  ///< largest violation, in units of alpha_j
  double objective = std::numeric_limits<double>::quiet_NaN();
};

/// What a certificate is made of: sums that every coder has at hand at its final point.
struct CertificateTerms {
  double residual = 0.0;    ///< |x - D a|^2 + h |a|^2  =  |x|^2 - b'a - c'a
  double penalty = 0.0;     ///< sum_j alpha_j |a_j|
  double alignment = 0.0;   ///< c'a
  double dual_scale = 1.0;  ///< min(1, min_j alpha_j / |c_j|): makes the residual dual feasible
};

/// Throws std::invalid_argument unless all entries are finite and not negative: an atom with a
/// negative penalty would be active and violated at once, and be added again and again.
void require_penalties(const ConstVectorRef<double>& ridge, const ConstVectorRef<double>& weights);

/// Throws NumericalError unless the violation and, if |x|^2 is `known`, the terms are finite.
void require_finite(double violation, const CertificateTerms& terms, bool known);

/// The penalty of each atom, `weights` (atoms, or empty for ones) times alpha, in a vector of
/// `padded` entries: the others are infinite, so that no padding ever violates anything.
template <typename T>
Vector<T> penalties(const CodingSettings& settings, const ConstVectorRef<double>& weights,
                    Index atoms, Index padded);

extern template Vector<float> penalties(const CodingSettings&, const ConstVectorRef<double>&, Index,
                                        Index);
extern template Vector<double> penalties(const CodingSettings&, const ConstVectorRef<double>&,
                                         Index, Index);

/// |x|^2 of every signal (features x signals), summed in double.
template <typename T>
Vector<double> squared_norms(const ConstMatrixRef<T>& signals);

/// Throws NumericalError, saying what to scale, if inner products overflow T: those of atoms whose
/// largest squared norm is `largest`, or of them with signals of these squared norms.
template <typename T>
void require_range(double largest, const ConstVectorRef<double>& squared_norms);

/// P = residual / 2 + penalty.
double coding_objective(const CertificateTerms& terms);

/// P - Dual(s), the dual point being s times the residual of the stacked system [D; sqrt(h) I]:
/// (1 - s)^2 residual / 2 + penalty - s c'a, free of the cancellation of the two values.
double duality_gap(const CertificateTerms& terms);

}  // namespace sparsetransfer
