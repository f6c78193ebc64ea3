#include "sparsetransfer/dictionary/masked.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/support_index.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/products.hpp"
#include "sparsetransfer/status.hpp"

namespace sparsetransfer {
namespace {

// Threads share out features: no partial sums, every sum in the order of the samples.
constexpr Index kFeatureTile = 64;
constexpr Index kSignalBlock = 256;

[[noreturn]] void throw_overflow() {
  throw NumericalError(
      "an atom, or the squared codes, overflow: divide the signals by their largest norm");
}

template <typename T>
T weight_of(const ConstVectorRef<T>& weights, Index sample) {
  return weights.size() > 0 ? weights(sample) : T(1);
}

template <typename T>
class Descent {
 public:
  Descent(const Execution& execution, const ConstMatrixRef<T>& signals, const ConstMaskRef& mask,
          const ConstMatrixRef<T>& codes, const ConstVectorRef<T>& weights,
          const AtomConstraint& constraint, MatrixRef<T>& dictionary)
      : execution_(execution),
        mask_(mask),
        codes_(codes),
        weights_(weights),
        constraint_(constraint),
        dictionary_(dictionary),
        users_(codes),
        residual_(signals.rows(), signals.cols()),
        curvature_(signals.rows(), codes.rows()),
        slope_(signals.rows()),
        fresh_(signals.rows()) {
    const double flops = 2.0 * double(dictionary.size()) * double(codes.cols());
    parallel_for_blocks(
        execution.for_work(flops), codes.cols(), kSignalBlock, [&](Index begin, Index count, int) {
          auto block = residual_.middleCols(begin, count);
          set_product<T>(block, dictionary_, codes_.middleCols(begin, count));
          block =
              mask_.middleCols(begin, count).select(signals.middleCols(begin, count) - block, T(0));
        });
    parallel_for(execution, codes.rows(), [&](Index atom, int) { sum_curvature(atom); });
    largest_ = curvature_.colwise().sum().template maxCoeff<Eigen::PropagateNaN>();
    if (!std::isfinite(largest_)) throw_overflow();
  }

  /// One pass over all atoms; the farthest that an atom moved.
  T run() {
    T farthest = 0;
    for (Index atom = 0; atom < dictionary_.cols(); ++atom) {
      if (!is_unused(curvature_.col(atom).sum(), largest_))
        farthest = max_or_nan(farthest, move(atom));
      execution_.check();
    }
    return farthest;
  }

  double value() const {
    double sum = 0.0;
    for (Index i = 0; i < residual_.cols(); ++i)
      sum += 0.5 * double(weight_of(weights_, i)) *
             residual_.col(i).template cast<double>().squaredNorm();
    return sum;
  }

 private:
  void sum_curvature(Index atom) {
    curvature_.col(atom).setZero();
    for (Index user = 0; user < users_.count(atom); ++user) {
      const Index i = users_.signal(atom, user);
      const T code = codes_(atom, i);
      curvature_.col(atom) +=
          (weight_of(weights_, i) * code * code) * mask_.col(i).template cast<T>();
    }
  }

  T move(Index atom) {
    const Index count = users_.count(atom);
    Execution workers = execution_.for_work(4.0 * double(count) * double(slope_.size()));
    workers.poll = nullptr;
    parallel_for_blocks(workers, slope_.size(), kFeatureTile, [&](Index row, Index rows, int) {
      auto slope = slope_.segment(row, rows);
      slope = curvature_.col(atom).segment(row, rows).cwiseProduct(
          dictionary_.col(atom).segment(row, rows));
      for (Index user = 0; user < count; ++user) {
        const Index i = users_.signal(atom, user);
        slope += (weight_of(weights_, i) * codes_(atom, i)) * residual_.col(i).segment(row, rows);
      }
    });
    minimise_separable<T>(constraint_, curvature_.col(atom), slope_, fresh_);
    const Vector<T> moved = fresh_ - dictionary_.col(atom);
    dictionary_.col(atom) = fresh_;
    parallel_for_blocks(workers, slope_.size(), kFeatureTile, [&](Index row, Index rows, int) {
      for (Index user = 0; user < count; ++user) {
        const Index i = users_.signal(atom, user);
        residual_.col(i).segment(row, rows) -=
            codes_(atom, i) * moved.segment(row, rows).cwiseProduct(
                                  mask_.col(i).segment(row, rows).template cast<T>());
      }
    });
    return moved.norm();
  }

