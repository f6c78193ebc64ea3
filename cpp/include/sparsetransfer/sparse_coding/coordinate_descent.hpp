#pragma once

#include <vector>

#include "sparsetransfer/sparse_coding/extrapolation.hpp"
#include "sparsetransfer/sparse_coding/signal_coder.hpp"

namespace sparsetransfer {

/// Cyclic coordinate descent in Gram form. A round takes the atoms in use and the worst violators,
/// copies their part of the Gram matrix, and minimises over them alone; then the gradient of all
/// atoms is refreshed. Epochs over a working set are extrapolated (Bertrand, Massias, "Anderson
/// acceleration of coordinate descent", AISTATS 2021), which is what makes them arrive on
/// coherent atoms; they are what counts as iterations. One per worker.
template <typename T>
class CoordinateDescent {
 public:
  explicit CoordinateDescent(Index atoms);

  /// Improves a code (atoms) and returns the number of epochs. Allocates nothing.
  int solve(const SignalProblem<T>& problem, T* code);

 private:
  struct Violator {
    double excess;
    int atom;
  };

  double look(const SignalProblem<T>& problem, const T* code);
  void gather(const SignalProblem<T>& problem, const T* code);
  double epoch(bool nonnegative);
  double objective() const;
  void extrapolate(bool nonnegative);
  Index descend(const SignalProblem<T>& problem, double target, Index most_epochs);

  Vector<T> gradient_;
  std::vector<CodeEntry<T>> entries_;
  std::vector<Violator> violators_;
  Index used_ = 0, violating_ = 0;
  // The working set, compact: Gram matrix with its columns `stride_` apart.
  Index size_ = 0, stride_ = 0;
  std::vector<int> working_;
  AlignedBuffer<double> gram_, change_, value_, limit_, linear_, guess_, guess_change_;
  Extrapolation extrapolation_;
};

extern template class CoordinateDescent<float>;
extern template class CoordinateDescent<double>;

}  // namespace sparsetransfer
