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
constexpr double kNothing = 0.1;  // of the accepted violation
// Where more than this share of the atoms are too close to call, one product with all of them in T
// settles more for the same time.
constexpr Index kSettled = 8;
constexpr int kMaxRefinements = 3;
constexpr Index kTogether = 4;  // atoms

using V = Simd<double>;

}  // namespace

// Returns how far the code moves: the sum over all coefficients.
template <typename T>
double ActiveSetBlock<T>::round(const PanelGram<T>& gram, Index index) {
  Signal& signal = signals_[index];
  ActiveSet& active = signal.active;
  std::copy_n(active.coefficients(), active.size(), rhs_.data());
  if constexpr (std::is_same_v<T, float>) {
    // To nearest where that changes next to nothing; else with care. The factor at hand has the
    // atoms in the order they came, large coefficients first; where that is not good enough a
    // factor in the best order is worth its price.
    if (!signal.exact &&
        static_cast<double>(std::numeric_limits<T>::epsilon()) * scale_ * signal.error.changed <
            kNothing * signal.wanted)
      for (Index i = 0; i < active.size(); ++i)
        active.coefficients()[i] = static_cast<double>(static_cast<T>(active.coefficients()[i]));
    else if (signal.verifications < kMaxPlainRoundings)
      active.template round_to<T>();
    else
      rounding_.round(gram, signal.ridge, active.size(), active.atoms(), active.coefficients());
  }
  double moved = 0.0;
  for (Index i = 0; i < active.size(); ++i)
    moved += std::abs(active.coefficients()[i] - rhs_.data()[i]);
  return moved;
}

template <typename T>
void ActiveSetBlock<T>::find_residual(const CodingBlock<T>& block, Index index) {
  const ActiveSet& active = signals_[index].active;
  const Index features = block.dictionary->features();
  residual_.col(index).head(features) = block.signals->col(index).template cast<double>();
  double* residual = residual_.col(index).data();
  for (Index begin = 0; begin < active.size(); begin += kTogether) {
    // What is missing of an even number of atoms counts for nothing.
    const T* atoms[kTogether];
    V::Packet factors[kTogether];
    for (Index q = 0; q < kTogether; ++q) {
      const Index i = std::min(begin + q, active.size() - 1);
      atoms[q] = block.dictionary->atom(active.atoms()[i]).data();
      factors[q] = V::broadcast(begin + q < active.size() ? active.coefficients()[i] : 0.0);
    }
    const auto subtract = [&](Index f, Index count) {
      auto even = V::load(residual + f);
      auto odd = V::zero();
      for (Index q = 0; q < kTogether; q += 2) {
        even = V::subtract_product(factors[q], widen(atoms[q] + f, count), even);
        odd = V::subtract_product(factors[q + 1], widen(atoms[q + 1] + f, count), odd);
      }
      V::store(residual + f, V::add(even, odd));
    };
    Index f = 0;
    for (; f + V::width <= features; f += V::width) subtract(f, V::width);
    if (f < features) subtract(f, features - f);
  }
}

