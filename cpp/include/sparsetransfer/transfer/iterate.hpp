#pragma once

#include <cmath>
#include <limits>

#include "sparsetransfer/transfer/coupling.hpp"

namespace sparsetransfer::transfer {

/// What is known of a point of a CodeProblem.
struct Certificate {
  double objective = 0;
  double kkt_violation = 0;  ///< largest violation of 0 in the subdifferential, any entry; that of
                             ///< sample i in units of its penalty p_i
  double duality_gap = 0;    ///< objective minus a feasible dual value; >= suboptimality
};

/// A point S with everything its gradient needs. Samples lie in rows here: the proximal operator
/// of the MMD works along all samples of one atom, which is then a contiguous column.
template <typename T>
struct Iterate {
  Matrix<T> codes;      ///< S' (samples x atoms)
  Matrix<T> quadratic;  ///< (G S + S L + W'W S diag(b))' (samples x atoms)
  Matrix<T> means;      ///< E' S' (r x atoms)
  Certificate certificate;

  void resize(const CodeProblem<T>& problem);
};

/// A' (samples x atoms) of a problem, laid out as Iterate is.
template <typename T>
Matrix<T> transposed_correlations(const Execution& execution, const CodeProblem<T>& problem);

/// means = E' codes.
template <typename T>
void update_means(const Execution& execution, const CodeProblem<T>& problem, Iterate<T>& point);

/// Fills quadratic and certificate from codes and means. The gradient is
/// quadratic - correlations + E means.
template <typename T>
void evaluate(const Execution& execution, const CodeProblem<T>& problem,
              const Matrix<T>& correlations, Iterate<T>& point);

/// The rounding error to expect of the objective at a point. The objective is negative where the
/// signal energy is smaller than the correlations imply.
template <typename T>
double objective_rounding(const CodeProblem<T>& problem, const Iterate<T>& point) {
  return 8 * static_cast<double>(std::numeric_limits<T>::epsilon()) *
         (problem.signal_energy + std::abs(point.certificate.objective));
}

}  // namespace sparsetransfer::transfer
