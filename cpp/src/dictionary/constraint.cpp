#include "sparsetransfer/dictionary/constraint.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {
namespace {

// The multiplier λ of the nearest point d = soft(u, λr) / (1 + 2λ(1 − r)) of an atom outside the
// set. With the p largest |u| in use, s1 = Σ|u| and s2 = Σu² over them, the constraint becomes
// c λ² + λ = (c s2 + r s1 − 1) / (p r² + 4c), c = 1 − r; p is found as in projections to a simplex.
template <typename T>
double nearest_multiplier(double r, const ConstVectorRef<T>& atom) {
  const double c = 1.0 - r;
  std::vector<double> magnitude(static_cast<std::size_t>(atom.size()));
  for (Index f = 0; f < atom.size(); ++f)
    magnitude[static_cast<std::size_t>(f)] = std::abs(static_cast<double>(atom(f)));
  std::sort(magnitude.begin(), magnitude.end(), std::greater<>());
  double s1 = 0.0, s2 = 0.0, multiplier = 0.0;
  for (std::size_t p = 0; p < magnitude.size(); ++p) {
    // Entries below the threshold of those before them stay out.
    if (p > 0 && magnitude[p] <= multiplier * r) break;
    s1 += magnitude[p];
    s2 += magnitude[p] * magnitude[p];
    const double excess = (c * s2 + r * s1 - 1.0) / (double(p + 1) * r * r + 4.0 * c);
    multiplier = excess > 0.0 ? 2.0 * excess / (1.0 + std::sqrt(1.0 + 4.0 * c * excess)) : 0.0;
  }
  return multiplier;
}

/// Neither overflows nor depends on how the atom is aligned, as Eigen's stableNorm does.
template <typename T>
T euclidean_length(const ConstVectorRef<T>& atom) {
  const T largest = atom.size() > 0 ? atom.cwiseAbs().maxCoeff() : T(0);
  if (!(largest > T(0)) || !std::isfinite(largest)) return largest;
  return largest * (atom / largest).norm();
}

double soft(double value, double threshold) {
  return std::copysign(std::max(std::abs(value) - threshold, 0.0), value);
}

/// The point that belongs to a multiplier λ, d_f = soft(b_f, λr) / (a_f + 2λ(1 − r)), through the
/// value of the constraint there and its derivative in λ.
template <typename T>
struct Path {
  double r;
  const ConstVectorRef<T>& curvature;
  const ConstVectorRef<T>& slope;
  bool positive;

  double at(Index f, double multiplier) const {
    const double linear = static_cast<double>(slope(f));
    const double scale = static_cast<double>(curvature(f)) + 2.0 * multiplier * (1.0 - r);
    if (!(curvature(f) > T(0)) || (positive && linear < 0.0)) return 0.0;
    return soft(linear, multiplier * r) / scale;
  }
  void evaluate(double multiplier, double& value, double& derivative) const {
    value = derivative = 0.0;
    const double c = 1.0 - r;
    for (Index f = 0; f < slope.size(); ++f) {
      const double d = std::abs(at(f, multiplier));
      if (d == 0.0) continue;
      const double scale = static_cast<double>(curvature(f)) + 2.0 * multiplier * c;
      value += c * d * d + r * d;
      derivative -= (2.0 * c * d + r) * (r + 2.0 * c * d) / scale;
    }
  }
};

// The root of value(λ) = 1. The value is convex and falls, so that Newton's step on it never passes
// the root; the step on 1/√value is far longer and for r = 0 never passes it either.
template <typename T>
double active_multiplier(const Path<T>& path) {
  constexpr int kMostSteps = 200;
  double low = 0.0, high = std::numeric_limits<double>::infinity();
  double multiplier = 0.0, value = 0.0, derivative = 0.0;
  path.evaluate(multiplier, value, derivative);
  if (value <= 1.0) return 0.0;
  for (int step = 0; step < kMostSteps; ++step) {
    (value > 1.0 ? low : high) = multiplier;
    if (std::abs(value - 1.0) <= 4.0 * std::numeric_limits<double>::epsilon()) break;
    double next = derivative < 0.0
                      ? multiplier + 2.0 * value * (1.0 - std::sqrt(value)) / derivative
                      : 0.5 * (low + high);
    if (!(next > low && next < high)) {
      next = value > 1.0 && derivative < 0.0 ? multiplier + (1.0 - value) / derivative
                                             : 0.5 * (low + high);
      if (!(next > low && next < high)) next = 0.5 * (low + high);
    }
    if (next == multiplier) break;
    multiplier = next;
    path.evaluate(multiplier, value, derivative);
  }
  return multiplier;
}

}  // namespace

void AtomConstraint::validate() const {
  require(l1_ratio >= 0.0 && l1_ratio <= 1.0, "l1_ratio must be within [0, 1]");
}

template <typename T>
double constraint_value(const AtomConstraint& constraint, const ConstVectorRef<T>& atom) {
  const double r = constraint.l1_ratio;
  double value = 0.0;
  for (Index f = 0; f < atom.size(); ++f) {
    const double d = std::abs(static_cast<double>(atom(f)));
    value += ((1.0 - r) * d + r) * d;
  }
  return value;
}

template <typename T>
void project_atom(const AtomConstraint& constraint, VectorRef<T> atom) {
  if (constraint.positive) atom = atom.cwiseMax(T(0));
  const double r = constraint.l1_ratio;
  if (r == 0.0) {
    const T length = euclidean_length<T>(atom);
    if (length > T(1)) atom /= length;
    return;
  }
  // An atom that is not a number stays one: nothing here could order its entries.
  if (!(constraint_value<T>(constraint, atom) > 1.0)) return;
  const double multiplier = nearest_multiplier<T>(r, atom);
  const double scale = 1.0 + 2.0 * multiplier * (1.0 - r);
  for (Index f = 0; f < atom.size(); ++f)
    atom(f) = static_cast<T>(soft(static_cast<double>(atom(f)), multiplier * r) / scale);
}

template <typename T>
void scale_to_constraint(const AtomConstraint& constraint, VectorRef<T> atom) {
  if (constraint.positive) atom = atom.cwiseMax(T(0));
  const T length = euclidean_length<T>(atom);
  if (!(length > T(0))) return;
  atom /= length;
  if (constraint.l1_ratio == 0.0) return;
  // c t² |d|₂² + r t |d|₁ = 1 for a unit vector.
  const double c = 1.0 - constraint.l1_ratio;
  const double linear = constraint.l1_ratio * atom.template cast<double>().template lpNorm<1>();
  atom *= static_cast<T>(2.0 / (linear + std::sqrt(linear * linear + 4.0 * c)));
}

template <typename T>
void minimise_separable(const AtomConstraint& constraint, const ConstVectorRef<T>& curvature,
                        const ConstVectorRef<T>& slope, VectorRef<T> atom) {
  const Path<T> path{constraint.l1_ratio, curvature, slope, constraint.positive};
  const double multiplier = active_multiplier(path);
  for (Index f = 0; f < atom.size(); ++f) atom(f) = static_cast<T>(path.at(f, multiplier));
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                   \
  template double constraint_value<T>(const AtomConstraint&, const ConstVectorRef<T>&); \
  template void project_atom<T>(const AtomConstraint&, VectorRef<T>);                   \
  template void scale_to_constraint<T>(const AtomConstraint&, VectorRef<T>);            \
  template void minimise_separable<T>(const AtomConstraint&, const ConstVectorRef<T>&,  \
                                      const ConstVectorRef<T>&, VectorRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
