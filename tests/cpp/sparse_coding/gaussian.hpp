#pragma once

#include <random>

#include "sparsetransfer/types.hpp"

namespace check {

/// Normal random columns of unit length.
template <typename T>
sparsetransfer::Matrix<T> gaussian(sparsetransfer::Index rows, sparsetransfer::Index cols,
                                   unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  sparsetransfer::Matrix<T> out(rows, cols);
  for (sparsetransfer::Index j = 0; j < cols; ++j) {
    for (sparsetransfer::Index i = 0; i < rows; ++i) out(i, j) = static_cast<T>(normal(generator));
    out.col(j).normalize();
  }
  return out;
}

}  // namespace check
