#pragma once

namespace sparsetransfer {

/// The larger of two numbers, or NaN if one of them is: std::max passes over a NaN on its right.
template <typename T>
T max_or_nan(T a, T b) {
  return b > a || b != b ? b : a;
}

}  // namespace sparsetransfer
