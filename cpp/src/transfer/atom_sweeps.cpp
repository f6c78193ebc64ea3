#include "sparsetransfer/transfer/atom_sweeps.hpp"

#include <algorithm>
#include <cmath>

#include "row_prox.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

// Atoms per panel: everything outside the panel is one matrix product.
constexpr Index kPanel = 16;
constexpr Index kSampleBlock = 256;

}  // namespace

template <typename T>
AtomSweeps<T>::AtomSweeps(const Execution& execution, const CodeProblem<T>& problem,
                          const Matrix<T>& correlations)
    : execution_(execution),
      problem_(problem),
      correlations_(correlations),
      means_(problem.coupling.means),
      scaled_(means_.rows(), means_.cols()),
      fixed_(Vector<T>::Zero(problem.samples())),
      quadratic_(problem.samples(), kPanel),
      moved_(problem.samples(), kPanel) {
  const SymmetricSparse<T>& laplacian = problem.coupling.laplacian;
  if (!laplacian.empty())
    for (Index i = 0; i < problem.samples(); ++i)
      for (auto at = laplacian.indptr[i]; at < laplacian.indptr[i + 1]; ++at)
        fixed_[i] += std::abs(laplacian.values[at]);
  if (problem.labels.empty()) return;
  label_gram_.resize(problem.atoms(), problem.atoms());
  set_product_tn<T>(label_gram_, problem.labels.map, problem.labels.map);
}

template <typename T>
void AtomSweeps<T>::form_panel(const Iterate<T>& point, Index begin, Index count) {
  const double flops = 2.0 * static_cast<double>(point.codes.size()) * static_cast<double>(count);
  parallel_for_blocks(execution_.for_work(flops), point.codes.rows(), kSampleBlock,
                      [&](Index row, Index rows, int) {
                        auto target = quadratic_.block(row, 0, rows, count);
                        const auto codes = point.codes.middleRows(row, rows);
                        set_product<T>(target, codes, problem_.gram.middleCols(begin, count));
                        if (problem_.labels.empty()) return;
                        Matrix<T> predicted(rows, count);
                        set_product<T>(predicted, codes, label_gram_.middleCols(begin, count));
                        target +=
                            problem_.labels.weights.segment(row, rows).asDiagonal() * predicted;
                      });
}

template <typename T>
void AtomSweeps<T>::add_neighbours(Index atom, const Iterate<T>& point) {
  const SymmetricSparse<T>& laplacian = problem_.coupling.laplacian;
  const T* code = point.codes.col(atom).data();
  for (Index i = 0; i < gradient_.size(); ++i) {
    T sum = 0;
    for (auto at = laplacian.indptr[i]; at < laplacian.indptr[i + 1]; ++at)
      sum += laplacian.values[at] * code[laplacian.indices[at]];
    gradient_[i] += sum;
  }
}

template <typename T>
double AtomSweeps<T>::move_atom(Iterate<T>& point, Index begin, Index i) {
  const Index atom = begin + i;
  auto code = point.codes.col(atom);
  steps_.setConstant(code.size(), problem_.gram(atom, atom));
  gradient_ = quadratic_.col(i) - correlations_.col(atom);
  add_product<T>(gradient_, T(1), moved_.leftCols(i), problem_.gram.col(atom).segment(begin, i));
  if (!problem_.labels.empty()) {
    const auto& weights = problem_.labels.weights;
    steps_ += weights * label_gram_(atom, atom);
    target_.resize(code.size());
    set_product<T>(target_, moved_.leftCols(i), label_gram_.col(atom).segment(begin, i));
    gradient_ += weights.cwiseProduct(target_);
  }
  if (!problem_.coupling.laplacian.empty()) {
    steps_ += fixed_;
    add_neighbours(atom, point);
  }
  // A zero atom: any step takes its codes to zero.
  steps_ = (steps_.array() > 0).select(steps_.cwiseInverse(), T(1));
  thresholds_ = problem_.alpha * steps_;
  if (problem_.penalties.size() > 0) thresholds_.array() *= problem_.penalties.array();
  scaled_.noalias() = steps_.asDiagonal() * means_;
  target_ = code - steps_.cwiseProduct(gradient_);
  next_.resize(code.size());
  Vector<T> mean = point.means.col(atom);
  RowProx<T> prox{means_, scaled_, thresholds_, steps_, problem_.positive, {}, {}};
  prox.solve(target_, Eigen::Map<Vector<T>>(next_.data(), next_.size()), mean);
  point.means.col(atom) = mean;
  moved_.col(i) = next_ - code;
  code = next_;
  return static_cast<double>(
      moved_.col(i).cwiseQuotient(steps_).cwiseAbs().template maxCoeff<Eigen::PropagateNaN>());
}

template <typename T>
double AtomSweeps<T>::sweep(Iterate<T>& point) {
  double largest = 0;
  for (Index begin = 0; begin < problem_.atoms(); begin += kPanel) {
    const Index count = std::min(kPanel, problem_.atoms() - begin);
    form_panel(point, begin, count);
    for (Index i = 0; i < count; ++i) largest = max_or_nan(largest, move_atom(point, begin, i));
    execution_.check();
  }
  return largest;
}

template <typename T>
int AtomSweeps<T>::run(Iterate<T>& point, double tolerance, int max_sweeps) {
  if (point.certificate.kkt_violation <= tolerance) return 0;
  int made = 0;
  bool settled = false;
  while (made < max_sweeps && !settled) {
    settled = sweep(point) <= tolerance;
    ++made;
  }
  evaluate(execution_, problem_, correlations_, point);
  return made;
}

template class AtomSweeps<float>;
template class AtomSweeps<double>;

}  // namespace sparsetransfer::transfer
