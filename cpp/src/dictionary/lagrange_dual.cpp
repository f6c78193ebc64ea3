#include "sparsetransfer/dictionary/lagrange_dual.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/quadratic.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/panel_cholesky.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

using MatrixD = Matrix<double>;
using VectorD = Vector<double>;

constexpr Index kPanel = 128;
// More than the rounding of float32 sums over many samples makes eigenvalues negative by, relative
// to the trace.
constexpr double kMostRidge = 1e-3;

std::vector<Index> used_atoms(const VectorD& curvature) {
  std::vector<Index> used;
  const double largest = curvature.size() > 0 ? curvature.maxCoeff() : 0.0;
  for (Index j = 0; j < curvature.size(); ++j) {
    if (!is_unused(curvature(j), largest)) used.push_back(j);
  }
  return used;
}

/// The problem restricted to its used atoms, in double, and divided by 2^exponent: neither tiny nor
/// huge statistics leave the range of its factors.
struct Restricted {
  std::vector<Index> used;
  int exponent = 0;
  MatrixD A, B, dictionary;

  template <typename T>
  Restricted(const ConstMatrixRef<T>& all_A, const ConstMatrixRef<T>& all_B,
             const MatrixRef<T>& all_atoms)
      : used(used_atoms(all_A.diagonal().template cast<double>())) {
    A = all_A(used, used).template cast<double>();
    B = all_B(Eigen::all, used).template cast<double>();
    dictionary = all_atoms(Eigen::all, used).template cast<double>();
    if (!used.empty()) std::frexp(A.diagonal().maxCoeff(), &exponent);
    const auto divide = [this](double value) { return std::ldexp(value, -exponent); };
    A = A.unaryExpr(divide).eval();
    B = B.unaryExpr(divide).eval();
    // Unused atoms stay, and with them their share of the signals: B − D_unused A_unused,used
    // differs from B by rounding only, since |A_ij|² ≤ A_ii A_jj.
  }
  /// The rounding of A's own entries: what a diagonal shift may be without changing the problem.
  double rounding() const { return std::numeric_limits<double>::epsilon() * A.trace(); }
};

/// f(λ) = tr(B (A + Λ)⁻¹ Bᵀ)/2 + Σλ/2, the negative dual, with what its derivatives need.
class NegativeDual {
 public:
  NegativeDual(const Execution& execution, const Restricted& problem)
      : execution_(execution), problem_(problem) {}

  /// Infinite where A + Λ is not numerically positive definite.
  double evaluate(const VectorD& multipliers) {
    MatrixD shifted = problem_.A;
    shifted.diagonal() += multipliers;
    if (!factor_.compute(execution_, std::move(shifted)))
      return std::numeric_limits<double>::infinity();
    atoms_ = factor_.solve(execution_, problem_.B.transpose()).transpose();
    const double value = 0.5 * (atoms_.cwiseProduct(problem_.B).sum() + multipliers.sum());
    return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
  }
  const MatrixD& atoms() const { return atoms_; }
  VectorD gradient() const {
    return 0.5 * (1.0 - atoms_.colwise().squaredNorm().transpose().array()).matrix();
  }
  MatrixD hessian() const {
    const Index size = problem_.A.rows();
    MatrixD out = factor_.solve(execution_, MatrixD::Identity(size, size));
    parallel_for_blocks(execution_.for_work(double(size) * double(atoms_.size())), size, kPanel,
                        [&](Index begin, Index count, int) {
                          MatrixD gram(size, count);
                          set_product_tn<double>(gram, atoms_, atoms_.middleCols(begin, count));
                          out.middleCols(begin, count).array() *= gram.array();
                        });
    return out;
  }

 private:
  const Execution& execution_;
  const Restricted& problem_;
  PanelCholesky factor_;
  MatrixD atoms_;
};

/// B − D A.
MatrixD residual_of(const Restricted& problem) {
  MatrixD residual = problem.B;
  add_product<double>(residual, -1.0, problem.dictionary, problem.A);
  return residual;
}

