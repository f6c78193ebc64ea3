#include "sparsetransfer/transfer/newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "newton_preconditioner.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kSampleBlock = 64;
constexpr Index kSums = 16;  // partial sums over samples: a constant, whatever the threads
constexpr int kMaxConjugateGradient = 250;
constexpr double kForcing = 1e-3;  // relative residual at which conjugate gradients stop

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
        rank_(problem.coupling.rank()),
        entries_(select(correlations, point)),
        preconditioner_(execution, problem, entries_) {
    dense_.resize(atoms_, samples_);
  }

  Index size() const { return entries_.size(); }
  const Vector<T>& negative_gradient() const { return negative_gradient_; }

  /// Solves H u = negative gradient to the relative residual kForcing.
  Vector<T> solve() {
    Vector<T> solution = Vector<T>::Zero(size());
    Vector<T> residual = negative_gradient_;
    Vector<T> preconditioned = preconditioner_.apply(residual);
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
      preconditioned = preconditioner_.apply(residual);
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
      step.segment(offset(i), entries_.count(i)) *= length;
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

  Index offset(Index sample) const { return entries_.offset(sample); }
  Index atom(Index at) const { return entries_.atom(at); }

  double dot(const Vector<T>& a, const Vector<T>& b) const {
    return a.template cast<double>().dot(b.template cast<double>());
  }

  ActiveEntries select(const Matrix<T>& correlations, const Iterate<T>& point) {
    std::vector<std::vector<Index>> chosen(static_cast<std::size_t>(samples_));
    std::vector<Vector<T>> values(static_cast<std::size_t>(samples_));
    for_samples(8.0 * static_cast<double>(samples_ * atoms_), [&](Index i) {
      Vector<T> gradient = gradient_at(problem_, correlations, point, i);
      auto& list = chosen[static_cast<std::size_t>(i)];
      for (Index a = 0; a < atoms_; ++a)
        if (is_active(problem_, point, i, a, gradient[a])) list.push_back(a);
      values[static_cast<std::size_t>(i)] = std::move(gradient);
    });
    ActiveEntries entries;
    entries.offsets.assign(1, 0);
    for (const auto& list : chosen)
      entries.offsets.push_back(entries.size() + static_cast<Index>(list.size()));
    entries.atoms.reserve(static_cast<std::size_t>(entries.size()));
    signs_.reserve(static_cast<std::size_t>(entries.size()));
    negative_gradient_.resize(entries.size());
    for (Index i = 0; i < samples_; ++i) {
      const Vector<T>& gradient = values[static_cast<std::size_t>(i)];
      for (const Index a : chosen[static_cast<std::size_t>(i)]) {
        const T code = point.codes(i, a);
        const T sign = code != 0 ? (code > 0 ? T(1) : T(-1)) : (gradient[a] < 0 ? T(1) : T(-1));
        negative_gradient_[static_cast<Index>(signs_.size())] =
            -(gradient[a] + problem_.penalty(i) * sign);
        entries.atoms.push_back(a);
        signs_.push_back(sign);
      }
    }
    return entries;
  }

  /// image = H packed: one dense product G U beats per-sample products with submatrices of G
  /// unless the codes are far sparser than those of speech.
  void apply(const Vector<T>& packed, Vector<T>& image) {
    const Matrix<T> collected = rank_ > 0 ? preconditioner_.collect(packed) : Matrix<T>();
    const SymmetricSparse<T>& laplacian = problem_.coupling.laplacian;
    for_blocks(4.0 * static_cast<double>(dense_.size()), [&](Index begin, Index count) {
      dense_.middleCols(begin, count).setZero();
      for (Index i = begin; i < begin + count; ++i)
        for (Index at = offset(i); at < offset(i + 1); ++at) dense_(atom(at), i) = packed[at];
    });
    const double flops = 2.0 * static_cast<double>(dense_.size()) * static_cast<double>(atoms_);
    for_blocks(flops, [&](Index begin, Index count) {
      Matrix<T> product(atoms_, count);
      set_product<T>(product, problem_.gram, dense_.middleCols(begin, count));
      if (!problem_.labels.empty()) {
        Matrix<T> predicted(problem_.labels.map.rows(), count);
        set_product<T>(predicted, problem_.labels.map, dense_.middleCols(begin, count));
        predicted = predicted * problem_.labels.weights.segment(begin, count).asDiagonal();
        add_product_tn<T>(product, T(1), problem_.labels.map, predicted);
      }
      if (rank_ > 0)
        add_product_nt<T>(product, T(1), collected,
                          problem_.coupling.means.middleRows(begin, count));
      for (Index i = begin; i < begin + count; ++i) {
        auto column = product.col(i - begin);
        if (!laplacian.empty())
          for (auto link = laplacian.indptr[i]; link < laplacian.indptr[i + 1]; ++link)
            column += laplacian.values[link] * dense_.col(laplacian.indices[link]);
        for (Index at = offset(i); at < offset(i + 1); ++at) image[at] = column[atom(at)];
      }
    });
  }

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Index atoms_;
  const Index samples_;
  const Index rank_;
  std::vector<T> signs_;
  Vector<T> negative_gradient_;
  const ActiveEntries entries_;
  const NewtonPreconditioner<T> preconditioner_;
  Matrix<T> dense_;  // (atoms x samples): a packed vector, unpacked
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
