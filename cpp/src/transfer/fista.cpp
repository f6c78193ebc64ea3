#include "sparsetransfer/transfer/fista.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>
#include <vector>

#include "sparsetransfer/numerics/gram.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kAtomBlock = 4;
constexpr int kMaxNewton = 60;

/// The metric of the proximal operator and the scratch of one worker.
template <typename T>
struct RowProx {
  const Matrix<T>& means;   // E
  const Matrix<T>& scaled;  // tau E
  const Vector<T>& threshold;
  const Vector<T>& steps;
  bool positive;
  Vector<T> shifted;
  Vector<T> active;

  using ConstColumn = Eigen::Map<const Vector<T>>;
  using Column = Eigen::Map<Vector<T>>;

  /// code = ST(z, threshold), or its nonnegative form.
  template <typename Z>
  void shrink(const Z& z, Column code) const {
    if (positive) {
      code = (z - threshold).cwiseMax(T(0));
    } else {
      code = z - z.cwiseMin(threshold).cwiseMax(-threshold);
    }
  }

  void solve(const Vector<T>& z, Column code, Eigen::Ref<Vector<T>> mean) {
    if (mean.size() == 0) {
      shrink(z, code);
    } else if (mean.size() == 1) {
      solve_one(z, code, mean[0]);
    } else {
      solve_many(z, code, mean);
    }
  }

  // Root of F(t) = t - e'ST(z - tau e t): increasing, piecewise linear, slope >= 1. Newton,
  // kept inside a shrinking bracket; exact once two iterates lie on the same piece. Only then can
  // the slopes be equal, but pieces may share a slope: the residual decides.
  void solve_one(const Vector<T>& z, Column code, T& mean) {
    const auto e = means.col(0);
    const auto te = scaled.col(0);
    T low = -std::numeric_limits<T>::infinity();
    T high = std::numeric_limits<T>::infinity();
    T t = mean;
    T last_slope = -1;
    for (int iteration = 0; iteration < kMaxNewton; ++iteration) {
      shifted = z - te * t;
      shrink(shifted, code);
      const T residual = t - e.dot(code);
      indicate(code);
      const T slope = 1 + e.cwiseProduct(te).dot(active);
      if (slope == last_slope &&
          std::abs(residual) <= 16 * std::numeric_limits<T>::epsilon() *
                                    (std::abs(t) + e.cwiseAbs().dot(code.cwiseAbs())))
        break;
      last_slope = slope;
      (residual > 0 ? high : low) = t;
      T next = t - residual / slope;
      if (!(next > low && next < high)) {
        if (!std::isfinite(low) || !std::isfinite(high)) break;
        next = low + (high - low) / 2;
        last_slope = -1;
        if (next == low || next == high) break;
      }
      t = next;
    }
    mean = e.dot(code);
  }

  // The same root for several columns: the gradient of the convex potential
  // 1/2 |t|^2 + 1/2 sum_i s_i(t)^2 / tau_i, minimised by Newton with a backtracking line search.
  void solve_many(const Vector<T>& z, Column code, Eigen::Ref<Vector<T>> mean) {
    const Index rank = mean.size();
    Vector<T> t = mean;
    Vector<T> residual(rank), direction(rank), trial(rank);
    Matrix<T> jacobian(rank, rank);
    T potential = evaluate(z, t, code);
    for (int iteration = 0; iteration < kMaxNewton; ++iteration) {
      residual = t - means.transpose() * code;
      const T size = residual.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
      if (size <= 8 * std::numeric_limits<T>::epsilon() *
                      (t.template lpNorm<Eigen::Infinity>() + std::numeric_limits<T>::min()))
        break;
      indicate(code);
      jacobian.noalias() = means.transpose() * (active.asDiagonal() * scaled);
      jacobian.diagonal().array() += T(1);
      direction = jacobian.llt().solve(residual);
      const T slope = residual.dot(direction);
      T length = 1;
      bool lower = false;
      for (int halving = 0; halving < 30 && !lower; ++halving, length /= 2) {
        trial = t - length * direction;
        const T value = evaluate(z, trial, code);
        if (value <= potential - T(1e-4) * length * slope) {
          lower = true;
          potential = value;
          t = trial;
        }
      }
      if (!lower) {
        evaluate(z, t, code);
        break;
      }
    }
    mean = means.transpose() * code;
  }

  T evaluate(const Vector<T>& z, const Vector<T>& t, Column code) {
    shifted = z;
    shifted.noalias() -= scaled * t;
    shrink(shifted, code);
    return (t.squaredNorm() + (code.array().square() / steps.array()).sum()) / 2;
  }

  // active[i] = 1 where the code is not zero.
  void indicate(const Column& code) {
    active.resize(code.size());
    const T* from = code.data();
    T* to = active.data();
    for (Index i = 0; i < code.size(); ++i) to[i] = from[i] != 0 ? T(1) : T(0);
  }
};

