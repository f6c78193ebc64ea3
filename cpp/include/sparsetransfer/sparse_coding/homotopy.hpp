#pragma once

#include <type_traits>
#include <vector>

#include "sparsetransfer/numerics/cholesky.hpp"
#include "sparsetransfer/sparse_coding/panel_gradient.hpp"
#include "sparsetransfer/sparse_coding/signal_coder.hpp"

namespace sparsetransfer {

/// The solution of one lasso for falling penalty, from the first atom on: it is piecewise linear
/// in the penalty, and this walks from one breakpoint to the next. With p = G_AA^-1 b_A and
/// u = G_AA^-1 (w s)_A the code is a_A = p - lambda u, and its correlations are r + lambda g, where
/// r = b - G p and g = G u; both are computed anew for every active set A, so that no rounding
/// builds up on the way. Owns its workspace; one per worker.
class Homotopy {
 public:
  explicit Homotopy(Index atoms);

  struct Problem {
    const PanelGram<double>& gram;
    const double* correlations;  // padded atoms
    const double* weights;       // padded atoms: of the penalty, positive, infinite in the padding
    double ridge = 0.0;
    bool nonnegative = false;
    bool drops = true;  // without: least angle regression, in which no atom ever leaves
  };

  /// Begins at the zero code, above the largest penalty with another one.
  void start(const Problem& problem);
  /// Walks down to the next penalty at which the active set changes, and changes it; or to
  /// `floor`, where it returns false, if there is none above.
  bool advance(double floor);

  double penalty() const { return penalty_; }
  Index size() const { return factor_.size(); }
  const int* atoms() const { return atoms_.data(); }
  double coefficient(Index i) const { return coefficients_[i]; }
  /// c = b - G a - h a (padded atoms) at the code.
  const Vector<double>& gradient();

 private:
  struct Event {
    double penalty;
    int atom;
    Index position;  // of a leaving atom, -1 for one that joins
    double sign;
  };

  Event next_event() const;
  bool join(int atom, double sign);
  void leave(Index position);
  void prepare();
  /// out <- from - sign (G + h) code, for a code on the atoms in use.
  void subtract_image(const double* code, double sign, const double* from, Vector<double>& out);
  void move_to(double penalty);

  const Problem* problem_ = nullptr;
  Index atom_count_;
  double penalty_ = 0.0;
  UpdatableCholesky factor_;
  std::vector<int> atoms_;
  std::vector<double> signs_, coefficients_;
  std::vector<char> shut_;              // atoms in use, or dependent on those
  Vector<double> constant_, slope_;     // p and u
  Vector<double> base_, image_, zero_;  // r and g
  Vector<double> gradient_;
  std::vector<CodeEntry<double>> entries_;
  AlignedBuffer<double> cross_;
};

/// Codes of one penalty by `Homotopy`, in double precision: single precision does not tell the
/// order of the breakpoints. Iterations are breakpoints; a warm start is not looked at.
template <typename T>
class HomotopySolver {
  static_assert(std::is_same_v<T, double>);

 public:
  explicit HomotopySolver(Index atoms) : path_(atoms) {}
  /// Writes a code (atoms) and returns the number of breakpoints passed. Allocates nothing.
  int solve(const SignalProblem<T>& problem, T* code);

 private:
  Homotopy path_;
};

extern template class HomotopySolver<double>;

}  // namespace sparsetransfer
