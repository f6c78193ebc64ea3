#include "sparsetransfer/dictionary/atoms.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kSignalBlock = 256;
constexpr Index kAtomBlock = 64;
// Two replacements with a larger cosine would compete for the same signals.
constexpr double kParallel = 0.999;

template <typename T>
Vector<T> row_energies(const Execution& execution, const ConstMatrixRef<T>& codes) {
  Vector<T> energy = Vector<T>::Zero(codes.rows());
  for (Index begin = 0; begin < codes.cols(); begin += kSignalBlock) {
    const Index count = std::min(kSignalBlock, codes.cols() - begin);
    energy += codes.middleCols(begin, count).cwiseAbs2().rowwise().sum();
    execution.check();
  }
  return energy;
}

// Of a unit vector with the atoms, which are at most unit vectors.
template <typename T>
double largest_cosine(const ConstMatrixRef<T>& atoms, const ConstVectorRef<T>& direction) {
  if (atoms.cols() == 0) return 0.0;
  Vector<T> cosines(atoms.cols());
  set_product_tn<T>(cosines, atoms, direction);
  return double(cosines.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>());
}

// Stricter than `is_unused`: dropping these codes must not be felt in the objective.
template <typename T>
std::vector<Index> find_zero_rows(const Vector<T>& energy) {
  std::vector<Index> zero;
  const T rounding = std::numeric_limits<T>::epsilon();
  const T negligible = energy.size() > 0 ? rounding * rounding * energy.maxCoeff() : T(0);
  for (Index j = 0; j < energy.size(); ++j) {
    if (!(energy(j) > negligible)) zero.push_back(j);
  }
  return zero;
}

// Squared residuals, and which of them are more than the rounding of their own computation.
template <typename T>
Vector<T> squared_residuals(const Execution& execution, const ConstMatrixRef<T>& signals,
                            const ConstMatrixRef<T>& codes, const ConstMatrixRef<T>& dictionary) {
  Vector<T> squared(signals.cols());
  const double flops = 2.0 * double(dictionary.size()) * double(signals.cols());
  const T rounding = T(8) * std::numeric_limits<T>::epsilon();
  parallel_for_blocks(execution.for_work(flops), signals.cols(), kSignalBlock,
                      [&](Index begin, Index count, int) {
                        Matrix<T> residual = signals.middleCols(begin, count);
                        add_product<T>(residual, T(-1), dictionary, codes.middleCols(begin, count));
                        for (Index i = 0; i < count; ++i) {
                          const T whole = signals.col(begin + i).squaredNorm();
                          const T left = residual.col(i).squaredNorm();
                          squared(begin + i) = left > rounding * rounding * whole ? left : T(0);
                        }
                      });
  return squared;
}

}  // namespace

template <typename T>
void project_atoms_to_unit_ball(MatrixRef<T> dictionary) {
  for (Index j = 0; j < dictionary.cols(); ++j) project_atom<T>({}, dictionary.col(j));
}

template <typename T>
std::vector<Index> find_unused_atoms(const ConstVectorRef<T>& curvature) {
  std::vector<Index> unused;
  if (curvature.size() == 0) return unused;
  const T largest = curvature.maxCoeff();
  for (Index j = 0; j < curvature.size(); ++j) {
    if (is_unused(curvature(j), largest)) unused.push_back(j);
  }
  return unused;
}

template <typename T>
std::vector<Index> find_duplicate_atoms(const Execution& execution,
                                        const ConstMatrixRef<T>& dictionary, double tolerance) {
  require(tolerance >= 0.0, "tolerance must not be negative");
  const Index atoms = dictionary.cols();
  const Vector<T> length = dictionary.colwise().norm().transpose();
  std::vector<Index> keeper(static_cast<std::size_t>(atoms));
  std::iota(keeper.begin(), keeper.end(), Index(0));
  // The Gram only proposes pairs: |d_i ± d_j|² = |d_i|² + |d_j|² ± 2 d_iᵀd_j cancels, so a
  // proposal is confirmed on the difference itself.
  const T slack = T(4 * tolerance * tolerance) + T(64) * std::numeric_limits<T>::epsilon();
  const double flops = double(dictionary.size()) * double(atoms);
  parallel_for_blocks(
      execution.for_work(flops), atoms, kAtomBlock, [&](Index begin, Index count, int) {
        const Index before = begin + count;
        Matrix<T> gram(before, count);
        set_product_tn<T>(gram, dictionary.leftCols(before), dictionary.middleCols(begin, count));
        for (Index j = begin; j < before; ++j) {
          for (Index i = 0; i < j; ++i) {
            const T longer = std::max(length(i), length(j));
            const T product = gram(i, j - begin);
            if (!(longer > T(0)) || std::abs(product) < longer * longer * (T(1) - slack)) continue;
            const T sign = product < T(0) ? T(-1) : T(1);
            const T apart = (dictionary.col(i) - sign * dictionary.col(j)).norm();
            if (double(apart) > tolerance * double(longer)) continue;
            keeper[static_cast<std::size_t>(j)] = i;
            break;
          }
        }
      });
  return keeper;
}