// Stationarity of the Lagrangian at a dictionary: λ_j d_j = B_j − D A_j.
VectorD implied_multipliers(const Restricted& problem) {
  const MatrixD residual = residual_of(problem);
  return problem.dictionary.cwiseProduct(residual).colwise().sum().transpose().cwiseMax(
      problem.rounding());
}

/// Newton on f(λ) − μ Σ log λ with μ → 0. On the central path (1 − |d_j|²)/2 = μ/λ_j: the atoms are
/// inside the ball and the gap is μ times their number. The barrier keeps A + Λ well conditioned on
/// codes of deficient rank, where projected Newton steps stall.
class BarrierPath {
 public:
  BarrierPath(const Execution& execution, NegativeDual& dual, const VectorD& start)
      : execution_(execution), dual_(dual), multipliers_(start), value_(dual.evaluate(start)) {
    barrier_ = 0.1 * multipliers_.mean();
  }
  double value() const { return value_; }

  /// One Newton step; false when rounding allows none.
  bool step() {
    const VectorD inverse = multipliers_.cwiseInverse();
    const VectorD slope = dual_.gradient() - barrier_ * inverse;
    MatrixD curvature = dual_.hessian();
    curvature.diagonal() += barrier_ * inverse.cwiseAbs2();
    // In units of the multipliers: they range over many orders of magnitude.
    curvature = multipliers_.asDiagonal() * curvature * multipliers_.asDiagonal();
    const VectorD scaled = multipliers_.cwiseProduct(slope);
    PanelCholesky newton;
    if (!newton.compute(execution_, std::move(curvature))) return false;
    const VectorD relative = -newton.solve(execution_, scaled);
    if (!relative.allFinite()) return false;
    const double decrement = -scaled.dot(relative);

    const VectorD before = multipliers_;
    const double merit = value_ - barrier_ * before.array().log().sum();
    const double rounding = 1e-14 * std::abs(merit);
    const double steepest = -relative.minCoeff();
    for (double length = steepest > 0.99 ? 0.99 / steepest : 1.0; length > 1e-8; length *= 0.5) {
      multipliers_ = before.cwiseProduct((1.0 + length * relative.array()).matrix());
      value_ = dual_.evaluate(multipliers_);
      const double reached = value_ - barrier_ * multipliers_.array().log().sum();
      if (reached > merit - 1e-4 * length * decrement + rounding) continue;
      // Near the path (the decrement is measured in units of the barrier) the barrier may fall.
      if (decrement < 0.5 * barrier_ * double(before.size())) barrier_ *= 0.1;
      return true;
    }
    return false;
  }

 private:
  const Execution& execution_;
  NegativeDual& dual_;
  VectorD multipliers_;
  double value_;
  double barrier_;
};

[[noreturn]] void throw_indefinite() {
  throw NumericalError(
      "A of the statistics is not positive semi-definite, or overflows: sum the statistics of the "
      "codes again, in float64 if they were float32");
}

MatrixD inside_unit_ball(const MatrixD& atoms) {
  MatrixD inside = atoms;
  project_atoms_to_unit_ball<double>(inside);
  return inside;
}

}  // namespace

void LagrangeDualSettings::validate() const {
  require(max_iterations >= 1, "max_iterations must be at least 1");
  require(tolerance >= 0.0, "tolerance must not be negative");
}

