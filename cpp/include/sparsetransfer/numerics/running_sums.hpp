#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// sums(i, j) = values(0, j) + ... + values(i, j), added in this order in T. Several columns
/// advance together: a single chain of additions waits for every one of them.
template <typename T>
void running_sums(const ConstMatrixRef<T>& values, MatrixRef<T> sums);

}  // namespace sparsetransfer
