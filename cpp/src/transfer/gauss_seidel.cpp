#include "sparsetransfer/transfer/gauss_seidel.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr int kMaxSteps = 1000;

template <typename T>
class FeatureSign {
 public:
  FeatureSign(const ConstMatrixRef<T>& gram, T curvature, const Vector<T>& linear, T alpha,
              VectorRef<T> code)
      : gram_(gram), curvature_(curvature), linear_(linear), alpha_(alpha), code_(code) {
    for (Index a = 0; a < code.size(); ++a)
      if (code[a] != 0) active_.push_back(a);
    update_gradient();
  }

  void solve() {
    if (!active_.empty()) settle();
    for (int step = 0; step < kMaxSteps; ++step) {
      if (!activate()) return;
      if (!settle()) return;
    }
  }

 private:
  T tolerance() const {
    return 64 * std::numeric_limits<T>::epsilon() *
           (alpha_ + linear_.template lpNorm<Eigen::Infinity>());
  }

  void update_gradient() {
    gradient_ = curvature_ * code_ - linear_;
    for (const Index a : active_) gradient_ += code_[a] * gram_.col(a);
  }

  /// Adds the zero code of the largest violation; false when there is none.
  bool activate() {
    Index best = -1;
    T largest = alpha_ + tolerance();
    for (Index a = 0; a < code_.size(); ++a)
      if (code_[a] == 0 && std::abs(gradient_[a]) > largest) {
        best = a;
        largest = std::abs(gradient_[a]);
      }
    if (best < 0) return false;
    active_.push_back(best);
    return true;
  }

  /// Feature-sign steps until the minimiser over the active entries keeps their signs.
  bool settle() {
    for (int step = 0; step < kMaxSteps && !active_.empty(); ++step) {
      const Index count = static_cast<Index>(active_.size());
      Matrix<T> system(count, count);
      Vector<T> right(count);
      Vector<T> now(count);
      for (Index j = 0; j < count; ++j) {
        const Index b = active_[static_cast<std::size_t>(j)];
        for (Index i = 0; i < count; ++i)
          system(i, j) = gram_(active_[static_cast<std::size_t>(i)], b);
        system(j, j) += curvature_;
        now[j] = code_[b];
        const T sign =
            code_[b] != 0 ? std::copysign(T(1), code_[b]) : std::copysign(T(1), -gradient_[b]);
        right[j] = linear_[b] - alpha_ * sign;
      }
      Eigen::LDLT<Matrix<T>> factor(system);
      Vector<T> next = factor.solve(right);
      if (!next.allFinite()) return false;
      const bool kept = advance(now, next);
      update_gradient();
      if (kept) return true;
    }
    return true;
  }

  /// Moves to the best point among the minimiser and the zero crossings on the way to it; true
  /// when the minimiser had no crossing.
  bool advance(const Vector<T>& now, const Vector<T>& next) {
    const Index count = now.size();
    std::vector<T> crossings{T(1)};
    for (Index i = 0; i < count; ++i)
      if (now[i] * next[i] < 0) crossings.push_back(now[i] / (now[i] - next[i]));
    const bool kept = crossings.size() == 1;
    T best_length = 1;
    Index crossed = -1;
    if (!kept) {
      // f(now + t d) - f(now) = a t^2 + b t + alpha (|now + t d|_1 - |now|_1)
      const Vector<T> step = next - now;
      T slope = 0;
      T bend = 0;
      for (Index j = 0; j < count; ++j) {
        const Index b = active_[static_cast<std::size_t>(j)];
        slope += step[j] * gradient_[b];
        T image = curvature_ * step[j];
        for (Index i = 0; i < count; ++i)
          image += gram_(active_[static_cast<std::size_t>(i)], b) * step[i];
        bend += step[j] * image / 2;
      }
      T lowest = std::numeric_limits<T>::infinity();
      for (const T length : crossings) {
        const T value =
            (bend * length + slope) * length + alpha_ * (now + length * step).template lpNorm<1>();
        if (value < lowest) {
          lowest = value;
          best_length = length;
        }
      }
      for (Index i = 0; i < count; ++i)
        if (now[i] * next[i] < 0 && now[i] / (now[i] - next[i]) == best_length) crossed = i;
    }
    std::vector<Index> left;
    for (Index i = 0; i < count; ++i) {
      const Index a = active_[static_cast<std::size_t>(i)];
      const T value = i == crossed ? T(0) : now[i] + best_length * (next[i] - now[i]);
      code_[a] = best_length == 1 ? next[i] : value;
      if (code_[a] != 0) left.push_back(a);
    }
    active_ = std::move(left);
    return kept;
  }

  const ConstMatrixRef<T>& gram_;
  const T curvature_;
  const Vector<T>& linear_;
  const T alpha_;
  VectorRef<T> code_;
  std::vector<Index> active_;
  Vector<T> gradient_;
};

}  // namespace

template <typename T>
void feature_sign(const ConstMatrixRef<T>& gram, T curvature, const Vector<T>& linear, T alpha,
                  VectorRef<T> code) {
  FeatureSign<T>(gram, curvature, linear, alpha, code).solve();
}

template <typename T>
GaussSeidel<T>::GaussSeidel(const Execution& execution, const CodeProblem<T>& problem,
                            const Matrix<T>& correlations)
    : execution_(execution), problem_(problem), correlations_(correlations) {
  require(!problem.positive, "Gauss-Seidel sweeps do not know non-negative codes");
  require(problem.labels.empty(), "Gauss-Seidel sweeps do not know labels");
}

template <typename T>
void GaussSeidel<T>::sweep() {
  const Eigen::Map<const Matrix<T>>& E = problem_.coupling.means;
  const SymmetricSparse<T>& laplacian = problem_.coupling.laplacian;
  Vector<T> linear(problem_.atoms()), before(problem_.atoms());
  for (Index i = 0; i < problem_.samples(); ++i) {
    execution_.check();
    auto code = codes_.col(i);
    before = code;
    T curvature = 0;
    linear = problem_.correlations.col(i);
    if (problem_.coupling.rank() > 0) {
      curvature = E.row(i).squaredNorm();
      linear.noalias() -= means_ * E.row(i).transpose();
      linear += curvature * before;
    }
    if (!laplacian.empty())
      for (auto at = laplacian.indptr[i]; at < laplacian.indptr[i + 1]; ++at) {
        const Index other = laplacian.indices[at];
        if (other == i) {
          curvature += laplacian.values[at];
        } else {
          linear -= laplacian.values[at] * codes_.col(other);
        }
      }
    feature_sign<T>(problem_.gram, curvature, linear, problem_.penalty(i), code);
    if (problem_.coupling.rank() > 0) means_.noalias() += (code - before) * E.row(i);
  }
}

template <typename T>
int GaussSeidel<T>::run(Iterate<T>& point, double tolerance, int max_sweeps) {
  codes_ = point.codes.transpose();
  int made = 0;
  while (made < max_sweeps && !(point.certificate.kkt_violation <= tolerance)) {
    ++made;
    means_ = point.means.transpose();  // exact once per sweep: updates drift
    sweep();
    point.codes = codes_.transpose();
    update_means(execution_, problem_, point);
    evaluate(execution_, problem_, correlations_, point);
  }
  return made;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                            \
  template void feature_sign<T>(const ConstMatrixRef<T>&, T, const Vector<T>&, T, VectorRef<T>); \
  template class GaussSeidel<T>;
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer::transfer
