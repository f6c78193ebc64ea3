#include "sparsetransfer/transfer/admm.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/dense_cholesky.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kSampleBlock = 256;
constexpr Index kAtomBlock = 4;
constexpr int kCertifyEvery = 10;  // a certificate costs half an iteration
constexpr int kBalanceUntil = 200;
constexpr double kRelaxation = 1.6;
constexpr double kUnbalanced = 5;
constexpr int kMaxConjugateGradient = 200;

/// Solves (c I + E E' + L) x = r for one c at a time.
template <typename T>
class ShiftedSystem {
 public:
  ShiftedSystem(const Coupling<T>& coupling, Index samples)
      : means_(coupling.means), laplacian_(coupling.laplacian), diagonal_(samples) {
    products_.resize(means_.cols(), means_.cols());
    set_product_tn<T>(products_, means_, means_);
  }

  /// x holds a guess on entry, used with a Laplacian only.
  void solve(T shift, const Vector<T>& r, Eigen::Ref<Vector<T>> x) {
    prepare(shift);
    if (laplacian_.empty()) {
      precondition(r, x);
    } else {
      conjugate_gradients(shift, r, x);
    }
  }

 private:
  // The preconditioner diag(c + L_ii) + E E' by the Woodbury identity: exact without L.
  void prepare(T shift) {
    diagonal_.setConstant(shift);
    if (!laplacian_.empty())
      for (Index i = 0; i < diagonal_.size(); ++i)
        for (auto at = laplacian_.indptr[i]; at < laplacian_.indptr[i + 1]; ++at)
          if (laplacian_.indices[at] == i) diagonal_[i] += laplacian_.values[at];
    if (means_.cols() == 0) return;
    if (laplacian_.empty()) {
      capacitance_ = products_ / shift;
    } else {
      const Matrix<T> scaled = diagonal_.cwiseInverse().asDiagonal() * means_;
      capacitance_.resize(means_.cols(), means_.cols());
      set_product_tn<T>(capacitance_, scaled, means_);
    }
    capacitance_.diagonal().array() += T(1);
    factor_in_place<T>(capacitance_);
  }

  void precondition(const Vector<T>& r, VectorRef<T> x) const {
    x = r.cwiseQuotient(diagonal_);
    if (means_.cols() == 0) return;
    Vector<T> collected(means_.cols());
    for (Index q = 0; q < means_.cols(); ++q) collected[q] = means_.col(q).dot(x);
    solve_factored<T>(capacitance_, collected);
    for (Index q = 0; q < means_.cols(); ++q)
      x -= collected[q] * means_.col(q).cwiseQuotient(diagonal_);
  }

  void apply(T shift, const Vector<T>& x, Vector<T>& image) const {
    image = shift * x;
    for (Index q = 0; q < means_.cols(); ++q) image += means_.col(q).dot(x) * means_.col(q);
    for (Index i = 0; i < x.size(); ++i) {
      T sum = 0;
      for (auto at = laplacian_.indptr[i]; at < laplacian_.indptr[i + 1]; ++at)
        sum += laplacian_.values[at] * x[laplacian_.indices[at]];
      image[i] += sum;
    }
  }

  void conjugate_gradients(T shift, const Vector<T>& r, Eigen::Ref<Vector<T>> x) {
    Vector<T> guess = x;
    Vector<T> image(x.size());
    apply(shift, guess, image);
    Vector<T> residual = r - image;
    Vector<T> preconditioned(x.size());
    precondition(residual, preconditioned);
    Vector<T> direction = preconditioned;
    T energy = residual.dot(preconditioned);
    // The guess is the last iteration's solution: gaining some digits on it each time is exact in
    // the limit, and the floor is what rounding leaves.
    const T target =
        std::max(T(1e-6) * residual.norm(), 4 * std::numeric_limits<T>::epsilon() * r.norm());
    for (int iteration = 0; iteration < kMaxConjugateGradient; ++iteration) {
      if (!(residual.norm() > target)) break;
      apply(shift, direction, image);
      const T curvature = direction.dot(image);
      if (!(curvature > 0)) break;
      const T length = energy / curvature;
      guess += length * direction;
      residual -= length * image;
      precondition(residual, preconditioned);
      const T next = residual.dot(preconditioned);
      direction = preconditioned + (next / energy) * direction;
      energy = next;
    }
    x = guess;
  }

  const Eigen::Map<const Matrix<T>>& means_;
  const SymmetricSparse<T>& laplacian_;
  Matrix<T> products_;
  Vector<T> diagonal_;
  Matrix<T> capacitance_;  // factored
};

}  // namespace

template <typename T>
Admm<T>::Admm(const Execution& execution, const CodeProblem<T>& problem,
              const Matrix<T>& correlations)
    : execution_(execution), problem_(problem), correlations_(correlations) {
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(
      Matrix<double>(problem.gram.template cast<double>()));
  eigenvalues_ = solver.eigenvalues().cwiseMax(0.0).template cast<T>();
  eigenvectors_ = solver.eigenvectors().template cast<T>();
  rho_ = std::max(eigenvalues_.mean(), std::numeric_limits<T>::epsilon());
  require(problem.labels.empty(),
          "alternating directions need the same quadratic term in all codes");
  const Index samples = problem.samples();
  thresholds_.setConstant(samples, problem.alpha);
  if (problem.penalties.size() > 0) thresholds_.array() *= problem.penalties.array();
  rotated_.setZero(samples, problem.atoms());
  quadratic_.resize(samples, problem.atoms());
}

