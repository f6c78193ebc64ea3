#include "regression_block.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/panel_cholesky.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kRowBlock = 64;
constexpr int kProximalBatch = 20;
constexpr int kPowerSteps = 12;
constexpr int kMaxConjugate = 200;
constexpr int kMaxHalvings = 25;
constexpr int kStaleNewton = 10;
constexpr Index kMaxNewtonRows = 3000;  // the preconditioner costs their cube

/// A lower estimate of the largest eigenvalue; proximal_step corrects it where it is too low.
double curvature_estimate(const Execution& execution, const ConstMatrixRef<double>& quadratic) {
  const Index size = quadratic.rows();
  Matrix<double> vector(size, 1), image(size, 1);
  // Nothing random: a fixed start that no eigenvector of practice is orthogonal to.
  for (Index i = 0; i < size; ++i) vector(i) = 1 + 0.5 * std::sin(static_cast<double>(i + 1));
  double estimate = 0;
  for (int step = 0; step < kPowerSteps; ++step) {
    const double norm = stable_norm(vector);
    if (norm == 0) break;
    vector /= norm;
    multiply(execution, quadratic, vector, image);
    estimate = max_or_nan(estimate, stable_norm(image));
    vector.swap(image);
  }
  return max_or_nan(estimate, quadratic.diagonal().maxCoeff<Eigen::PropagateNaN>());
}

/// Whether the violation is half of what it was or less; never where both are infinite.
bool halved(double violation, double before) {
  return violation < before && violation <= 0.5 * before;
}

}  // namespace

void multiply(const Execution& execution, const ConstMatrixRef<double>& quadratic,
              const ConstMatrixRef<double>& coefficients, MatrixRef<double> out) {
  const double flops =
      2.0 * static_cast<double>(quadratic.size()) * static_cast<double>(coefficients.cols());
  parallel_for_blocks(execution.for_work(flops), quadratic.cols(), kRowBlock,
                      [&](Index begin, Index count, int) {
                        set_product_tn<double>(out.middleRows(begin, count),
                                               quadratic.middleCols(begin, count), coefficients);
                      });
}

void assess(const RegressionProblem& problem, RegressionPoint& point) {
  const double quadratic = point.coefficients.cwiseProduct(point.product).sum();
  const double linear = point.coefficients.cwiseProduct(problem.linear).sum();
  point.objective =
      0.5 * quadratic - linear + 0.5 * problem.energy + problem.penalty.value(point.coefficients);
  point.violation = problem.penalty.violations(point.coefficients, point.product - problem.linear)
                        .maxCoeff<Eigen::PropagateNaN>();
}

RegressionBlock::RegressionBlock(const Execution& execution, const RegressionProblem& problem,
                                 const RegressionSettings& settings, Matrix<double> start)
    : execution_(execution), problem_(problem), settings_(settings) {
  point_.coefficients = std::move(start);
  point_.product.resize(problem.features(), problem.outputs());
  multiply(execution, problem.quadratic, point_.coefficients, point_.product);
  assess(problem, point_);
  if (!std::isfinite(point_.objective))
    throw NumericalError(
        "the objective at the starting coefficients overflows: divide the samples by their largest "
        "norm, and the targets likewise");
  other_ = point_;
  curvature_ = 1.02 * curvature_estimate(execution, problem.quadratic);
  if (!std::isfinite(curvature_))
    throw NumericalError(
        "the curvature of the problem overflows: divide the samples by their largest norm");
  if (!(curvature_ > 0)) curvature_ = 1;
}

double RegressionBlock::rounding() const {
  return 16 * std::numeric_limits<double>::epsilon() *
         (problem_.energy + std::abs(point_.objective));
}

void RegressionBlock::run(double tolerance, int max_iterations) {
  double newton_from = settings_.newton_from * problem_.penalty.scale();
  const int last = iterations_ + max_iterations;
  int batches = 0, next_try = 2;  // far from the solution, Newton steps are tried now and then
  while (!(point_.violation <= tolerance)) {
    execution_.check();
    if (std::isnan(point_.violation))
      throw NumericalError("the violation of the optimality conditions is not a number");
    const bool close = point_.violation <= newton_from;
    if (close || (settings_.newton_from > 0 && batches >= next_try)) {
      const double before = point_.violation;
      int stale = 0;  // steps in a row that lowered the objective, not the violation
      while (stale < kStaleNewton && point_.violation > tolerance) {
        const double last_violation = point_.violation;
        if (!newton_step()) break;
        stale = halved(point_.violation, last_violation) ? 0 : stale + 1;
      }
      if (halved(point_.violation, before)) continue;
      // The support is not yet right: come back when the violation is smaller, or later.
      if (close) newton_from = std::min(newton_from, before) / 4;
      next_try = 2 * batches + 2;
    }
    bool moved = iterations_ < last;
    for (int step = 0; step < kProximalBatch && moved && point_.violation > tolerance; ++step) {
      moved = proximal_step();
      if (iterations_ >= last) break;
    }
    ++batches;
    if (!moved || (iterations_ >= last && point_.violation > tolerance)) break;
  }
}

