#include "sparsetransfer/transfer/newton.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

namespace sparsetransfer::transfer {
namespace {

constexpr Index kSampleBlock = 64;
constexpr Index kSums = 16;  // partial sums over samples: a constant, so that the
                             // order of addition does not depend on the threads
constexpr int kMaxConjugateGradient = 250;
constexpr double kForcing = 1e-3;     // relative residual at which conjugate gradients stop
constexpr Index kMaxWoodbury = 1024;  // largest (atoms * rank) for the exact preconditioner

/// Of the smooth part of the objective with respect to the codes of one sample.
template <typename T>
Vector<T> gradient_at(const CodeProblem<T>& problem, const Matrix<T>& correlations,
                      const Iterate<T>& point, Index sample) {
  Vector<T> gradient = (point.quadratic.row(sample) - correlations.row(sample)).transpose();
  if (problem.coupling.rank() > 0)
    gradient += point.means.transpose() * problem.coupling.means.row(sample).transpose();
  return gradient;
}

template <typename T>
bool is_active(const CodeProblem<T>& problem, const Iterate<T>& point, Index sample, Index atom,
               T gradient) {
  const T pull = problem.positive ? -gradient : std::abs(gradient);
  return point.codes(sample, atom) != 0 || pull > problem.penalty(sample);
}

/// The Newton system restricted to the active entries, packed sample by sample.
template <typename T>
class ActiveSystem {
 public:
  ActiveSystem(const Execution& execution, const CodeProblem<T>& problem,
               const Matrix<T>& correlations, const Iterate<T>& point)
      : execution_(execution),
        problem_(problem),
        atoms_(problem.atoms()),
        samples_(problem.samples()),
        rank_(problem.coupling.rank()) {
    select(correlations, point);
    dense_.resize(atoms_, samples_);
    if (!problem.labels.empty()) label_gram_ = problem.labels.map.transpose() * problem.labels.map;
    if (problem.coupling.laplacian.empty()) {
      factorise();
    } else {
      scale();
    }
  }

  Index size() const { return offsets_.back(); }
  const Vector<T>& negative_gradient() const { return negative_gradient_; }

  /// Solves H u = negative gradient to the relative residual kForcing.
  Vector<T> solve() {
    Vector<T> solution = Vector<T>::Zero(size());
    Vector<T> residual = negative_gradient_;
    Vector<T> preconditioned = precondition(residual);
    Vector<T> direction = preconditioned;
    double energy = dot(residual, preconditioned);
    const double target = kForcing * std::sqrt(dot(residual, residual));
    Vector<T> image(size());
    for (int iteration = 0; iteration < kMaxConjugateGradient; ++iteration) {
      apply(direction, image);
      const double curvature = dot(direction, image);
      if (!(curvature > 0)) break;
      const T length = static_cast<T>(energy / curvature);
      solution += length * direction;
      residual -= length * image;
      execution_.check();
      if (std::sqrt(dot(residual, residual)) <= target) break;
      preconditioned = precondition(residual);
      const double next = dot(residual, preconditioned);
      direction = preconditioned + static_cast<T>(next / energy) * direction;
      energy = next;
    }
    return solution;
  }

  /// Cuts the step of every sample where the first of its nonzero codes becomes zero; returns the
  /// smallest of the factors that did it.
  T cut_at_crossings(const Iterate<T>& point, Vector<T>& step) const {
    T smallest = 1;
    for (Index i = 0; i < samples_; ++i) {
      T length = 1;
      for (Index at = offset(i); at < offset(i + 1); ++at) {
        const T code = point.codes(i, atom(at));
        if (code * (code + step[at]) < 0) length = std::min(length, -code / step[at]);
      }
      step.segment(offset(i), active_count(i)) *= length;
      smallest = std::min(smallest, length);
    }
    return smallest;
  }

