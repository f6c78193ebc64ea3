#pragma once

namespace sparsetransfer {

/// The larger of two numbers, or NaN if one of them is: std::max passes over a NaN on its right.
inline double max_or_nan(double a, double b) { return b > a || b != b ? b : a; }

}  // namespace sparsetransfer