  const Execution& execution_;
  const ConstMaskRef& mask_;
  const ConstMatrixRef<T>& codes_;
  const ConstVectorRef<T>& weights_;
  const AtomConstraint& constraint_;
  MatrixRef<T>& dictionary_;
  const SupportIndex users_;
  Matrix<T> residual_;
  Matrix<T> curvature_;
  Vector<T> slope_;
  Vector<T> fresh_;
  T largest_ = 0;
};

template <typename T>
using GramOfFeature = Eigen::Map<const Matrix<T>>;

template <typename T>
class StatisticsDescent {
 public:
  StatisticsDescent(const Execution& execution, const T* A, const ConstMatrixRef<T>& B,
                    const AtomConstraint& constraint, MatrixRef<T>& dictionary)
      : execution_(execution),
        A_(A),
        B_(B),
        constraint_(constraint),
        dictionary_(dictionary),
        rows_(dictionary.transpose()),
        curvature_(B.rows(), B.cols()),
        slope_(B.rows()),
        fresh_(B.rows()) {
    for (Index f = 0; f < B.rows(); ++f) curvature_.row(f) = gram(f).diagonal();
    largest_ = curvature_.colwise().sum().template maxCoeff<Eigen::PropagateNaN>();
    if (!std::isfinite(largest_)) throw_overflow();
  }

  T run() {
    T farthest = 0;
    for (Index atom = 0; atom < dictionary_.cols(); ++atom) {
      if (!is_unused(curvature_.col(atom).sum(), largest_))
        farthest = max_or_nan(farthest, move(atom));
      execution_.check();
    }
    return farthest;
  }

  double value() const {
    double sum = 0.0;
    for (Index f = 0; f < rows_.cols(); ++f) {
      Vector<T> half = -B_.row(f).transpose();
      add_product<T>(half, T(0.5), gram(f), rows_.col(f));
      sum += rows_.col(f).template cast<double>().dot(half.template cast<double>());
    }
    return sum;
  }

 private:
  GramOfFeature<T> gram(Index f) const {
    return {A_ + f * B_.cols() * B_.cols(), B_.cols(), B_.cols()};
  }

  T move(Index atom) {
    Execution workers = execution_.for_work(2.0 * double(rows_.size()));
    workers.poll = nullptr;
    parallel_for_blocks(workers, slope_.size(), kFeatureTile, [&](Index row, Index count, int) {
      for (Index f = row; f < row + count; ++f) {
        slope_(f) = curvature_(f, atom) * dictionary_(f, atom) + B_(f, atom) -
                    gram(f).col(atom).dot(rows_.col(f));
        if (!(curvature_(f, atom) > T(0))) slope_(f) = T(0);
      }
    });
    minimise_separable<T>(constraint_, curvature_.col(atom), slope_, fresh_);
    const T moved = (fresh_ - dictionary_.col(atom)).norm();
    dictionary_.col(atom) = fresh_;
    rows_.row(atom) = fresh_.transpose();
    return moved;
  }