  /// trial = projection of point + length * step on the orthant of the signs.
  void move(const Iterate<T>& point, const Vector<T>& step, T length, Iterate<T>& trial) const {
    trial.codes.setZero();
    for_samples(4.0 * static_cast<double>(size()), [&](Index sample) {
      for (Index at = offset(sample); at < offset(sample + 1); ++at) {
        const T code = point.codes(sample, atom(at));
        const T value = code + length * step[at];
        const T sign = signs_[static_cast<std::size_t>(at)];
        // What rounding leaves at a sign change is zero.
        const T rounding = 4 * std::numeric_limits<T>::epsilon() * std::abs(code);
        trial.codes(sample, atom(at)) = value * sign > rounding ? value : T(0);
      }
    });
  }

 private:
  template <typename Body>
  void for_blocks(double flops, const Body& body) const {
    parallel_for_blocks(execution_.for_work(flops), samples_, kSampleBlock,
                        [&](Index begin, Index count, int) { body(begin, count); });
  }

  template <typename Body>
  void for_samples(double flops, const Body& body) const {
    for_blocks(flops, [&](Index begin, Index count) {
      for (Index i = begin; i < begin + count; ++i) body(i);
    });
  }

  Index offset(Index sample) const { return offsets_[static_cast<std::size_t>(sample)]; }
  Index atom(Index at) const { return active_[static_cast<std::size_t>(at)]; }
  Index active_count(Index sample) const { return offset(sample + 1) - offset(sample); }

  double dot(const Vector<T>& a, const Vector<T>& b) const {
    return a.template cast<double>().dot(b.template cast<double>());
  }

  void select(const Matrix<T>& correlations, const Iterate<T>& point) {
    std::vector<std::vector<Index>> chosen(static_cast<std::size_t>(samples_));
    std::vector<Vector<T>> values(static_cast<std::size_t>(samples_));
    for_samples(8.0 * static_cast<double>(samples_ * atoms_), [&](Index i) {
      Vector<T> gradient = gradient_at(problem_, correlations, point, i);
      auto& list = chosen[static_cast<std::size_t>(i)];
      for (Index a = 0; a < atoms_; ++a)
        if (is_active(problem_, point, i, a, gradient[a])) list.push_back(a);
      values[static_cast<std::size_t>(i)] = std::move(gradient);
    });
    offsets_.assign(static_cast<std::size_t>(samples_) + 1, 0);
    for (Index i = 0; i < samples_; ++i)
      offsets_[static_cast<std::size_t>(i) + 1] =
          offset(i) + static_cast<Index>(chosen[static_cast<std::size_t>(i)].size());
    active_.reserve(static_cast<std::size_t>(size()));
    signs_.reserve(static_cast<std::size_t>(size()));
    negative_gradient_.resize(size());
    for (Index i = 0; i < samples_; ++i) {
      const Vector<T>& gradient = values[static_cast<std::size_t>(i)];
      for (const Index a : chosen[static_cast<std::size_t>(i)]) {
        const T code = point.codes(i, a);
        const T sign = code != 0 ? (code > 0 ? T(1) : T(-1)) : (gradient[a] < 0 ? T(1) : T(-1));
        negative_gradient_[static_cast<Index>(active_.size())] =
            -(gradient[a] + problem_.penalty(i) * sign);
        active_.push_back(a);
        signs_.push_back(sign);
      }
    }
  }

  T laplacian_diagonal(Index sample) const {
    const SymmetricSparse<T>& laplacian = problem_.coupling.laplacian;
    T diagonal = 0;
    if (!laplacian.empty())
      for (auto at = laplacian.indptr[sample]; at < laplacian.indptr[sample + 1]; ++at)
        if (laplacian.indices[at] == sample) diagonal += laplacian.values[at];
    return diagonal;
  }

  using Block = Eigen::Map<Matrix<T>>;
  Block factor(Index sample) const {
    return {factors_.get() + block_offsets_[static_cast<std::size_t>(sample)], active_count(sample),
            active_count(sample)};
  }

