#include "sparsetransfer/sparse_coding/coordinate_descent.hpp"

#include <algorithm>
#include <cmath>

#include "sparsetransfer/numerics/max_or_nan.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kPanel = PanelGram<double>::kRows;
constexpr Index kLeastViolators = 32;
// A round aims at this share of the violation it starts from: a working set that is about to grow
// need not be solved to the end.
constexpr double kShare = 0.1;
constexpr double kRounding = 1e-15;

}  // namespace

template <typename T>
CoordinateDescent<T>::CoordinateDescent(Index atoms)
    : gradient_(round_up(atoms, kPanel)),
      entries_(static_cast<std::size_t>(atoms)),
      violators_(static_cast<std::size_t>(atoms)),
      working_(static_cast<std::size_t>(atoms)),
      gram_(round_up(atoms, 8) * atoms),
      change_(round_up(atoms, 8)),
      value_(atoms),
      limit_(atoms),
      linear_(atoms),
      guess_(atoms),
      guess_change_(atoms),
      extrapolation_(atoms) {}

template <typename T>
double CoordinateDescent<T>::look(const SignalProblem<T>& problem, const T* code) {
  const PanelGram<T>& gram = problem.gram;
  used_ = 0;
  for (Index j = 0; j < gram.atoms(); ++j)
    if (code[j] != T(0)) entries_[used_++] = {static_cast<int>(j), code[j]};
  for (Index p = 0; p < gram.num_panels(); ++p)
    refresh_panel(gram, p, entries_.data(), used_, problem.correlations + p * kPanel,
                  gradient_.data() + p * kPanel);
  const T ridge = static_cast<T>(problem.ridge);
  for (Index e = 0; e < used_; ++e) gradient_[entries_[e].atom] -= ridge * entries_[e].value;
  double worst = 0.0;
  violating_ = 0;
  for (Index j = 0; j < gram.atoms(); ++j) {
    const T c = gradient_[j];
    const T limit = problem.penalties[j];
    if (code[j] != T(0)) {
      worst = max_or_nan(worst, static_cast<double>(std::abs(c - std::copysign(limit, code[j]))));
      continue;
    }
    const double excess = static_cast<double>((problem.nonnegative ? c : std::abs(c)) - limit);
    if (excess <= 0.0) continue;
    violators_[violating_++] = {excess, static_cast<int>(j)};
    worst = max_or_nan(worst, excess);
  }
  return worst;
}

template <typename T>
void CoordinateDescent<T>::gather(const SignalProblem<T>& problem, const T* code) {
  const PanelGram<T>& gram = problem.gram;
  const Index most = std::min(violating_, std::max(kLeastViolators, used_));
  std::partial_sort(violators_.begin(), violators_.begin() + most, violators_.begin() + violating_,
                    [](const Violator& a, const Violator& b) {
                      return a.excess > b.excess || (a.excess == b.excess && a.atom < b.atom);
                    });
  size_ = 0;
  for (Index e = 0; e < used_; ++e) working_[size_++] = entries_[e].atom;
  for (Index q = 0; q < most; ++q) working_[size_++] = violators_[q].atom;
  stride_ = round_up(size_, 8);
  for (Index q = 0; q < size_; ++q) {
    const int atom = working_[q];
    double* column = gram_.data() + q * stride_;
    for (Index r = 0; r < size_; ++r) column[r] = static_cast<double>(gram(working_[r], atom));
    std::fill(column + size_, column + stride_, 0.0);
    column[q] += problem.ridge;
    change_.data()[q] = static_cast<double>(gradient_[atom]);
    value_.data()[q] = static_cast<double>(code[atom]);
    limit_.data()[q] = static_cast<double>(problem.penalties[atom]);
  }
  std::fill(change_.data() + size_, change_.data() + stride_, 0.0);
}

