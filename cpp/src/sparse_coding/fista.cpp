#include "sparsetransfer/sparse_coding/fista.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kPanel = PanelGram<double>::kRows;
constexpr int kPowerSteps = 12;
constexpr double kBacktracking = 1.25;
// Above this share of non-zeros a product with whole panels beats one with their columns.
constexpr double kDense = 0.25;

}  // namespace

template <typename T>
FistaBlock<T>::FistaBlock(const CodingShape& shape, const CodingSettings& settings,
                          const ConstVectorRef<double>& weights)
    : BlockCoder<T>(shape),
      atoms_(shape.atoms),
      padded_(base_.rows()),
      settings_(settings),
      penalties_(penalties<T>(settings, weights, atoms_, padded_)),
      certifier_(shape, settings, weights),
      signals_(static_cast<std::size_t>(shape.width)),
      code_(Matrix<T>::Zero(padded_, shape.width)),
      previous_(code_),
      next_(code_),
      gradient_(code_),
      previous_gradient_(code_),
      next_gradient_(code_),
      point_(padded_),
      point_gradient_(padded_),
      entries_(static_cast<std::size_t>(atoms_ * shape.width)),
      first_entry_(static_cast<std::size_t>(shape.width + 1)) {
  running_.reserve(static_cast<std::size_t>(shape.width));
}

template <typename T>
void FistaBlock<T>::estimate_curvature(const PanelGram<T>& gram) {
  // A few power steps give an estimate from below; where it is too small, backtracking finds out.
  point_.setZero();
  point_.head(atoms_).setOnes();
  for (int step = 0; step < kPowerSteps; ++step) {
    point_ /= std::max(point_.norm(), std::numeric_limits<T>::min());
    for (Index p = 0; p < gram.num_panels(); ++p)
      set_product<T>(point_gradient_.segment(p * kPanel, kPanel),
                     Eigen::Map<const Matrix<T>>(gram.panel(p), kPanel, atoms_),
                     point_.head(atoms_));
    std::swap(point_, point_gradient_);
  }
  curvature_ = std::max(static_cast<double>(point_.norm()), gram.largest_diagonal());
}

template <typename T>
void FistaBlock<T>::refresh(const PanelGram<T>& gram, Index count) {
  Index total = 0;
  std::size_t slot = 0;
  for (const Index index : running_) {
    first_entry_[slot++] = total;
    const T* code = next_.col(index).data();
    for (Index j = 0; j < atoms_; ++j)
      if (code[j] != T(0)) entries_[total++] = {static_cast<int>(j), code[j]};
  }
  first_entry_[slot] = total;
  const double cells = static_cast<double>(running_.size()) * static_cast<double>(atoms_);
  if (static_cast<double>(total) > kDense * cells &&
      2 * static_cast<Index>(running_.size()) > count) {
    for (Index p = 0; p < gram.num_panels(); ++p) {
      auto rows = next_gradient_.block(p * kPanel, 0, kPanel, count);
      rows = base_.block(p * kPanel, 0, kPanel, count);
      add_product<T>(rows, T(-1), Eigen::Map<const Matrix<T>>(gram.panel(p), kPanel, atoms_),
                     next_.topLeftCorner(atoms_, count));
    }
  } else {
    for (Index p = 0; p < gram.num_panels(); ++p) {
      slot = 0;
      for (const Index index : running_) {
        const Index first = first_entry_[slot];
        const Index used = first_entry_[++slot] - first;
        refresh_panel(gram, p, entries_.data() + first, used, base_.col(index).data() + p * kPanel,
                      next_gradient_.col(index).data() + p * kPanel);
      }
    }
  }
  for (const Index index : running_)
    if (signals_[index].ridge != 0.0)
      next_gradient_.col(index) -= static_cast<T>(signals_[index].ridge) * next_.col(index);
}

template <typename T>
void FistaBlock<T>::propose(Index index) {
  const Signal& signal = signals_[index];
  const T weight = static_cast<T>(signal.weight);
  point_ = code_.col(index) + weight * (code_.col(index) - previous_.col(index));
  point_gradient_ =
      gradient_.col(index) + weight * (gradient_.col(index) - previous_gradient_.col(index));
  const T step = static_cast<T>(1.0 / signal.curvature);
  const auto target = point_.array() + step * point_gradient_.array();
  const auto limit = step * penalties_.array();
  if (settings_.nonnegative) {
    next_.col(index) = (target - limit).max(T(0));
  } else {
    next_.col(index) = (target - limit).max(T(0)) + (target + limit).min(T(0));
  }
  next_.col(index).tail(padded_ - atoms_).setZero();
}