  // With a Laplacian the factors of single samples say little about the smooth directions that
  // make the system hard, and applying them costs more than the system itself: its diagonal does.
  void scale() {
    scales_.resize(size());
    for_samples(4.0 * static_cast<double>(size()), [&](Index i) {
      T diagonal = laplacian_diagonal(i);
      for (Index q = 0; q < rank_; ++q)
        diagonal += problem_.coupling.means(i, q) * problem_.coupling.means(i, q);
      for (Index at = offset(i); at < offset(i + 1); ++at)
        scales_[at] =
            1 / std::max(gram(i, atom(at), atom(at)) + diagonal, std::numeric_limits<T>::min());
    });
  }

  void factorise() {
    block_offsets_.assign(static_cast<std::size_t>(samples_) + 1, 0);
    double flops = 0;
    for (Index i = 0; i < samples_; ++i) {
      const Index count = active_count(i);
      block_offsets_[static_cast<std::size_t>(i) + 1] =
          block_offsets_[static_cast<std::size_t>(i)] + static_cast<std::size_t>(count * count);
      flops += std::pow(static_cast<double>(count), 3);
    }
    // Not set to zero: that took seconds where all codes are active, deaf to interrupts.
    if (block_offsets_.back() > capacity_) {
      factors_.reset();
      factors_ = std::make_unique_for_overwrite<T[]>(block_offsets_.back());
      capacity_ = block_offsets_.back();
    }
    // Makes the factors of rank-deficient active sets exist; the preconditioner alone sees it.
    ridge_ = static_cast<T>(64) * std::numeric_limits<T>::epsilon() *
             std::max(problem_.gram.diagonal().maxCoeff(), T(1)) *
             static_cast<T>(std::sqrt(static_cast<double>(atoms_)));
    woodbury_ = rank_ > 0 && atoms_ * rank_ <= kMaxWoodbury;
    const Index dimension = woodbury_ ? atoms_ * rank_ : 0;
    const Index sums =
        woodbury_ ? std::min<Index>(kSums, samples_) : std::min<Index>(256, samples_);
    std::vector<Matrix<T>> partial(static_cast<std::size_t>(woodbury_ ? sums : 0));
    parallel_for(execution_.for_work(2 * flops), sums, [&](Index part, int) {
      const Index begin = samples_ * part / sums;
      const Index end = samples_ * (part + 1) / sums;
      if (woodbury_) partial[static_cast<std::size_t>(part)].setZero(dimension, dimension);
      Matrix<T> inverse;
      for (Index i = begin; i < end; ++i) {
        const Index count = active_count(i);
        if (count == 0) continue;
        execution_.check();  // a part is long
        Block target = factor(i);
        gather(i, target);
        target.diagonal().array() += ridge_;
        Eigen::LLT<Eigen::Ref<Matrix<T>>> cholesky(target);
        if (!woodbury_) continue;
        inverse.setIdentity(count, count);
        target.template triangularView<Eigen::Lower>().solveInPlace(inverse);
        scatter_outer(i, inverse, partial[static_cast<std::size_t>(part)]);
      }
    });
    if (!woodbury_) return;
    Matrix<T> capacitance = Matrix<T>::Identity(dimension, dimension);
    for (const Matrix<T>& part : partial) capacitance += part;
    capacitance_.compute(capacitance);
  }

  void gather(Index sample, Block target) const {
    const Index begin = offset(sample);
    for (Index j = 0; j < target.cols(); ++j)
      for (Index i = 0; i < target.rows(); ++i)
        target(i, j) = gram(sample, atom(begin + i), atom(begin + j));
  }

  T gram(Index sample, Index a, Index b) const {
    const T value = problem_.gram(a, b);
    return problem_.labels.empty() ? value
                                   : value + problem_.labels.weights[sample] * label_gram_(a, b);
  }

  // sum += (e e') (x) P'P with P = inverse of the Cholesky factor of this sample.
  void scatter_outer(Index sample, const Matrix<T>& inverse_factor, Matrix<T>& sum) const {
    const Matrix<T> product = inverse_factor.transpose() * inverse_factor;
    const Index begin = offset(sample);
    for (Index q = 0; q < rank_; ++q)
      for (Index p = 0; p < rank_; ++p) {
        const T weight = problem_.coupling.means(sample, p) * problem_.coupling.means(sample, q);
        if (weight == 0) continue;
        for (Index j = 0; j < product.cols(); ++j)
          for (Index i = 0; i < product.rows(); ++i)
            sum(p * atoms_ + atom(begin + i), q * atoms_ + atom(begin + j)) +=
                weight * product(i, j);
      }
  }

