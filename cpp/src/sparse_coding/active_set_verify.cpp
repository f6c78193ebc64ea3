// How codes are certified, and float32 codes rounded before: the report is that of the code as it
// is returned.

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/wide_dot.hpp"
#include "sparsetransfer/sparse_coding/active_set_block.hpp"

namespace sparsetransfer {
namespace {

constexpr int kMaxVerifications = 10;
constexpr int kMaxPlainRoundings = 6;

}  // namespace

template <typename T>
void ActiveSetBlock<T>::round(const PanelGram<T>& gram, Index index) {
  Signal& signal = signals_[index];
  if constexpr (std::is_same_v<T, float>) {
    // The factor at hand has the atoms in the order they came, large coefficients first; where that
    // is not good enough a factor in the best order is worth its price.
    if (signal.verifications < kMaxPlainRoundings)
      signal.active.template round_to<T>();
    else
      rounding_.round(gram, signal.ridge, signal.active.size(), signal.active.atoms(),
                      signal.active.coefficients());
  }
}

template <typename T>
void ActiveSetBlock<T>::find_residual(const CodingBlock<T>& block, Index index, Index column) {
  const ActiveSet& active = signals_[index].active;
  const Index features = block.dictionary->features();
  residual_.col(column) = block.signals->col(index).template cast<double>();
  double* residual = residual_.col(column).data();
  for (Index begin = 0; begin < active.size(); begin += 4) {
    // Four atoms for each pass over the residual; what is missing of four counts for nothing.
    const T* atoms[4];
    double factors[4];
    for (Index q = 0; q < 4; ++q) {
      const Index i = std::min(begin + q, active.size() - 1);
      atoms[q] = block.dictionary->atom(active.atoms()[i]).data();
      factors[q] = begin + q < active.size() ? active.coefficients()[i] : 0.0;
    }
    for (Index f = 0; f < features; ++f)
      residual[f] -= (factors[0] * static_cast<double>(atoms[0][f]) +
                      factors[1] * static_cast<double>(atoms[1][f])) +
                     (factors[2] * static_cast<double>(atoms[2][f]) +
                      factors[3] * static_cast<double>(atoms[3][f]));
  }
  narrow_residual_.col(column) = residual_.col(column).template cast<T>();
}

// The product in float32 settles only that most atoms outside the support do not violate anything.
// All others are multiplied again in double precision, which also refines the gradient there.
template <typename T>
CodingReport ActiveSetBlock<T>::certify_by_signal(const CodingBlock<T>& block, Index index,
                                                  Index column) {
  const Signal& signal = signals_[index];
  const ActiveSet& active = signal.active;
  const double* residual = residual_.col(column).data();
  const Vector<double>& penalties = certifier_.penalties();
  T* gradient = exact_.col(column).data();
  CertificateTerms terms;
  terms.residual = residual_.col(column).squaredNorm();
  const double size = std::sqrt(terms.residual);
  constexpr T tiny = std::numeric_limits<T>::min();
  const Index features = block.dictionary->features();
  const T slack = static_cast<T>(block.dictionary->rounding() * size);
  const auto product = exact_.col(column).array();
  const T share = 1 + 4 * std::numeric_limits<T>::epsilon();
  if (settings_.nonnegative)
    over_ = product * share + slack * norms_.array() - thresholds_.array();
  else
    over_ = product.abs() * share + slack * norms_.array() - thresholds_.array();
  double violation = 0.0;
  double largest = 1.0;  // of |c_j| / alpha_j
  const auto look = [&](int atom, double a) {
    const double c =
        wide_dot(block.dictionary->atom(atom).data(), residual, features) - signal.ridge * a;
    const double limit = penalties[atom];
    const double upward = settings_.nonnegative ? c : std::abs(c);
    gradient[atom] = static_cast<T>(c);
    violation =
        max_or_nan(violation, a != 0.0 ? std::abs(c - std::copysign(limit, a)) : upward - limit);
    if (limit > 0.0) largest = std::max(largest, upward / limit);
    terms.penalty += limit * std::abs(a);
    terms.alignment += c * a;
    terms.residual += signal.ridge * a * a;
  };
  for (Index i = 0; i < active.size(); ++i) {
    look(active.atoms()[i], active.coefficients()[i]);
    over_[active.atoms()[i]] = -std::numeric_limits<T>::infinity();
  }
  const Index near = list_above(-static_cast<T>(features) * tiny);
  for (Index q = 0; q < near; ++q) look(chosen_[q], 0.0);
  terms.dual_scale = 1.0 / largest;
  // Where norms do not fit, neither do products.
  const bool fits = size * static_cast<double>(norms_.maxCoeff()) <
                    static_cast<double>(std::numeric_limits<T>::max());
  require_finite(fits ? violation : std::numeric_limits<double>::infinity(), terms, true);
  return {0, Status::converged, duality_gap(terms), violation, coding_objective(terms)};
}

template <typename T>
void ActiveSetBlock<T>::verify(const CodingBlock<T>& block) {
  for (const Index index : finished_) {
    const ActiveSet& active = signals_[index].active;
    round(block.gram, index);
    reference_.col(index).setZero();
    for (Index i = 0; i < active.size(); ++i)
      reference_(active.atoms()[i], index) = static_cast<T>(active.coefficients()[i]);
  }
  if (block.signals) {
    const T least = static_cast<T>(block.dictionary->features()) * std::numeric_limits<T>::min();
    const T share =
        1 + static_cast<T>(block.dictionary->features()) * std::numeric_limits<T>::epsilon();
    for (Index j = 0; j < atoms_; ++j)
      norms_[j] = share * std::sqrt(block.gram.diagonal(j) + least);
    norms_.tail(padded_ - atoms_).setZero();
    Index column = 0;
    for (const Index index : finished_) find_residual(block, index, column++);
    block.dictionary->correlate(narrow_residual_.leftCols(column), exact_.leftCols(column));
    column = 0;
    for (const Index index : finished_) {
      signals_[index].report = certify_by_signal(block, index, column);
      base_.col(index) = exact_.col(column++);
    }
  } else {
    for (const Index index : finished_) {
      signals_[index].report =
          certifier_.certify(block, index, block.correlations->col(index).data(),
                             reference_.col(index).data(), Status::max_iterations);
      base_.col(index) = certifier_.gradient().template cast<T>();
    }
  }
  std::size_t kept = 0;
  for (const Index index : finished_) {
    if (accept(block.execution, index)) {
      finished_[kept++] = index;
    } else {
      running_.push_back(index);
    }
  }
  finished_.resize(kept);
}

template <typename T>
bool ActiveSetBlock<T>::accept(const Execution& execution, Index index) {
  Signal& signal = signals_[index];
  signal.exact = true;
  signal.largest = certifier_.penalties().maxCoeff();
  const bool good = signal.report.kkt <= signal.wanted;
  const bool late = execution.out_of_time();
  signal.report.status = good ? Status::converged : late ? Status::stopped : Status::max_iterations;
  signal.report.iterations = signal.iterations;
  signal.stalled = 0;
  return good || late || signal.iterations >= settings_.max_iterations ||
         ++signal.verifications >= kMaxVerifications;
}

template <typename T>
void ActiveSetBlock<T>::write(Index size, const int* atoms, const double* coefficients,
                              T* code) const {
  std::fill(code, code + atoms_, T(0));
  for (Index i = 0; i < size; ++i) code[atoms[i]] = static_cast<T>(coefficients[i]);
}

template <typename T>
auto ActiveSetBlock<T>::extent(Index index) -> Extent {
  // Unpenalised atoms have a vanishing gradient up to the reported violation: they set no scale.
  const auto upward = [&](T c) { return settings_.nonnegative ? c : std::abs(c); };
  const T* gradient = gradient_.col(index).data();
  const T* limits = thresholds_.data();
  T largest = 0;
  if (uniform_ && limits[0] > T(0)) {
    const auto column = gradient_.col(index).head(atoms_);
    largest =
        (settings_.nonnegative ? column.maxCoeff() : column.cwiseAbs().maxCoeff()) / limits[0];
  } else {
    for (Index j = 0; j < padded_; ++j)
      over_.data()[j] = limits[j] > T(0) ? upward(gradient[j]) / limits[j] : T(0);
    largest = over_.maxCoeff();
  }
  // A maximum may pass over NaN; a sum does not.
  return {largest, (gradient_.col(index) * T(0)).sum()};
}

template <typename T>
CodingReport ActiveSetBlock<T>::certify(const CodingBlock<T>& block, Index index, Index size,
                                        const int* atoms, const double* coefficients,
                                        const Extent& extent) const {
  const Signal& signal = signals_[index];
  CertificateTerms terms;
  double fit = 0.0;  // b'a
  for (Index i = 0; i < size; ++i) {
    const int atom = atoms[i];
    const double a = coefficients[i];
    terms.penalty += static_cast<double>(thresholds_[atom]) * std::abs(a);
    terms.alignment += static_cast<double>(gradient_(atom, index)) * a;
    fit += static_cast<double>(base_(atom, index)) * a;
  }
  terms.residual = block.squared_norms ? block.squared_norms[index] - fit - terms.alignment
                                       : std::numeric_limits<double>::quiet_NaN();
  terms.dual_scale = extent.share > T(1) ? 1.0 / static_cast<double>(extent.share) : 1.0;
  require_finite(signal.kkt + static_cast<double>(extent.spoiled), terms, block.squared_norms);
  return {signal.iterations, signal.status, duality_gap(terms), signal.kkt,
          coding_objective(terms)};
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                              \
  template void ActiveSetBlock<T>::write(Index, const int*, const double*, T*) const;              \
  template auto ActiveSetBlock<T>::extent(Index)->Extent;                                          \
  template CodingReport ActiveSetBlock<T>::certify(                                                \
      const CodingBlock<T>&, Index, Index, const int*, const double*, const Extent&) const;        \
  template void ActiveSetBlock<T>::round(const PanelGram<T>&, Index);                              \
  template void ActiveSetBlock<T>::find_residual(const CodingBlock<T>&, Index, Index);             \
  template CodingReport ActiveSetBlock<T>::certify_by_signal(const CodingBlock<T>&, Index, Index); \
  template void ActiveSetBlock<T>::verify(const CodingBlock<T>&);                                  \
  template bool ActiveSetBlock<T>::accept(const Execution&, Index);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