  const Execution& execution_;
  const T* A_;
  const ConstMatrixRef<T>& B_;
  const AtomConstraint& constraint_;
  MatrixRef<T>& dictionary_;
  Matrix<T> rows_;
  Matrix<T> curvature_;
  Vector<T> slope_;
  Vector<T> fresh_;
  T largest_ = 0;
};

template <typename Passes>
void run_passes(Passes& passes, const BlockCoordinateSettings& settings) {
  for (int made = 0; made < settings.passes; ++made) {
    const double farthest = static_cast<double>(passes.run());
    if (!std::isfinite(farthest)) throw_overflow();
    if (farthest <= settings.tolerance) return;
  }
}

template <typename T>
void check_masked(const ConstMatrixRef<T>& signals, const ConstMaskRef& mask,
                  const ConstMatrixRef<T>& codes, const ConstVectorRef<T>& weights) {
  require_shape("mask", mask.rows(), mask.cols(), signals.rows(), signals.cols());
  require_shape("codes", codes.rows(), codes.cols(), codes.rows(), signals.cols());
  require(weights.size() == 0 || weights.size() == signals.cols(),
          "weights must be empty or have one entry per sample");
}

}  // namespace

template <typename T>
double update_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                     const ConstMaskRef& mask, const ConstMatrixRef<T>& codes,
                     const ConstVectorRef<T>& weights, const BlockCoordinateSettings& settings,
                     MatrixRef<T> dictionary) {
  settings.validate();
  check_masked<T>(signals, mask, codes, weights);
  require_shape("dictionary", dictionary.rows(), dictionary.cols(), signals.rows(), codes.rows());
  if (dictionary.size() == 0 || signals.cols() == 0) return 0.0;
  Descent<T> descent(execution, signals, mask, codes, weights, settings.constraint, dictionary);
  run_passes(descent, settings);
  return descent.value();
}

template <typename T>
void accumulate_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                       const ConstMaskRef& mask, const ConstMatrixRef<T>& codes,
                       const ConstVectorRef<T>& weights, T* A, MatrixRef<T> B) {
  check_masked<T>(signals, mask, codes, weights);
  const Index atoms = codes.rows();
  require_shape("B", B.rows(), B.cols(), signals.rows(), atoms);
  std::vector<std::vector<Index>> support(static_cast<std::size_t>(codes.cols()));
  for (Index i = 0; i < codes.cols(); ++i)
    for (Index j = 0; j < atoms; ++j)
      if (codes(j, i) != T(0)) support[static_cast<std::size_t>(i)].push_back(j);
  parallel_for(execution, signals.rows(), [&](Index f, int) {
    Eigen::Map<Matrix<T>> gram(A + f * atoms * atoms, atoms, atoms);
    for (Index i = 0; i < codes.cols(); ++i) {
      if (!mask(f, i)) continue;
      const auto& used = support[static_cast<std::size_t>(i)];
      for (std::size_t q = 0; q < used.size(); ++q) {
        const T scaled = weight_of(weights, i) * codes(used[q], i);
        B(f, used[q]) += scaled * signals(f, i);
        for (std::size_t p = q; p < used.size(); ++p)
          gram(used[p], used[q]) += scaled * codes(used[p], i);
      }
    }
    gram.template triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  });
}

template <typename T>
double update_from_masked(const Execution& execution, const T* A, const ConstMatrixRef<T>& B,
                          const BlockCoordinateSettings& settings, MatrixRef<T> dictionary) {
  settings.constraint.validate();
  require_shape("B", B.rows(), B.cols(), dictionary.rows(), dictionary.cols());
  if (dictionary.size() == 0) return 0.0;
  StatisticsDescent<T> descent(execution, A, B, settings.constraint, dictionary);
  run_passes(descent, settings);
  return descent.value();
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                            \
  template double update_masked<T>(                                                              \
      const Execution&, const ConstMatrixRef<T>&, const ConstMaskRef&, const ConstMatrixRef<T>&, \
      const ConstVectorRef<T>&, const BlockCoordinateSettings&, MatrixRef<T>);                   \
  template void accumulate_masked<T>(const Execution&, const ConstMatrixRef<T>&,                 \
                                     const ConstMaskRef&, const ConstMatrixRef<T>&,              \
                                     const ConstVectorRef<T>&, T*, MatrixRef<T>);                \
  template double update_from_masked<T>(const Execution&, const T*, const ConstMatrixRef<T>&,    \
                                        const BlockCoordinateSettings&, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
