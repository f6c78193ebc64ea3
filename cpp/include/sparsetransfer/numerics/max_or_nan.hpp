#pragma once

#include <algorithm>

namespace sparsetransfer {

/// The larger of two numbers, or NaN if one of them is: std::max passes over a NaN on its right.
/// Which of two is larger nothing predicts: it is no branch.
template <typename T>
T max_or_nan(T a, T b) {
  const T larger = std::max(a, b);
  return b != b ? b : larger;
}

}  // namespace sparsetransfer
