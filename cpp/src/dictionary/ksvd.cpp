#include "sparsetransfer/dictionary/ksvd.hpp"

#include <algorithm>
#include <cmath>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/dictionary/support_index.hpp"
#include "sparsetransfer/numerics/gram.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kUserBlock = 256;
constexpr Index kSignalBlock = 256;

template <typename T>
class Sweep {
 public:
  Sweep(const Execution& execution, const ConstMatrixRef<T>& signals, const KsvdSettings& settings,
        MatrixRef<T>& codes, MatrixRef<T>& dictionary)
      : execution_(execution),
        settings_(settings),
        codes_(codes),
        dictionary_(dictionary),
        users_(ConstMatrixRef<T>(codes)),
        residual_(signals) {
    const double flops = 2.0 * double(dictionary.size()) * double(codes.cols());
    parallel_for_blocks(execution.for_work(flops), codes.cols(), kSignalBlock,
                        [&](Index begin, Index count, int) {
                          add_product<T>(residual_.middleCols(begin, count), T(-1), dictionary_,
                                         codes_.middleCols(begin, count));
                        });
  }

  double run() {
    for (Index atom = 0; atom < dictionary_.cols(); ++atom) {
      if (users_.count(atom) > 0) update(atom);
      execution_.check();
    }
    return 0.5 * squared_norm<T>(execution_, residual_);
  }

 private:
  void update(Index atom) {
    const Index count = users_.count(atom);
    Execution workers = execution_.for_work(4.0 * double(count) * double(dictionary_.rows()));
    workers.poll = nullptr;
    const Vector<T> old = dictionary_.col(atom);
    const Vector<T> fresh = best_atom(workers, atom, count, old);
    // An atom that is best at zero keeps its direction and loses its users: the same objective,
    // and a direction to come back with.
    const T length2 = fresh.squaredNorm();
    const bool vanished = !(length2 > T(0));

    const T overlap = old.dot(fresh);
    const T alpha = T(settings_.alpha);
    parallel_for_blocks(workers, count, kUserBlock, [&](Index begin, Index width, int) {
      for (Index user = begin; user < begin + width; ++user) {
        const Index i = users_.signal(atom, user);
        const T before = codes_(atom, i);
        // Eᵀd for this signal, with E = R + d_old g.
        const T match = residual_.col(i).dot(fresh) + before * overlap;
        T after = vanished ? T(0) : std::max(std::abs(match) - alpha, T(0)) / length2;
        if (match < T(0)) after = settings_.positive_codes ? T(0) : -after;
        residual_.col(i) += before * old - after * fresh;
        codes_(atom, i) = after;
      }
    });
    if (!vanished) dictionary_.col(atom) = fresh;
  }

  // E g / |g|² inside the constraints, where E g = R g + d |g|².
  Vector<T> best_atom(const Execution& workers, Index atom, Index count, const Vector<T>& old) {
    const Index blocks = num_blocks(count, kUserBlock);
    Matrix<T> partial = Matrix<T>::Zero(old.size(), blocks);
    Vector<T> energy = Vector<T>::Zero(blocks);
    parallel_for_blocks(workers, count, kUserBlock, [&](Index begin, Index width, int) {
      const Index block = begin / kUserBlock;
      for (Index user = begin; user < begin + width; ++user) {
        const Index i = users_.signal(atom, user);
        const T g = codes_(atom, i);
        partial.col(block) += g * residual_.col(i);
        energy(block) += g * g;
      }
    });
    Vector<T> sum = Vector<T>::Zero(old.size());
    T total = 0;
    for (Index block = 0; block < blocks; ++block) {
      sum += partial.col(block);
      total += energy(block);
    }
    if (!(total > T(0))) return old;
    Vector<T> fresh = old + sum / total;
    if (settings_.alpha > 0.0) {
      project_atom<T>(settings_.constraint, fresh);
    } else {
      scale_to_constraint<T>(settings_.constraint, fresh);
    }
    return fresh;
  }

  const Execution& execution_;
  const KsvdSettings& settings_;
  MatrixRef<T>& codes_;
  MatrixRef<T>& dictionary_;
  const SupportIndex users_;
  Matrix<T> residual_;
};

}  // namespace

void KsvdSettings::validate() const {
  require(alpha >= 0.0, "alpha must not be negative");
  constraint.validate();
  // The best unit vector is a scaled E g; the best vector on another boundary is not.
  require(alpha > 0.0 || constraint.l1_ratio == 0.0, "l1_ratio needs a positive alpha");
}

template <typename T>
double update_ksvd(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const KsvdSettings& settings, MatrixRef<T> codes, MatrixRef<T> dictionary) {
  settings.validate();
  require_shape("codes", codes.rows(), codes.cols(), dictionary.cols(), signals.cols());
  require_shape("dictionary", dictionary.rows(), dictionary.cols(), signals.rows(), codes.rows());
  return Sweep<T>(execution, signals, settings, codes, dictionary).run();
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template double update_ksvd<T>(const Execution&, const ConstMatrixRef<T>&, const KsvdSettings&, \
                                 MatrixRef<T>, MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
