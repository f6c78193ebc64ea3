#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Anderson extrapolation of a sequence of iterates that converges linearly. Each iterate is kept
/// together with an image that depends on it affinely, and both are extrapolated by the same
/// weights, which sum to one: the image of the result costs no product.
class Extrapolation {
 public:
  static constexpr Index kMemory = 5;  // differences

  explicit Extrapolation(Index capacity)
      : iterates_(capacity, kMemory + 1), images_(capacity, kMemory + 1) {}

  void clear() { count_ = 0; }
  /// Keeps an iterate and its image (both `size`); returns whether there are enough for a guess.
  bool push(const double* iterate, const double* image, Index size);
  /// Writes the guess, and forgets the iterates. Returns false if they do not determine one.
  bool extrapolate(double* iterate, double* image, Index size);

 private:
  Matrix<double> iterates_, images_;
  Index count_ = 0;
};

}  // namespace sparsetransfer