template <typename T>
double CoordinateDescent<T>::epoch(bool nonnegative) {
  double* c = change_.data();
  double* a = value_.data();
  double worst = 0.0;
  for (Index q = 0; q < size_; ++q) {
    const double* column = gram_.data() + q * stride_;
    const double curvature = column[q];
    if (!(curvature > 0.0)) continue;  // an atom of zeros
    const double limit = limit_.data()[q];
    const double pull = c[q] + curvature * a[q];
    double next = 0.0;
    if (pull > limit) {
      next = (pull - limit) / curvature;
    } else if (pull < -limit && !nonnegative) {
      next = (pull + limit) / curvature;
    }
    const double step = next - a[q];
    if (step == 0.0) continue;
    worst = std::max(worst, std::abs(step) * curvature);
    a[q] = next;
    Eigen::Map<Vector<double>, Eigen::Aligned64>(c, stride_) -=
        step * Eigen::Map<const Vector<double>, Eigen::Aligned64>(column, stride_);
  }
  return worst;
}

/// With c = p - H a: 1/2 a'Ha - p'a = -1/2 a'(p + c).
template <typename T>
double CoordinateDescent<T>::objective() const {
  double sum = 0.0;
  for (Index q = 0; q < size_; ++q) {
    const double a = value_.data()[q];
    sum += limit_.data()[q] * std::abs(a) - 0.5 * a * (linear_.data()[q] + change_.data()[q]);
  }
  return sum;
}

template <typename T>
void CoordinateDescent<T>::extrapolate(bool nonnegative) {
  if (!extrapolation_.extrapolate(guess_.data(), guess_change_.data(), size_)) return;
  if (nonnegative &&
      std::any_of(guess_.data(), guess_.data() + size_, [](double value) { return value < 0.0; }))
    return;
  const double before = objective();
  std::swap_ranges(guess_.data(), guess_.data() + size_, value_.data());
  std::swap_ranges(guess_change_.data(), guess_change_.data() + size_, change_.data());
  // Close to the end the objective cannot tell what the violation still shows.
  if (objective() <= before + kRounding * std::abs(before)) return;
  std::swap_ranges(guess_.data(), guess_.data() + size_, value_.data());
  std::swap_ranges(guess_change_.data(), guess_change_.data() + size_, change_.data());
}

template <typename T>
Index CoordinateDescent<T>::descend(const SignalProblem<T>& problem, double target,
                                    Index most_epochs) {
  for (Index q = 0; q < size_; ++q) {
    double image = 0.0;
    for (Index r = 0; r < size_; ++r) image += gram_.data()[q * stride_ + r] * value_.data()[r];
    linear_.data()[q] = change_.data()[q] + image;
  }
  extrapolation_.clear();
  for (Index count = 1; count <= most_epochs; ++count) {
    problem.execution.check();
    if (epoch(problem.nonnegative) <= target || problem.execution.out_of_time()) return count;
    if (extrapolation_.push(value_.data(), change_.data(), size_)) extrapolate(problem.nonnegative);
  }
  return most_epochs;
}

template <typename T>
int CoordinateDescent<T>::solve(const SignalProblem<T>& problem, T* code) {
  const Index atoms = problem.gram.atoms();
  const double largest = static_cast<double>(
      Eigen::Map<const Vector<T>>(problem.correlations, atoms).cwiseAbs().maxCoeff());
  Index epochs = 0;
  for (;;) {
    const double violation = look(problem, code);
    const double norm = static_cast<double>(Eigen::Map<Vector<T>>(code, atoms).cwiseAbs().sum());
    const double accepted = std::max(problem.tolerance, problem.rounding(largest, norm));
    if (!(violation > accepted) || epochs >= problem.max_iterations ||
        problem.execution.out_of_time())
      break;
    gather(problem, code);
    epochs += descend(problem, std::max(0.25 * accepted, kShare * violation),
                      problem.max_iterations - epochs);
    for (Index q = 0; q < size_; ++q) code[working_[q]] = static_cast<T>(value_.data()[q]);
  }
  return static_cast<int>(epochs);
}

template class CoordinateDescent<float>;
template class CoordinateDescent<double>;

}  // namespace sparsetransfer