template <typename T>
Index merge_duplicate_atoms(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                            double tolerance, bool positive_codes, MatrixRef<T> codes) {
  require_shape("codes", codes.rows(), codes.cols(), dictionary.cols(), codes.cols());
  const auto keeper = find_duplicate_atoms<T>(execution, dictionary, tolerance);
  Index merged = 0;
  // Descending, so that a chain of duplicates ends at its first atom.
  for (Index j = dictionary.cols() - 1; j >= 0; --j) {
    const Index i = keeper[static_cast<std::size_t>(j)];
    if (i == j) continue;
    const T sign = dictionary.col(i).dot(dictionary.col(j)) < T(0) ? T(-1) : T(1);
    if (sign < T(0) && positive_codes) continue;
    codes.row(i) += sign * codes.row(j);
    codes.row(j).setZero();
    ++merged;
  }
  return merged;
}

template <typename T>
std::vector<Index> replace_dead_atoms(const Execution& execution, const ConstMatrixRef<T>& signals,
                                      const AtomConstraint& constraint, MatrixRef<T> codes,
                                      MatrixRef<T> dictionary) {
  const std::vector<Index> dead = find_zero_rows<T>(row_energies<T>(execution, codes));
  return replace_atoms<T>(execution, signals, constraint, dead, codes, dictionary);
}

template <typename T>
std::vector<Index> replace_atoms(const Execution& execution, const ConstMatrixRef<T>& signals,
                                 const AtomConstraint& constraint, const std::vector<Index>& atoms,
                                 MatrixRef<T> codes, MatrixRef<T> dictionary) {
  require_shape("codes", codes.rows(), codes.cols(), dictionary.cols(), signals.cols());
  require_shape("dictionary", dictionary.rows(), dictionary.cols(), signals.rows(), codes.rows());
  Index previous = -1;
  for (const Index atom : atoms) {
    require(previous < atom && atom < dictionary.cols(), "atoms must be ascending column numbers");
    previous = atom;
  }
  if (atoms.empty()) return {};

  const Vector<T> residual = squared_residuals<T>(execution, signals, codes, dictionary);
  std::vector<Index> order(static_cast<std::size_t>(signals.cols()));
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return residual(a) > residual(b); });

  Matrix<T> chosen(signals.rows(), static_cast<Index>(atoms.size()));
  Index count = 0;
  for (const Index signal : order) {
    if (count == chosen.cols() || !(residual(signal) > T(0))) break;
    chosen.col(count) = signals.col(signal);
    // Compared as unit vectors, whatever the atoms' set.
    scale_to_constraint<T>({constraint.positive, 0.0}, chosen.col(count));
    if (!(chosen.col(count).squaredNorm() > T(0))) continue;
    if (largest_cosine<T>(chosen.leftCols(count), chosen.col(count)) > kParallel) continue;
    if (largest_cosine<T>(dictionary, chosen.col(count)) > kParallel) continue;
    ++count;
  }

  std::vector<Index> replaced(atoms.begin(), atoms.begin() + count);
  for (Index i = 0; i < count; ++i) {
    scale_to_constraint<T>(constraint, chosen.col(i));
    dictionary.col(replaced[static_cast<std::size_t>(i)]) = chosen.col(i);
    codes.row(replaced[static_cast<std::size_t>(i)]).setZero();
  }
  return replaced;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template void project_atoms_to_unit_ball<T>(MatrixRef<T>);                                      \
  template std::vector<Index> find_unused_atoms<T>(const ConstVectorRef<T>&);                     \
  template std::vector<Index> find_duplicate_atoms<T>(const Execution&, const ConstMatrixRef<T>&, \
                                                      double);                                    \
  template Index merge_duplicate_atoms<T>(const Execution&, const ConstMatrixRef<T>&, double,     \
                                          bool, MatrixRef<T>);                                    \
  template std::vector<Index> replace_atoms<T>(const Execution&, const ConstMatrixRef<T>&,        \
                                               const AtomConstraint&, const std::vector<Index>&,  \
                                               MatrixRef<T>, MatrixRef<T>);                       \
  template std::vector<Index> replace_dead_atoms<T>(const Execution&, const ConstMatrixRef<T>&,   \
                                                    const AtomConstraint&, MatrixRef<T>,          \
                                                    MatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