  /// (atoms x r): sum over samples of the packed vector's entries times e_i'.
  Matrix<T> collect(const Vector<T>& packed) const {
    const Index sums = std::min<Index>(kSums, samples_);
    std::vector<Matrix<T>> partial(static_cast<std::size_t>(sums));
    parallel_for(execution_.for_work(2.0 * static_cast<double>(size() * rank_)), sums,
                 [&](Index part, int) {
                   Matrix<T>& sum = partial[static_cast<std::size_t>(part)];
                   sum.setZero(atoms_, rank_);
                   const Index begin = samples_ * part / sums;
                   const Index end = samples_ * (part + 1) / sums;
                   for (Index i = begin; i < end; ++i)
                     for (Index at = offset(i); at < offset(i + 1); ++at)
                       for (Index q = 0; q < rank_; ++q)
                         sum(atom(at), q) += packed[at] * problem_.coupling.means(i, q);
                 });
    Matrix<T> total = Matrix<T>::Zero(atoms_, rank_);
    for (const Matrix<T>& part : partial) total += part;
    return total;
  }

  T coupled(const Matrix<T>& collected, Index sample, Index at) const {
    T sum = 0;
    for (Index q = 0; q < rank_; ++q)
      sum += collected(atom(at), q) * problem_.coupling.means(sample, q);
    return sum;
  }

  /// image = H packed: one dense product G U beats per-sample products with submatrices of G
  /// unless the codes are far sparser than those of speech.
  void apply(const Vector<T>& packed, Vector<T>& image) {
    const Matrix<T> collected = rank_ > 0 ? collect(packed) : Matrix<T>();
    const SymmetricSparse<T>& laplacian = problem_.coupling.laplacian;
    for_blocks(4.0 * static_cast<double>(dense_.size()), [&](Index begin, Index count) {
      dense_.middleCols(begin, count).setZero();
      for (Index i = begin; i < begin + count; ++i)
        for (Index at = offset(i); at < offset(i + 1); ++at) dense_(atom(at), i) = packed[at];
    });
    const double flops = 2.0 * static_cast<double>(dense_.size()) * static_cast<double>(atoms_);
    for_blocks(flops, [&](Index begin, Index count) {
      Matrix<T> product = problem_.gram * dense_.middleCols(begin, count);
      if (!problem_.labels.empty()) {
        const Matrix<T> predicted = (problem_.labels.map * dense_.middleCols(begin, count)).eval() *
                                    problem_.labels.weights.segment(begin, count).asDiagonal();
        product.noalias() += problem_.labels.map.transpose() * predicted;
      }
      if (rank_ > 0)
        product.noalias() +=
            collected * problem_.coupling.means.middleRows(begin, count).transpose();
      for (Index i = begin; i < begin + count; ++i) {
        auto column = product.col(i - begin);
        if (!laplacian.empty())
          for (auto link = laplacian.indptr[i]; link < laplacian.indptr[i + 1]; ++link)
            column += laplacian.values[link] * dense_.col(laplacian.indices[link]);
        for (Index at = offset(i); at < offset(i + 1); ++at) image[at] = column[atom(at)];
      }
    });
  }

  Vector<T> precondition(const Vector<T>& packed) const {
    if (scales_.size() > 0) return packed.cwiseProduct(scales_);
    Vector<T> result = packed;
    for_samples(2.0 * static_cast<double>(block_offsets_.back()),
                [&](Index i) { solve_block(i, result); });
    if (!woodbury_) return result;
    Matrix<T> collected = collect(result);
    Eigen::Map<Vector<T>> stacked(collected.data(), collected.size());
    stacked = capacitance_.solve(Vector<T>(stacked));
    Vector<T> correction(size());
    for_samples(2.0 * static_cast<double>(block_offsets_.back()), [&](Index i) {
      for (Index at = offset(i); at < offset(i + 1); ++at)
        correction[at] = coupled(collected, i, at);
      solve_block(i, correction);
    });
    return result - correction;
  }

