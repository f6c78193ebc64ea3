#include "newton_preconditioner.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/numerics/dense_cholesky.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kSampleBlock = 64;
constexpr Index kSums = 16;           // partial sums over samples: a constant, so that the
                                      // order of addition does not depend on the threads
constexpr Index kMaxWoodbury = 1024;  // largest (atoms * rank) for the exact preconditioner

}  // namespace

template <typename T>
NewtonPreconditioner<T>::NewtonPreconditioner(const Execution& execution,
                                              const CodeProblem<T>& problem,
                                              const ActiveEntries& entries)
    : execution_(execution),
      problem_(problem),
      entries_(entries),
      atoms_(problem.atoms()),
      samples_(problem.samples()),
      rank_(problem.coupling.rank()) {
  if (!problem.labels.empty()) {
    label_gram_.resize(atoms_, atoms_);
    set_product_tn<T>(label_gram_, problem.labels.map, problem.labels.map);
  }
  if (problem.coupling.laplacian.empty()) {
    factorise();
  } else {
    scale();
  }
}

template <typename T>
template <typename Body>
void NewtonPreconditioner<T>::for_samples(double flops, const Body& body) const {
  parallel_for_blocks(execution_.for_work(flops), samples_, kSampleBlock,
                      [&](Index begin, Index count, int) {
                        for (Index i = begin; i < begin + count; ++i) body(i);
                      });
}

template <typename T>
T NewtonPreconditioner<T>::laplacian_diagonal(Index sample) const {
  const SymmetricSparse<T>& laplacian = problem_.coupling.laplacian;
  T diagonal = 0;
  if (!laplacian.empty())
    for (auto at = laplacian.indptr[sample]; at < laplacian.indptr[sample + 1]; ++at)
      if (laplacian.indices[at] == sample) diagonal += laplacian.values[at];
  return diagonal;
}

template <typename T>
auto NewtonPreconditioner<T>::factor(Index sample) const -> Block {
  return {factors_.get() + block_offsets_[static_cast<std::size_t>(sample)], entries_.count(sample),
          entries_.count(sample)};
}

// With a Laplacian the factors of single samples say little about the smooth directions that
// make the system hard, and applying them costs more than the system itself: its diagonal does.
template <typename T>
void NewtonPreconditioner<T>::scale() {
  scales_.resize(entries_.size());
  for_samples(4.0 * static_cast<double>(entries_.size()), [&](Index i) {
    T diagonal = laplacian_diagonal(i);
    for (Index q = 0; q < rank_; ++q)
      diagonal += problem_.coupling.means(i, q) * problem_.coupling.means(i, q);
    for (Index at = entries_.offset(i); at < entries_.offset(i + 1); ++at)
      scales_[at] = 1 / std::max(gram(i, entries_.atom(at), entries_.atom(at)) + diagonal,
                                 std::numeric_limits<T>::min());
  });
}

template <typename T>
void NewtonPreconditioner<T>::factorise() {
  block_offsets_.assign(static_cast<std::size_t>(samples_) + 1, 0);
  double flops = 0;
  for (Index i = 0; i < samples_; ++i) {
    const Index count = entries_.count(i);
    block_offsets_[static_cast<std::size_t>(i) + 1] =
        block_offsets_[static_cast<std::size_t>(i)] + static_cast<std::size_t>(count * count);
    flops += std::pow(static_cast<double>(count), 3);
  }
  // Not set to zero: that took seconds where all codes are active, deaf to interrupts.
  factors_ = std::make_unique_for_overwrite<T[]>(block_offsets_.back());
  // Makes the factors of rank-deficient active sets exist; the preconditioner alone sees it.
  ridge_ = static_cast<T>(64) * std::numeric_limits<T>::epsilon() *
           std::max(problem_.gram.diagonal().maxCoeff(), T(1)) *
           static_cast<T>(std::sqrt(static_cast<double>(atoms_)));
  woodbury_ = rank_ > 0 && atoms_ * rank_ <= kMaxWoodbury;
  const Index dimension = woodbury_ ? atoms_ * rank_ : 0;
  const Index sums = woodbury_ ? std::min<Index>(kSums, samples_) : std::min<Index>(256, samples_);
  std::vector<Matrix<T>> partial(static_cast<std::size_t>(woodbury_ ? sums : 0));
  parallel_for(execution_.for_work(2 * flops), sums, [&](Index part, int) {
    const Index begin = samples_ * part / sums;
    const Index end = samples_ * (part + 1) / sums;
    if (woodbury_) partial[static_cast<std::size_t>(part)].setZero(dimension, dimension);
    Matrix<T> inverse;
    for (Index i = begin; i < end; ++i) {
      const Index count = entries_.count(i);
      if (count == 0) continue;
      execution_.check();  // a part is long
      Block target = factor(i);
      gather(i, target);
      target.diagonal().array() += ridge_;
      factor_in_place<T>(target);
      if (!woodbury_) continue;
      inverse.setIdentity(count, count);
      target.template triangularView<Eigen::Lower>().solveInPlace(inverse);
      scatter_outer(i, inverse, partial[static_cast<std::size_t>(part)]);
    }
  });
  if (!woodbury_) return;
  capacitance_.setIdentity(dimension, dimension);
  for (const Matrix<T>& part : partial) capacitance_ += part;
  factor_in_place<T>(capacitance_);
}

