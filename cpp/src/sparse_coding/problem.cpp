#include "sparsetransfer/sparse_coding/problem.hpp"

#include <algorithm>
#include <cmath>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {

void CodingSettings::validate() const {
  require(std::isfinite(alpha) && alpha >= 0, "alpha must be finite and not negative");
  require(std::isfinite(tolerance) && tolerance >= 0, "tolerance must be finite and not negative");
  require(max_iterations >= 0, "max_iterations must not be negative");
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
