#include "sparsetransfer/sparse_coding/problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {

void CodingSettings::validate() const {
  require(std::isfinite(alpha) && alpha >= 0, "alpha must be finite and not negative");
  require(std::isfinite(tolerance) && tolerance >= 0, "tolerance must be finite and not negative");
  require(max_iterations >= 0, "max_iterations must not be negative");
}

void require_penalties(const ConstVectorRef<double>& ridge, const ConstVectorRef<double>& weights) {
  require(ridge.allFinite() && (ridge.array() >= 0).all(), "ridge must be finite and not negative");
  require(weights.allFinite() && (weights.array() >= 0).all(),
          "weights must be finite and not negative");
}

void require_finite(double violation, const CertificateTerms& terms, bool known) {
  if (std::isfinite(violation) && std::isfinite(terms.penalty) && std::isfinite(terms.alignment) &&
      (!known || std::isfinite(terms.residual)))
    return;
  throw NumericalError(
      "the gradient or the objective at a code overflows: scale the signals and the "
      "dictionary to norms of about one");
}

template <typename T>
Vector<T> penalties(const CodingSettings& settings, const ConstVectorRef<double>& weights,
                    Index atoms, Index padded) {
  Vector<T> out = Vector<T>::Constant(padded, std::numeric_limits<T>::infinity());
  for (Index j = 0; j < atoms; ++j)
    out[j] = static_cast<T>(settings.alpha * (weights.size() > 0 ? weights[j] : 1.0));
  return out;
}

template Vector<float> penalties(const CodingSettings&, const ConstVectorRef<double>&, Index,
                                 Index);
template Vector<double> penalties(const CodingSettings&, const ConstVectorRef<double>&, Index,
                                  Index);

template <typename T>
Vector<double> squared_norms(const ConstMatrixRef<T>& signals) {
  return signals.template cast<double>().colwise().squaredNorm();
}

template <typename T>
void require_range(double largest, const ConstVectorRef<double>& squared_norms) {
  const std::string precision = sizeof(T) == 4 ? "float32" : "float64";
  if (!std::isfinite(largest))
    throw NumericalError("the Gram matrix of the dictionary overflows " + precision +
                         ": divide the dictionary by the largest norm of an atom");
  const double most = static_cast<double>(std::numeric_limits<T>::max());
  for (const double squares : squared_norms)
    if (!(std::isfinite(squares) && std::sqrt(squares) * std::sqrt(largest) <= 0.5 * most))
      throw NumericalError(
          "the squared norm of a signal, or its inner products with the atoms, "
          "overflow " +
          precision + ": divide the signals by their largest norm");
}

#define SPARSETRANSFER_INSTANTIATE(T)                              \
  template Vector<double> squared_norms(const ConstMatrixRef<T>&); \
  template void require_range<T>(double, const ConstVectorRef<double>&);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

double coding_objective(const CertificateTerms& terms) {
  return 0.5 * terms.residual + terms.penalty;
}

double duality_gap(const CertificateTerms& terms) {
  const double slack = 1.0 - terms.dual_scale;
  const double gap =
      0.5 * slack * slack * terms.residual + terms.penalty - terms.dual_scale * terms.alignment;
  return std::max(gap, 0.0);
}

}  // namespace sparsetransfer