// A gradient whose entries are off by `error` times the norms of the atoms settles only that most
// atoms outside the support do not violate anything. All others are multiplied with the residual in
// double precision, which also refines the gradient there. Gives up if these are more than `most`.
template <typename T>
bool ActiveSetBlock<T>::certify_by_signal(const CodingBlock<T>& block, Index index, double error,
                                          Index most) {
  Signal& signal = signals_[index];
  const ActiveSet& active = signal.active;
  const double* residual = residual_.col(index).data();
  const Vector<double>& penalties = certifier_.penalties();
  T* gradient = gradient_.col(index).data();
  constexpr T tiny = std::numeric_limits<T>::min();
  const Index features = block.dictionary->features();
  const T share = 1 + 8 * std::numeric_limits<T>::epsilon();
  const T slack = share * static_cast<T>(error);
  const auto product = gradient_.col(index).array();
  if (settings_.nonnegative)
    over_ = product * share + slack * norms_.array() - thresholds_.array();
  else
    over_ = product.abs() * share + slack * norms_.array() - thresholds_.array();
  for (Index i = 0; i < active.size(); ++i)
    over_[active.atoms()[i]] = -std::numeric_limits<T>::infinity();
  const T least = -static_cast<T>(features + atoms_) * tiny;
  const Index near = list_above(least);
  if (near > most) return false;
  CertificateTerms terms;
  terms.residual = residual_.col(index).squaredNorm();
  const double size = std::sqrt(terms.residual);
  double violation = 0.0;
  double largest = 1.0;  // of |c_j| / alpha_j
  const auto look = [&](int atom, double a, double product) {
    const double c = product - signal.ridge * a;
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
  const auto look_at_all = [&](const int* looked, Index count, const double* coefficients) {
    for (Index begin = 0; begin < count; begin += kTogether) {
      const Index together = std::min(kTogether, count - begin);
      const T* columns[kTogether];
      double products[kTogether];
      for (Index q = 0; q < kTogether; ++q)
        columns[q] = block.dictionary->atom(looked[begin + std::min(q, together - 1)]).data();
      wide_dots<kTogether>(columns, residual, features, products);
      for (Index q = 0; q < together; ++q)
        look(looked[begin + q], coefficients ? coefficients[begin + q] : 0.0, products[q]);
    }
  };
  look_at_all(active.atoms(), active.size(), active.coefficients());
  const double inside = violation;
  violation = 0.0;
  look_at_all(chosen_.data(), near, nullptr);
  signal.outside = violation;
  violation = max_or_nan(inside, violation);
  terms.dual_scale = 1.0 / largest;
  // Where norms do not fit, neither do products.
  const bool fits = size * largest_norm_ < static_cast<double>(std::numeric_limits<T>::max());
  require_finite(fits ? violation : std::numeric_limits<double>::infinity(), terms, true);
  signal.report = {0, Status::converged, duality_gap(terms), violation, coding_objective(terms)};
  signal.error.size = size;
  signal.error.base = std::max(error, block.dictionary->rounding() * size);
  return true;
}

template <typename T>
void ActiveSetBlock<T>::verify(const CodingBlock<T>& block) {
  if (block.signals) bound_norms(block);
  unsettled_.clear();
  for (const Index index : finished_) {
    const double moved = round(block.gram, index);
    if (!block.signals) {
      keep_reference(index);
      signals_[index].report =
          certifier_.certify(block, index, block.correlations->col(index).data(),
                             reference_.col(index).data(), Status::max_iterations);
      gradient_.col(index) = certifier_.gradient().template cast<T>();
      continue;
    }
    find_residual(block, index);
    const Signal& signal = signals_[index];
    // The ridge of an atom that left since the last verification is none of what is bounded.
    const double error =
        signal.exact && signal.ridge != 0.0
            ? std::numeric_limits<double>::infinity()
            : signal.error.template bound<T>(largest_norm_, block.dictionary->rounding(), moved);
    if (!certify_by_signal(block, index, error, atoms_ / kSettled)) unsettled_.push_back(index);
  }
  if (const auto count = static_cast<Index>(unsettled_.size()); count > 0) {
    narrow_residual_.leftCols(count) =
        residual_(Eigen::seqN(0, block.dictionary->features()), unsettled_).template cast<T>();
    block.dictionary->correlate(narrow_residual_.leftCols(count), exact_.leftCols(count));
    for (Index column = 0; column < count; ++column) {
      const Index index = unsettled_[column];
      gradient_.col(index) = exact_.col(column);
      const double error = block.dictionary->rounding() * residual_.col(index).norm();
      certify_by_signal(block, index, error, atoms_);
    }
  }
  std::size_t kept = 0;
  for (const Index index : finished_) {
    bool accepted = accept(block.execution, index);
    while (!accepted) {
      keep_reference(index);
      base_.col(index) = gradient_.col(index);
      if (!block.signals || !refine(block, index)) break;
      accepted = accept(block.execution, index);
    }
    if (accepted) {
      finished_[kept++] = index;
    } else {
      running_.push_back(index);
    }
  }
  finished_.resize(kept);
}

// Where only atoms in use violate anything, most codes lack no more than one step with the exact
// gradient: too small a step for another look at all atoms. Returns whether the code is certified
// anew; if not, it is left to further rounds.
template <typename T>
bool ActiveSetBlock<T>::refine(const CodingBlock<T>& block, Index index) {
  Signal& signal = signals_[index];
  ActiveSet& active = signal.active;
  if (signal.outside > signal.wanted || signal.verifications > kMaxRefinements) return false;
  const Index size = active.size();
  for (Index i = 0; i < size; ++i) {
    const int atom = active.atoms()[i];
    rhs_.data()[i] = static_cast<double>(gradient_(atom, index)) -
                     active.signs()[i] * static_cast<double>(thresholds_[atom]);
  }
  ++signal.iterations;
  active.descend(rhs_.data());
  if (active.size() < size) return false;
  round(block.gram, index);
  auto before = residual_.col(width_);
  before = residual_.col(index);
  find_residual(block, index);
  // By no more than this, times its norm, the correlation of an atom has changed.
  const double change = (residual_.col(index) - before).norm();
  return certify_by_signal(block, index, signal.error.base + change, atoms_ / kSettled);
}

template <typename T>
void ActiveSetBlock<T>::keep_reference(Index index) {
  const ActiveSet& active = signals_[index].active;
  reference_.col(index).setZero();
  for (Index i = 0; i < active.size(); ++i)
    reference_(active.atoms()[i], index) = static_cast<T>(active.coefficients()[i]);
}

template <typename T>
void ActiveSetBlock<T>::bound_norms(const CodingBlock<T>& block) {
  const auto features = static_cast<T>(block.dictionary->features());
  const T least = features * std::numeric_limits<T>::min();
  const T share = 1 + features * std::numeric_limits<T>::epsilon();
  for (Index j = 0; j < atoms_; ++j) norms_[j] = share * std::sqrt(block.gram.diagonal(j) + least);
  norms_.tail(padded_ - atoms_).setZero();
  largest_norm_ = static_cast<double>(norms_.maxCoeff());
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
  template double ActiveSetBlock<T>::round(const PanelGram<T>&, Index);                            \
  template void ActiveSetBlock<T>::find_residual(const CodingBlock<T>&, Index);                    \
  template bool ActiveSetBlock<T>::certify_by_signal(const CodingBlock<T>&, Index, double, Index); \
  template bool ActiveSetBlock<T>::refine(const CodingBlock<T>&, Index);                           \
  template void ActiveSetBlock<T>::keep_reference(Index);                                          \
  template void ActiveSetBlock<T>::bound_norms(const CodingBlock<T>&);                             \
  template void ActiveSetBlock<T>::verify(const CodingBlock<T>&);                                  \
  template bool ActiveSetBlock<T>::accept(const Execution&, Index);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