template <typename T>
LagrangeDualReport update_lagrange_dual(const Execution& execution, const ConstMatrixRef<T>& A,
                                        const ConstMatrixRef<T>& B,
                                        const LagrangeDualSettings& settings,
                                        MatrixRef<T> dictionary) {
  settings.validate();
  require_shape("A", A.rows(), A.cols(), dictionary.cols(), dictionary.cols());
  require_shape("B", B.rows(), B.cols(), dictionary.rows(), dictionary.cols());
  LagrangeDualReport report;
  report.status = Status::converged;
  if (dictionary.size() == 0) return report;
  require_finite<T>(A, B);
  const Restricted problem(A, B, dictionary);
  if (problem.used.empty()) return report;
  const auto objective = [&](const MatrixD& atoms) {
    return dictionary_objective<double>(execution, problem.A, problem.B, atoms);
  };

  NegativeDual dual(execution, problem);
  MatrixD best = problem.dictionary;
  double primal = objective(best);
  const auto certify = [&](double negative_dual) {
    const MatrixD candidate = inside_unit_ball(dual.atoms());
    const double reached = objective(candidate);
    if (reached < primal) {
      primal = reached;
      best = candidate;
    }
    report.gap = std::min(report.gap, max_or_nan(0.0, primal + negative_dual));
    return report.gap <= settings.tolerance * std::abs(negative_dual);
  };
  // The given dictionary may be optimal already.
  report.gap = std::numeric_limits<double>::infinity();
  const VectorD implied = implied_multipliers(problem);
  const double implied_value = dual.evaluate(implied);
  bool converged = std::isfinite(implied_value) && certify(implied_value);
  BarrierPath path(execution, dual, implied.cwiseMax(1e-2 * problem.A.diagonal().mean()));
  if (!std::isfinite(path.value())) throw_indefinite();
  while (!converged && report.iterations < settings.max_iterations && path.step()) {
    ++report.iterations;
    converged = certify(path.value());
    execution.check();
  }
  report.status = converged ? Status::converged : Status::max_iterations;
  report.gap = std::ldexp(report.gap, problem.exponent);
  for (std::size_t i = 0; i < problem.used.size(); ++i) {
    dictionary.col(problem.used[i]) = best.col(static_cast<Index>(i)).template cast<T>();
  }
  return report;
}

template <typename T>
void update_optimal_directions(const Execution& execution, const ConstMatrixRef<T>& A,
                               const ConstMatrixRef<T>& B, MatrixRef<T> dictionary) {
  require_shape("A", A.rows(), A.cols(), dictionary.cols(), dictionary.cols());
  require_shape("B", B.rows(), B.cols(), dictionary.rows(), dictionary.cols());
  if (dictionary.size() == 0) return;
  require_finite<T>(A, B);
  Restricted problem(A, B, dictionary);
  if (problem.used.empty()) return;
  // Solving for the change, D += (B − D A) (A + ridge)⁻¹, leaves alone what A does not see.
  const MatrixD residual = residual_of(problem);
  const double before =
      dictionary_objective<double>(execution, problem.A, problem.B, problem.dictionary);
  const double largest = problem.A.trace();
  // With a ridge as large as A the step is a gradient step; if that fails, D is optimal.
  for (double ridge = problem.rounding(); ridge <= 100.0 * largest; ridge *= 100.0) {
    execution.check();
    MatrixD shifted = problem.A;
    shifted.diagonal().array() += ridge;
    PanelCholesky factor;
    if (!factor.compute(execution, std::move(shifted))) {
      if (!(ridge < kMostRidge * largest)) throw_indefinite();
      continue;
    }
    const MatrixD moved =
        problem.dictionary + factor.solve(execution, residual.transpose()).transpose();
    const double after = dictionary_objective<double>(execution, problem.A, problem.B, moved);
    if (after <= before) {
      for (std::size_t i = 0; i < problem.used.size(); ++i) {
        dictionary.col(problem.used[i]) = moved.col(static_cast<Index>(i)).template cast<T>();
      }
      return;
    }
  }
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template LagrangeDualReport update_lagrange_dual<T>(const Execution&, const ConstMatrixRef<T>&, \
                                                      const ConstMatrixRef<T>&,                   \
                                                      const LagrangeDualSettings&, MatrixRef<T>); \
  template void update_optimal_directions<T>(const Execution&, const ConstMatrixRef<T>&,          \
                                             const ConstMatrixRef<T>&, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
