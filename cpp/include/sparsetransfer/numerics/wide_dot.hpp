#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// sum_i a_i b_i in double precision, of a vector in any precision and one in double. The order of
/// the sums is fixed: it does not depend on where the vectors lie in memory.
template <typename T>
double wide_dot(const T* a, const double* b, Index size) {
  constexpr Index lanes = 32;
  double sums[lanes] = {};
  Index begin = 0;
  for (; begin + lanes <= size; begin += lanes)
    for (Index l = 0; l < lanes; ++l) sums[l] += static_cast<double>(a[begin + l]) * b[begin + l];
  for (Index l = 0; begin + l < size; ++l)
    sums[l] += static_cast<double>(a[begin + l]) * b[begin + l];
  for (Index width = lanes / 2; width > 0; width /= 2)
    for (Index l = 0; l < width; ++l) sums[l] += sums[l + width];
  return sums[0];
}

}  // namespace sparsetransfer