  void solve_block(Index sample, Vector<T>& packed) const {
    const Index count = active_count(sample);
    if (count == 0) return;
    auto segment = packed.segment(offset(sample), count);
    const Block factor = this->factor(sample);
    factor.template triangularView<Eigen::Lower>().solveInPlace(segment);
    factor.template triangularView<Eigen::Lower>().transpose().solveInPlace(segment);
  }

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Index atoms_;
  const Index samples_;
  const Index rank_;
  std::vector<Index> offsets_;  // first active entry of each sample
  std::vector<Index> active_;   // their atoms
  std::vector<T> signs_;
  Vector<T> negative_gradient_;
  std::vector<std::size_t> block_offsets_;
  std::unique_ptr<T[]> factors_;  // Cholesky factors of G_AA + ridge I
  std::size_t capacity_ = 0;
  T ridge_ = 0;
  bool woodbury_ = false;
  Eigen::LLT<Matrix<T>> capacitance_;
  Vector<T> scales_;
  Matrix<T> label_gram_;  // W'W
  Matrix<T> dense_;       // (atoms x samples): a packed vector, unpacked
};

}  // namespace

template <typename T>
Newton<T>::Newton(const Execution& execution, const CodeProblem<T>& problem,
                  const Matrix<T>& correlations)
    : execution_(execution), problem_(problem), correlations_(correlations) {}

template <typename T>
bool Newton<T>::affordable(const Iterate<T>& point, double max_bytes) const {
  if (!problem_.coupling.laplacian.empty()) return true;
  // Also of zero codes that are about to change: at the start that may be all of them.
  const Index sums = std::min<Index>(kSums, problem_.samples());
  std::vector<double> entries(static_cast<std::size_t>(sums));
  parallel_for(execution_.for_work(4.0 * static_cast<double>(point.codes.size())), sums,
               [&](Index part, int) {
                 const Index end = problem_.samples() * (part + 1) / sums;
                 for (Index i = problem_.samples() * part / sums; i < end; ++i) {
                   const Vector<T> gradient = gradient_at(problem_, correlations_, point, i);
                   double count = 0;
                   for (Index a = 0; a < problem_.atoms(); ++a)
                     count += is_active(problem_, point, i, a, gradient[a]);
                   entries[static_cast<std::size_t>(part)] += count * count;
                 }
               });
  return std::accumulate(entries.begin(), entries.end(), 0.0) * sizeof(T) <= max_bytes;
}

template <typename T>
bool Newton<T>::step(Iterate<T>& point) {
  ActiveSystem<T> system(execution_, problem_, correlations_, point);
  if (system.size() == 0) return false;
  if (trial_.codes.size() == 0) trial_.resize(problem_);
  const Vector<T> direction = system.solve();
  if (!direction.allFinite()) return false;
  const double rounding = objective_rounding(problem_, point);
  const auto moved = [&](const Vector<T>& step, T length) {
    system.move(point, step, length, trial_);
    update_means(execution_, problem_, trial_);
    evaluate(execution_, problem_, correlations_, trial_);
    const Certificate& now = trial_.certificate;
    const Certificate& before = point.certificate;
    const bool lower = now.objective < before.objective - rounding;
    const bool level = now.objective <= before.objective + rounding;
    if (!lower && !(level && now.kkt_violation < before.kkt_violation)) return false;
    std::swap(point, trial_);
    return true;
  };
  // A whole step and shorter ones. Along a direction in which the active atoms are dependent only
  // steps to a sign change stay in the orthant: that of every sample, or the first of all.
  for (const T length : {T(1), T(0.5), T(0.25), T(0.125)})
    if (moved(direction, length)) return true;
  Vector<T> cut = direction;
  const T first = system.cut_at_crossings(point, cut);
  return moved(cut, T(1)) || moved(direction, first);
}

template class Newton<float>;
template class Newton<double>;

}  // namespace sparsetransfer::transfer