template <typename T>
void FistaBlock<T>::accept(Index index) {
  Signal& signal = signals_[index];
  ++signal.iterations;
  const T weight = static_cast<T>(signal.weight);
  double moved = 0.0;
  double energy = 0.0;
  double uphill = 0.0;
  for (Index j = 0; j < atoms_; ++j) {
    const T a = code_(j, index);
    const T c = gradient_(j, index);
    const T point = a + weight * (a - previous_(j, index));
    const T point_gradient = c + weight * (c - previous_gradient_(j, index));
    const T change = next_(j, index) - point;
    moved += static_cast<double>(change) * static_cast<double>(change);
    energy += static_cast<double>(change) *
              static_cast<double>(point_gradient - next_gradient_(j, index));
    uphill -= static_cast<double>(change) * static_cast<double>(next_(j, index) - a);
  }
  // The step was too long if G (plus ridge) curves more along it than assumed; rounding of tiny
  // steps is not taken for curvature.
  const double noise = 64 * static_cast<double>(std::numeric_limits<T>::epsilon()) *
                       signal.largest * std::sqrt(moved);
  if (energy > signal.curvature * moved * 1.0001 + noise) {
    signal.curvature *= kBacktracking;
    return;
  }
  previous_.col(index).swap(code_.col(index));
  previous_gradient_.col(index).swap(gradient_.col(index));
  code_.col(index).swap(next_.col(index));
  gradient_.col(index).swap(next_gradient_.col(index));
  if (uphill > 0.0) {
    signal.momentum = 1.0;
    signal.weight = 0.0;
    return;
  }
  const double momentum = 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * signal.momentum * signal.momentum));
  signal.weight = (signal.momentum - 1.0) / momentum;
  signal.momentum = momentum;
}

template <typename T>
bool FistaBlock<T>::arrived(const CodingBlock<T>& block, Index index) {
  Signal& signal = signals_[index];
  double violation = 0.0;
  double norm = 0.0;
  for (Index j = 0; j < atoms_; ++j) {
    const double a = static_cast<double>(code_(j, index));
    const double c = static_cast<double>(gradient_(j, index));
    const double limit = static_cast<double>(penalties_[j]);
    norm += std::abs(a);
    violation = max_or_nan(violation, a != 0.0 ? std::abs(c - std::copysign(limit, a))
                                               : (settings_.nonnegative ? c : std::abs(c)) - limit);
  }
  const double rounding = 4 * static_cast<double>(std::numeric_limits<T>::epsilon()) *
                          (signal.largest + block.gram.largest_diagonal() * norm);
  signal.status = block.execution.out_of_time() ? Status::stopped : Status::max_iterations;
  return !(violation > std::max(signal.wanted, rounding)) ||
         signal.iterations >= settings_.max_iterations || signal.status == Status::stopped;
}

template <typename T>
void FistaBlock<T>::solve(const CodingBlock<T>& block, Index count, MatrixRef<T> codes,
                          CodingReport* reports) {
  if (curvature_ == 0.0) estimate_curvature(block.gram);
  running_.clear();
  for (Index i = 0; i < count; ++i) {
    Signal& signal = signals_[i];
    signal = Signal();
    signal.ridge = block.ridge ? block.ridge[i] : 0.0;
    signal.wanted = certifier_.tolerance(base_.col(i).data());
    signal.largest = static_cast<double>(base_.col(i).cwiseAbs().maxCoeff());
    signal.curvature = std::max(curvature_ + signal.ridge, std::numeric_limits<double>::min());
    next_.col(i).setZero();
    if (settings_.warm_start) next_.col(i).head(atoms_) = codes.col(i);
    if (settings_.nonnegative) next_.col(i) = next_.col(i).cwiseMax(T(0));
    running_.push_back(i);
  }
  refresh(block.gram, count);
  code_.leftCols(count) = next_.leftCols(count);
  gradient_.leftCols(count) = next_gradient_.leftCols(count);
  previous_.leftCols(count) = code_.leftCols(count);
  previous_gradient_.leftCols(count) = gradient_.leftCols(count);
  for (;;) {
    block.execution.check();
    std::erase_if(running_, [&](Index index) { return arrived(block, index); });
    if (running_.empty()) break;
    for (const Index index : running_) propose(index);
    refresh(block.gram, count);
    for (const Index index : running_) accept(index);
  }
  for (Index i = 0; i < count; ++i) {
    codes.col(i) = code_.col(i).head(atoms_);
    reports[i] =
        certifier_.certify(block, i, base_.col(i).data(), codes.col(i).data(), signals_[i].status);
    reports[i].iterations = signals_[i].iterations;
  }
}

template class FistaBlock<float>;
template class FistaBlock<double>;

}  // namespace sparsetransfer
