#include "sparsetransfer/sparse_coding/homotopy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsetransfer {
namespace {

constexpr Index kPanel = PanelGram<double>::kRows;
constexpr Index kBatch = UpdatableCholesky::kMaxAppend;
constexpr Index kGroup = UpdatableCholesky::kGroup;
constexpr double kDependence = 4096 * std::numeric_limits<double>::epsilon();
// Breakpoints closer than this to the current penalty, relatively, happen at once. The smallest
// atom then goes first: Murty's rule, under which pivoting among ties ends.
constexpr double kTie = 1e-13;

}  // namespace

Homotopy::Homotopy(Index atoms)
    : atom_count_(atoms),
      factor_(atoms),
      atoms_(static_cast<std::size_t>(factor_.capacity())),
      signs_(static_cast<std::size_t>(factor_.capacity())),
      coefficients_(static_cast<std::size_t>(factor_.capacity())),
      shut_(static_cast<std::size_t>(atoms)),
      constant_(Vector<double>::Zero(factor_.capacity() + kGroup)),
      slope_(Vector<double>::Zero(factor_.capacity() + kGroup)),
      base_(round_up(atoms, kPanel)),
      image_(round_up(atoms, kPanel)),
      zero_(Vector<double>::Zero(round_up(atoms, kPanel))),
      gradient_(round_up(atoms, kPanel)),
      entries_(static_cast<std::size_t>(factor_.capacity())),
      cross_(factor_.capacity() * kBatch) {}

void Homotopy::start(const Problem& problem) {
  problem_ = &problem;
  factor_.clear();
  std::fill(shut_.begin(), shut_.end(), char(0));
  penalty_ = std::numeric_limits<double>::infinity();
  prepare();
}

Homotopy::Event Homotopy::next_event() const {
  Event best{0.0, -1, -1, 0.0};
  const double tie = penalty_ * (1.0 - kTie);  // infinite at the start: then nothing ties
  const auto offer = [&](const Event& event) {
    const bool at_once = event.penalty >= tie;
    const bool best_at_once = best.atom >= 0 && best.penalty >= tie;
    const bool better =
        at_once && best_at_once ? event.atom < best.atom : event.penalty > best.penalty;
    if (better) best = event;
  };
  for (Index j = 0; j < atom_count_; ++j) {
    if (shut_[j]) continue;
    const double weight = problem_->weights[j];
    // s (r + lambda g) reaches lambda w from below, if it does, at s r / (w - s g).
    const double up = weight - image_[j];
    if (base_[j] > 0.0 && up > 0.0)
      offer({std::min(base_[j] / up, penalty_), static_cast<int>(j), -1, 1.0});
    const double down = weight + image_[j];
    if (base_[j] < 0.0 && down > 0.0 && !problem_->nonnegative)
      offer({std::min(-base_[j] / down, penalty_), static_cast<int>(j), -1, -1.0});
  }
  if (problem_->drops) {
    for (Index i = 0; i < size(); ++i)
      if (signs_[i] * slope_[i] < 0.0)
        offer({std::min(std::max(constant_[i] / slope_[i], 0.0), penalty_), atoms_[i], i, 0.0});
  }
  return best;
}

void Homotopy::prepare() {
  const Index m = size();
  const Index padded = round_up(m, kGroup);
  for (Index i = 0; i < m; ++i) {
    constant_[i] = problem_->correlations[atoms_[i]];
    slope_[i] = problem_->weights[atoms_[i]] * signs_[i];
  }
  for (Vector<double>* side : {&constant_, &slope_}) {
    std::fill(side->data() + m, side->data() + padded, 0.0);
    factor_.solve_lower(side->data());
    factor_.solve_upper(side->data());
  }
  subtract_image(constant_.data(), 1.0, problem_->correlations, base_);
  subtract_image(slope_.data(), -1.0, zero_.data(), image_);
}

void Homotopy::subtract_image(const double* code, double sign, const double* from,
                              Vector<double>& out) {
  const Index m = size();
  for (Index i = 0; i < m; ++i) entries_[i] = {atoms_[i], sign * code[i]};
  for (Index p = 0; p < problem_->gram.num_panels(); ++p)
    refresh_panel(problem_->gram, p, entries_.data(), m, from + p * kPanel,
                  out.data() + p * kPanel);
  for (Index i = 0; i < m; ++i) out[atoms_[i]] -= problem_->ridge * entries_[i].value;
}

const Vector<double>& Homotopy::gradient() {
  subtract_image(coefficients_.data(), 1.0, problem_->correlations, gradient_);
  return gradient_;
}

void Homotopy::move_to(double penalty) {
  for (Index i = 0; i < size(); ++i) {
    coefficients_[i] = constant_[i] - penalty * slope_[i];
    // Where atoms leave at zero, rounding alone takes a coefficient beyond.
    if (problem_->drops && signs_[i] * coefficients_[i] < 0.0) coefficients_[i] = 0.0;
  }
  penalty_ = penalty;
}

bool Homotopy::join(int atom, double sign) {
  shut_[atom] = 1;
  const Index m = size();
  double* cross = cross_.data();
  for (Index i = 0; i < m; ++i) {
    std::fill(cross + i * kBatch, cross + (i + 1) * kBatch, 0.0);
    cross[i * kBatch] = problem_->gram(atoms_[i], atom);
  }
  double corner[kBatch * kBatch] = {};
  corner[0] = problem_->gram(atom, atom) + problem_->ridge;
  bool accepted[kBatch];
  if (factor_.append(1, cross, corner, kDependence, accepted) == 0) return false;
  atoms_[m] = atom;
  signs_[m] = sign;
  coefficients_[m] = 0.0;
  return true;
}

void Homotopy::leave(Index position) {
  factor_.remove(position, nullptr);
  const Index m = size();
  for (Index i = position; i < m; ++i) {
    atoms_[i] = atoms_[i + 1];
    signs_[i] = signs_[i + 1];
    coefficients_[i] = coefficients_[i + 1];
  }
  // What depended on the atom that left may be independent now.
  std::fill(shut_.begin(), shut_.end(), char(0));
  for (Index i = 0; i < m; ++i) shut_[atoms_[i]] = 1;
}

bool Homotopy::advance(double floor) {
  for (;;) {
    const Event event = next_event();
    if (event.atom < 0 || !(event.penalty > floor)) {
      move_to(floor);
      return false;
    }
    move_to(event.penalty);
    if (event.position >= 0) {
      leave(event.position);
    } else if (!join(event.atom, event.sign)) {
      // An atom that depends on those in use keeps its distance as long as they stay: its
      // correlation is a combination of theirs. It is passed over until one of them leaves.
      continue;
    }
    prepare();
    return true;
  }
}

template <typename T>
int HomotopySolver<T>::solve(const SignalProblem<T>& problem, T* code) {
  // The penalties are alpha times the weights, so that the path ends at one.
  const Homotopy::Problem path{problem.gram, problem.correlations, problem.penalties, problem.ridge,
                               problem.nonnegative};
  path_.start(path);
  Index steps = 0;
  while (steps < problem.max_iterations && !problem.execution.out_of_time() && path_.advance(1.0)) {
    problem.execution.check();
    ++steps;
  }
  std::fill(code, code + problem.gram.atoms(), T(0));
  for (Index i = 0; i < path_.size(); ++i) code[path_.atoms()[i]] = path_.coefficient(i);
  return static_cast<int>(steps);
}

template class HomotopySolver<double>;

}  // namespace sparsetransfer
