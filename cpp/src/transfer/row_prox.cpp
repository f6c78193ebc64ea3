#include "row_prox.hpp"

#include <cmath>
#include <limits>

#include "sparsetransfer/numerics/dense_cholesky.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr int kMaxSteps = 60;

}  // namespace

// code = ST(z, threshold), or its nonnegative form.
template <typename T>
void RowProx<T>::shrink(const Vector<T>& z, Column code) const {
  if (positive) {
    code = (z - threshold).cwiseMax(T(0));
  } else {
    code = z - z.cwiseMin(threshold).cwiseMax(-threshold);
  }
}

template <typename T>
void RowProx<T>::solve(const Vector<T>& z, Column code, Eigen::Ref<Vector<T>> mean) {
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
template <typename T>
void RowProx<T>::solve_one(const Vector<T>& z, Column code, T& mean) {
  const auto e = means.col(0);
  const auto te = scaled.col(0);
  T low = -std::numeric_limits<T>::infinity();
  T high = std::numeric_limits<T>::infinity();
  T t = mean;
  T last_slope = -1;
  for (int iteration = 0; iteration < kMaxSteps; ++iteration) {
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
template <typename T>
void RowProx<T>::solve_many(const Vector<T>& z, Column code, Eigen::Ref<Vector<T>> mean) {
  const Index rank = mean.size();
  Vector<T> t = mean;
  Vector<T> residual(rank), direction(rank), trial(rank);
  Matrix<T> jacobian(rank, rank);
  T potential = evaluate(z, t, code);
  for (int iteration = 0; iteration < kMaxSteps; ++iteration) {
    residual = t;
    add_product_tn<T>(residual, T(-1), means, code);
    const T size = residual.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
    if (size <= 8 * std::numeric_limits<T>::epsilon() *
                    (t.template lpNorm<Eigen::Infinity>() + std::numeric_limits<T>::min()))
      break;
    indicate(code);
    set_product_tn<T>(jacobian, means, active.asDiagonal() * scaled);
    jacobian.diagonal().array() += T(1);
    direction = residual;
    factor_in_place<T>(jacobian);
    solve_factored<T>(jacobian, direction);
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
  set_product_tn<T>(mean, means, code);
}

template <typename T>
T RowProx<T>::evaluate(const Vector<T>& z, const Vector<T>& t, Column code) {
  shifted = z;
  add_product<T>(shifted, T(-1), scaled, t);
  shrink(shifted, code);
  return (t.squaredNorm() + (code.array().square() / steps.array()).sum()) / 2;
}

// active[i] = 1 where the code is not zero.
template <typename T>
void RowProx<T>::indicate(const Column& code) {
  active.resize(code.size());
  const T* from = code.data();
  T* to = active.data();
  for (Index i = 0; i < code.size(); ++i) to[i] = from[i] != 0 ? T(1) : T(0);
}

template struct RowProx<float>;
template struct RowProx<double>;

}  // namespace sparsetransfer::transfer