bool RegressionBlock::proximal_step() {
  ++iterations_;
  const double next_momentum = (1 + std::sqrt(1 + 4 * momentum_ * momentum_)) / 2;
  const double beta = has_previous_ ? (momentum_ - 1) / next_momentum : 0.0;
  const Matrix<double> from =
      point_.coefficients + beta * (point_.coefficients - other_.coefficients);
  const Matrix<double> from_product = point_.product + beta * (point_.product - other_.product);
  RegressionPoint next;
  next.product.resizeLike(from);
  for (;;) {
    next.coefficients = from - (from_product - problem_.linear) / curvature_;
    problem_.penalty.shrink(1 / curvature_, next.coefficients);
    multiply(execution_, problem_.quadratic, next.coefficients, next.product);
    const Matrix<double> moved = next.coefficients - from;
    const double length = stable_norm(moved);
    if (length == 0) break;
    const double seen = (moved / length).cwiseProduct(next.product - from_product).sum();
    // The bound needs to hold only along the step that was made; below rounding it cannot fail.
    if (!(seen > curvature_ * length * (1 + 1e-9) && seen * length > rounding())) break;
    curvature_ *= 1.5;
  }
  assess(problem_, next);
  if (!(next.objective <= point_.objective + rounding())) {
    const bool accelerated = beta != 0;
    momentum_ = 1;
    has_previous_ = false;
    return accelerated;  // a plain step comes next; if that fails too, nothing moves
  }
  const double uphill =
      (from - next.coefficients).cwiseProduct(next.coefficients - point_.coefficients).sum();
  if (next.coefficients == point_.coefficients) return beta != 0 && next_momentum < 1e6;
  other_ = std::move(point_);
  point_ = std::move(next);
  has_previous_ = true;
  momentum_ = uphill > 0 ? 1 : next_momentum;
  return true;
}

Matrix<double> RegressionBlock::newton_direction(const std::vector<Index>& support,
                                                 const PenaltyModel& penalty,
                                                 const Matrix<double>& mask,
                                                 const Matrix<double>& gradient) const {
  const Matrix<double> block = problem_.quadratic(support, support);
  // The Hessian is H + diagonal - (curvature of the norms along the coefficients): without the
  // last part it is one matrix for all outputs, from above, and a good preconditioner.
  Matrix<double> factor = block;
  factor.diagonal() += penalty.diagonal();
  factor.diagonal().array() += 1e-14 * factor.diagonal().maxCoeff();
  PanelCholesky cholesky;
  if (!cholesky.compute(execution_, std::move(factor))) return {};
  const auto apply = [&](const Matrix<double>& direction) {
    Matrix<double> image(direction.rows(), direction.cols());
    multiply(execution_, block, direction, image);
    penalty.add_curvature(direction, image);
    return Matrix<double>(image.cwiseProduct(mask));
  };
  // Preconditioned conjugate gradients on the entries of the mask.
  Matrix<double> solution = Matrix<double>::Zero(gradient.rows(), gradient.cols());
  Matrix<double> residual = -gradient;
  Matrix<double> better = cholesky.solve(execution_, residual).cwiseProduct(mask);
  Matrix<double> direction = better;
  double energy = residual.cwiseProduct(better).sum();
  const double enough = 1e-12 * energy;
  for (int step = 0; step < kMaxConjugate && energy > enough; ++step) {
    const Matrix<double> image = apply(direction);
    const double bend = direction.cwiseProduct(image).sum();
    if (!(bend > 0)) break;
    const double length = energy / bend;
    solution += length * direction;
    residual -= length * image;
    better = cholesky.solve(execution_, residual).cwiseProduct(mask);
    const double next = residual.cwiseProduct(better).sum();
    direction = better + (next / energy) * direction;
    energy = next;
    execution_.check();
  }
  return solution;
}

/// A Newton step on the entries that are not zero, whose signs the l1 penalty fixes.
bool RegressionBlock::newton_step() {
  const Vector<double> norms = row_norms(point_.coefficients);
  std::vector<Index> support;
  for (Index feature = 0; feature < norms.size(); ++feature)
    if (norms[feature] > 0) support.push_back(feature);
  if (support.empty() || static_cast<Index>(support.size()) > kMaxNewtonRows) return false;
  const Matrix<double> at = point_.coefficients(support, Eigen::all);
  const NestedPenalty penalty = problem_.penalty.restricted(support);
  const bool signs = penalty.element > 0;
  const Matrix<double> mask = signs ? Matrix<double>((at.array() != 0).cast<double>())
                                    : Matrix<double>::Ones(at.rows(), at.cols());
  const PenaltyModel model(penalty, at, norms(support));
  Matrix<double> gradient = point_.product(support, Eigen::all);
  gradient -= problem_.linear(support, Eigen::all);
  model.add_gradient(gradient);
  gradient = gradient.cwiseProduct(mask).eval();
  const Matrix<double> direction = newton_direction(support, model, mask, gradient);
  if (direction.size() == 0 || !direction.allFinite()) return false;
  RegressionPoint trial;
  trial.coefficients = point_.coefficients;
  trial.product.resizeLike(point_.product);
  double length = 1;
  for (int halving = 0; halving < kMaxHalvings; ++halving, length /= 2) {
    Matrix<double> moved = at + length * direction;
    // An entry that would change its sign stops at zero, where the model ends.
    if (signs) moved = (moved.array() * at.array() < 0).select(0.0, moved);
    // So does a row that would turn around.
    for (Index i = 0; i < moved.rows(); ++i)
      if (moved.row(i).dot(at.row(i)) <= 0) moved.row(i).setZero();
    trial.coefficients(support, Eigen::all) = moved;
    multiply(execution_, problem_.quadratic, trial.coefficients, trial.product);
    assess(problem_, trial);
    const double slack = rounding();
    if (trial.objective < point_.objective - slack ||
        (trial.objective <= point_.objective + slack && trial.violation < point_.violation)) {
      std::swap(point_, trial);
      momentum_ = 1;
      has_previous_ = false;
      ++newton_steps_;
      return true;
    }
  }
  return false;
}

}  // namespace sparsetransfer::transfer