template <typename T>
Vector<T> sample_steps(const Execution& execution, const CodeProblem<T>& problem) {
  const T bound = spectral_bound<T>(execution, problem.gram);
  T label_bound = 0;
  if (!problem.labels.empty())
    label_bound = spectral_bound<T>(execution,
                                    Matrix<T>(problem.labels.map * problem.labels.map.transpose()));
  Vector<T> steps(problem.samples());
  const SymmetricSparse<T>& laplacian = problem.coupling.laplacian;
  for (Index i = 0; i < problem.samples(); ++i) {
    T curvature = bound;
    if (!problem.labels.empty()) curvature += label_bound * problem.labels.weights[i];
    if (!laplacian.empty())
      for (auto at = laplacian.indptr[i]; at < laplacian.indptr[i + 1]; ++at)
        curvature += std::abs(laplacian.values[at]);
    steps[i] = curvature > 0 ? 1 / curvature : T(1);
  }
  return steps;
}

}  // namespace

template <typename T>
Fista<T>::Fista(const Execution& execution, const CodeProblem<T>& problem,
                const Matrix<T>& correlations)
    : execution_(execution),
      problem_(problem),
      correlations_(correlations),
      means_(problem.coupling.means) {
  steps_ = sample_steps(execution, problem);
  thresholds_ = steps_ * problem.alpha;
  if (problem.penalties.size() > 0) thresholds_.array() *= problem.penalties.array();
  scaled_ = steps_.asDiagonal() * means_;
  other_.resize(problem);
}

template <typename T>
void Fista<T>::restart() {
  momentum_ = 1;
  has_previous_ = false;
}

/// Writes the next codes and means over other_; returns <(Y - S+) / tau, S+ - S>, whose positive
/// sign tells that the momentum points uphill (O'Donoghue and Candes, 2015).
template <typename T>
double Fista<T>::update_atoms(const Iterate<T>& point, T beta) {
  const Index atoms = problem_.atoms();
  std::vector<double> uphill(static_cast<std::size_t>(atoms));
  const double flops = 60.0 * static_cast<double>(point.codes.size()) *
                       static_cast<double>(1 + problem_.coupling.rank());
  parallel_for_blocks(
      execution_.for_work(flops), atoms, kAtomBlock, [&](Index begin, Index count, int) {
        RowProx<T> prox{means_, scaled_, thresholds_, steps_, problem_.positive, {}, {}};
        Vector<T> y(point.codes.rows()), z(point.codes.rows());
        Vector<T> mean(point.means.rows());
        for (Index atom = begin; atom < begin + count; ++atom) {
          const auto code = point.codes.col(atom);
          const auto quadratic = point.quadratic.col(atom);
          mean = point.means.col(atom);
          if (beta == 0) {
            y = code;
            z = y - steps_.cwiseProduct(quadratic - correlations_.col(atom));
          } else {
            y = code + beta * (code - other_.codes.col(atom));
            z = y -
                steps_.cwiseProduct(quadratic + beta * (quadratic - other_.quadratic.col(atom)) -
                                    correlations_.col(atom));
          }
          Eigen::Map<Vector<T>> next(other_.codes.col(atom).data(), other_.codes.rows());
          prox.solve(z, next, mean);
          other_.means.col(atom) = mean;
          y = (y - next).cwiseQuotient(steps_);
          uphill[static_cast<std::size_t>(atom)] = static_cast<double>(y.dot(next - code));
        }
      });
  double total = 0;
  for (const double part : uphill) total += part;
  return total;
}

template <typename T>
bool Fista<T>::step(Iterate<T>& point) {
  const double next_momentum = (1 + std::sqrt(1 + 4 * momentum_ * momentum_)) / 2;
  const T beta = has_previous_ ? static_cast<T>((momentum_ - 1) / next_momentum) : T(0);
  const double uphill = update_atoms(point, beta);
  evaluate(execution_, problem_, correlations_, other_);
  // A plain proximal gradient step cannot raise the objective by more than rounding does.
  const double rounding = objective_rounding(problem_, point);
  if (!(other_.certificate.objective <= point.certificate.objective + rounding)) {
    restart();
    return beta != 0;
  }
  std::swap(point, other_);
  has_previous_ = true;
  momentum_ = uphill > 0 ? 1 : next_momentum;
  return true;
}

template <typename T>
int Fista<T>::run(Iterate<T>& point, double tolerance, int max_iterations) {
  int iteration = 0;
  while (iteration < max_iterations && !(point.certificate.kkt_violation <= tolerance)) {
    ++iteration;
    if (!step(point)) break;
  }
  return iteration;
}

template class Fista<float>;
template class Fista<double>;

}  // namespace sparsetransfer::transfer
