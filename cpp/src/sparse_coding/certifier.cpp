#include "sparsetransfer/sparse_coding/certifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/wide_dot.hpp"

namespace sparsetransfer {

template <typename T>
Certifier<T>::Certifier(const CodingShape& shape, const CodingSettings& settings,
                        const ConstVectorRef<double>& weights)
    : settings_(settings),
      penalties_(sparsetransfer::penalties<double>(settings, weights, shape.atoms, shape.atoms)),
      gradient_(round_up(shape.atoms, PanelGram<T>::kRows)),
      residual_(shape.features) {
  largest_penalty_ = penalties_.maxCoeff();
}

template <typename T>
double Certifier<T>::tolerance(const T* correlations) const {
  if (largest_penalty_ > 0.0) return settings_.tolerance * largest_penalty_;
  const Eigen::Map<const Vector<T>> b(correlations, penalties_.size());
  return settings_.tolerance * static_cast<double>(b.cwiseAbs().maxCoeff());
}

template <typename T>
double Certifier<T>::by_signal(const CodingBlock<T>& block, Index index, const T* code) {
  const double ridge = block.ridge ? block.ridge[index] : 0.0;
  residual_ = block.signals->col(index).template cast<double>();
  double squares = 0.0;
  for (Index j = 0; j < penalties_.size(); ++j) {
    if (code[j] == T(0)) continue;
    const double value = static_cast<double>(code[j]);
    residual_ -= value * block.dictionary->atom(j).template cast<double>();
    squares += value * value;
  }
  for (Index j = 0; j < penalties_.size(); ++j)
    gradient_[j] = wide_dot(block.dictionary->atom(j).data(), residual_.data(), residual_.size()) -
                   ridge * static_cast<double>(code[j]);
  return residual_.squaredNorm() + ridge * squares;
}

template <typename T>
double Certifier<T>::by_gram(const CodingBlock<T>& block, Index index, const T* correlations,
                             const T* code) {
  constexpr Index height = PanelGram<T>::kRows;
  const Index atoms = penalties_.size();
  const double ridge = block.ridge ? block.ridge[index] : 0.0;
  gradient_.setZero();
  for (Index j = 0; j < atoms; ++j) gradient_[j] = static_cast<double>(correlations[j]);
  for (Index j = 0; j < atoms; ++j) {
    if (code[j] == T(0)) continue;
    const double value = static_cast<double>(code[j]);
    const int atom = static_cast<int>(j);
    block.gram.require(&atom, 1);
    for (Index p = 0; p < block.gram.num_panels(); ++p)
      gradient_.segment<height>(p * height) -=
          value * Eigen::Map<const Eigen::Matrix<T, height, 1>>(block.gram.panel(p) +
                                                                block.gram.place(j) * height)
                      .template cast<double>();
    gradient_[j] -= ridge * value;
  }
  if (!block.squared_norms) return std::numeric_limits<double>::quiet_NaN();
  double residual = block.squared_norms[index];
  for (Index j = 0; j < atoms; ++j)
    residual -=
        static_cast<double>(code[j]) * (static_cast<double>(correlations[j]) + gradient_[j]);
  return residual;
}

template <typename T>
CodingReport Certifier<T>::certify(const CodingBlock<T>& block, Index index, const T* correlations,
                                   const T* code, Status otherwise) {
  CertificateTerms terms;
  // In double precision the Gram form loses nothing and costs less; float32 needs the signal.
  terms.residual = std::is_same_v<T, float> && block.signals
                       ? by_signal(block, index, code)
                       : by_gram(block, index, correlations, code);
  double violation = 0.0;
  double largest = 1.0;  // of |c_j| / alpha_j
  double size = 0.0;
  double base = 0.0;
  for (Index j = 0; j < penalties_.size(); ++j) {
    const double a = static_cast<double>(code[j]);
    const double c = gradient_[j];
    const double limit = penalties_[j];
    const double upward = settings_.nonnegative ? c : std::abs(c);
    violation =
        max_or_nan(violation, a != 0.0 ? std::abs(c - std::copysign(limit, a)) : upward - limit);
    if (limit > 0.0) largest = std::max(largest, upward / limit);
    terms.penalty += limit * std::abs(a);
    terms.alignment += c * a;
    size += std::abs(a);
    base = std::max(base, std::abs(static_cast<double>(correlations[j])));
  }
  terms.dual_scale = 1.0 / largest;
  require_finite(violation, terms, block.signals || block.squared_norms);
  double accepted = tolerance(correlations);
  if (std::is_same_v<T, double>)
    accepted = std::max(accepted, 4 * std::numeric_limits<double>::epsilon() *
                                      (base + block.gram.largest_diagonal() * size));
  return {0, violation <= accepted ? Status::converged : otherwise, duality_gap(terms), violation,
          coding_objective(terms)};
}

template class Certifier<float>;
template class Certifier<double>;

}  // namespace sparsetransfer