template <typename T>
void NewtonPreconditioner<T>::gather(Index sample, Block target) const {
  const Index begin = entries_.offset(sample);
  for (Index j = 0; j < target.cols(); ++j)
    for (Index i = 0; i < target.rows(); ++i)
      target(i, j) = gram(sample, entries_.atom(begin + i), entries_.atom(begin + j));
}

template <typename T>
T NewtonPreconditioner<T>::gram(Index sample, Index a, Index b) const {
  const T value = problem_.gram(a, b);
  return problem_.labels.empty() ? value
                                 : value + problem_.labels.weights[sample] * label_gram_(a, b);
}

// sum += (e e') (x) P'P with P = inverse of the Cholesky factor of this sample.
template <typename T>
void NewtonPreconditioner<T>::scatter_outer(Index sample, const Matrix<T>& inverse_factor,
                                            Matrix<T>& sum) const {
  Matrix<T> product(inverse_factor.cols(), inverse_factor.cols());
  set_product_tn<T>(product, inverse_factor, inverse_factor);
  const Index begin = entries_.offset(sample);
  for (Index q = 0; q < rank_; ++q)
    for (Index p = 0; p < rank_; ++p) {
      const T weight = problem_.coupling.means(sample, p) * problem_.coupling.means(sample, q);
      if (weight == 0) continue;
      for (Index j = 0; j < product.cols(); ++j)
        for (Index i = 0; i < product.rows(); ++i)
          sum(p * atoms_ + entries_.atom(begin + i), q * atoms_ + entries_.atom(begin + j)) +=
              weight * product(i, j);
    }
}

template <typename T>
Matrix<T> NewtonPreconditioner<T>::collect(const Vector<T>& packed) const {
  const Index sums = std::min<Index>(kSums, samples_);
  std::vector<Matrix<T>> partial(static_cast<std::size_t>(sums));
  parallel_for(execution_.for_work(2.0 * static_cast<double>(entries_.size() * rank_)), sums,
               [&](Index part, int) {
                 Matrix<T>& sum = partial[static_cast<std::size_t>(part)];
                 sum.setZero(atoms_, rank_);
                 const Index begin = samples_ * part / sums;
                 const Index end = samples_ * (part + 1) / sums;
                 for (Index i = begin; i < end; ++i)
                   for (Index at = entries_.offset(i); at < entries_.offset(i + 1); ++at)
                     for (Index q = 0; q < rank_; ++q)
                       sum(entries_.atom(at), q) += packed[at] * problem_.coupling.means(i, q);
               });
  Matrix<T> total = Matrix<T>::Zero(atoms_, rank_);
  for (const Matrix<T>& part : partial) total += part;
  return total;
}

template <typename T>
T NewtonPreconditioner<T>::coupled(const Matrix<T>& collected, Index sample, Index at) const {
  T sum = 0;
  for (Index q = 0; q < rank_; ++q)
    sum += collected(entries_.atom(at), q) * problem_.coupling.means(sample, q);
  return sum;
}

template <typename T>
Vector<T> NewtonPreconditioner<T>::apply(const Vector<T>& packed) const {
  if (scales_.size() > 0) return packed.cwiseProduct(scales_);
  Vector<T> result = packed;
  for_samples(2.0 * static_cast<double>(block_offsets_.back()),
              [&](Index i) { solve_block(i, result); });
  if (!woodbury_) return result;
  Matrix<T> collected = collect(result);
  Eigen::Map<Vector<T>> stacked(collected.data(), collected.size());
  solve_factored<T>(capacitance_, stacked);
  Vector<T> correction(entries_.size());
  for_samples(2.0 * static_cast<double>(block_offsets_.back()), [&](Index i) {
    for (Index at = entries_.offset(i); at < entries_.offset(i + 1); ++at)
      correction[at] = coupled(collected, i, at);
    solve_block(i, correction);
  });
  return result - correction;
}

template <typename T>
void NewtonPreconditioner<T>::solve_block(Index sample, Vector<T>& packed) const {
  const Index count = entries_.count(sample);
  if (count == 0) return;
  auto segment = packed.segment(entries_.offset(sample), count);
  solve_factored<T>(factor(sample), segment);
}

template class NewtonPreconditioner<float>;
template class NewtonPreconditioner<double>;

}  // namespace sparsetransfer::transfer