/// At the solution rho U is the negative gradient, whose entries are at most alpha.
template <typename T>
void Admm<T>::start(const Iterate<T>& point) {
  dual_.resize(point.codes.rows(), point.codes.cols());
  const Vector<T> bound = thresholds_ / rho_;
  parallel_for_blocks(execution_.for_work(8.0 * static_cast<double>(dual_.size())),
                      problem_.atoms(), kAtomBlock, [&](Index begin, Index count, int) {
                        auto dual = dual_.middleCols(begin, count);
                        dual = correlations_.middleCols(begin, count) -
                               point.quadratic.middleCols(begin, count);
                        if (problem_.coupling.rank() > 0)
                          add_product<T>(dual, T(-1), problem_.coupling.means,
                                         point.means.middleCols(begin, count));
                        dual /= rho_;
                        for (Index a = 0; a < count; ++a)
                          dual.col(a) = dual.col(a).cwiseMin(bound).cwiseMax(-bound).eval();
                      });
}

template <typename T>
void Admm<T>::quadratic_step(const Iterate<T>& point) {
  const Index samples = problem_.samples();
  const Index atoms = problem_.atoms();
  const double product = 2.0 * static_cast<double>(samples * atoms) * static_cast<double>(atoms);
  parallel_for_blocks(
      execution_.for_work(product), samples, kSampleBlock, [&](Index begin, Index count, int) {
        const Matrix<T> right =
            correlations_.middleRows(begin, count) +
            rho_ * (point.codes.middleRows(begin, count) - dual_.middleRows(begin, count));
        set_product<T>(quadratic_.middleRows(begin, count), right, eigenvectors_);
      });
  const double solves = static_cast<double>(samples * atoms) *
                        static_cast<double>(4 + 4 * problem_.coupling.rank()) *
                        (problem_.coupling.laplacian.empty() ? 1.0 : 50.0);
  parallel_for_blocks(execution_.for_work(solves), atoms, kAtomBlock,
                      [&](Index begin, Index count, int) {
                        ShiftedSystem<T> system(problem_.coupling, samples);
                        Vector<T> right(samples);
                        for (Index a = begin; a < begin + count; ++a) {
                          right = quadratic_.col(a);
                          system.solve(eigenvalues_[a] + rho_, right, rotated_.col(a));
                        }
                      });
  parallel_for_blocks(execution_.for_work(product), samples, kSampleBlock,
                      [&](Index begin, Index count, int) {
                        set_product_nt<T>(quadratic_.middleRows(begin, count),
                                          rotated_.middleRows(begin, count), eigenvectors_);
                      });
}

template <typename T>
typename Admm<T>::Residuals Admm<T>::shrink(Iterate<T>& point) {
  const Index atoms = problem_.atoms();
  std::vector<Residuals> partial(static_cast<std::size_t>(num_blocks(atoms, kAtomBlock)));
  const Vector<T> threshold = thresholds_ / rho_;
  const T relaxation = static_cast<T>(kRelaxation);
  parallel_for_blocks(execution_.for_work(20.0 * static_cast<double>(point.codes.size())), atoms,
                      kAtomBlock, [&](Index begin, Index count, int) {
                        Residuals& sum = partial[static_cast<std::size_t>(begin / kAtomBlock)];
                        Vector<T> relaxed(point.codes.rows()), next(point.codes.rows());
                        for (Index a = begin; a < begin + count; ++a) {
                          const auto smooth = quadratic_.col(a);
                          auto code = point.codes.col(a);
                          auto dual = dual_.col(a);
                          relaxed = relaxation * smooth + (1 - relaxation) * code + dual;
                          if (problem_.positive) {
                            next = (relaxed - threshold).cwiseMax(T(0));
                          } else {
                            next = relaxed - relaxed.cwiseMin(threshold).cwiseMax(-threshold);
                          }
                          dual = relaxed - next;
                          sum.primal += static_cast<double>((smooth - next).squaredNorm());
                          sum.dual += static_cast<double>((next - code).squaredNorm());
                          code = next;
                        }
                      });
  Residuals total;
  for (const Residuals& part : partial) {
    total.primal += part.primal;
    total.dual += part.dual;
  }
  total.primal = std::sqrt(total.primal);
  total.dual = static_cast<double>(rho_) * std::sqrt(total.dual);
  return total;
}

/// A larger rho lowers the primal residual, a smaller one the dual residual.
template <typename T>
void Admm<T>::balance(const Residuals& residuals) {
  T factor = 1;
  if (residuals.primal > kUnbalanced * residuals.dual) factor = 2;
  if (residuals.dual > kUnbalanced * residuals.primal) factor = T(0.5);
  rho_ *= factor;
  dual_ /= factor;
}

template <typename T>
int Admm<T>::run(Iterate<T>& point, double tolerance, int max_iterations) {
  start(point);
  int iteration = 0;
  while (iteration < max_iterations && !(point.certificate.kkt_violation <= tolerance)) {
    ++iteration;
    quadratic_step(point);
    const Residuals residuals = shrink(point);
    if (iteration <= kBalanceUntil && iteration % 5 == 0) balance(residuals);
    if (iteration % kCertifyEvery == 0 || iteration == max_iterations) {
      update_means(execution_, problem_, point);
      evaluate(execution_, problem_, correlations_, point);
      if (!std::isfinite(point.certificate.objective)) break;
    }
  }
  return iteration;
}

template class Admm<float>;
template class Admm<double>;

}  // namespace sparsetransfer::transfer
