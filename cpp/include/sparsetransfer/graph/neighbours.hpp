#pragma once

#include <cstdint>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

enum class Metric : int { euclidean = 0, cosine = 1 };

/// Neighbour j of query i is column i of both, row j; (neighbours x queries).
using IndexMatrixRef = Eigen::Ref<Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>, 0,
                                  Eigen::OuterStride<>>;

/// The nearest columns of `reference` (features x samples) for every column of `queries`
/// (features x queries), exactly: ordered by the distance summed directly in double, ties by
/// index. As many neighbours as `indices` has rows. `exclude_self` says that queries and
/// reference are the same samples and that none is its own neighbour. The cosine distance
/// 1 - x'y/(|x||y|) of a zero column to any column is 1. Memory: blocks of columns, and a
/// centred copy of the data. Throws std::invalid_argument if there are too few samples.
template <typename T>
void nearest_neighbours(const Execution& execution, const ConstMatrixRef<T>& reference,
                        const ConstMatrixRef<T>& queries, Metric metric, bool exclude_self,
                        IndexMatrixRef indices, MatrixRef<T> distances);

/// The mean Euclidean distance over all ordered pairs of columns, the n pairs of a column with
/// itself included: t of the published graph construction. O(n^2) time, blocks of memory.
template <typename T>
double mean_pairwise_distance(const Execution& execution, const ConstMatrixRef<T>& samples);

}  // namespace sparsetransfer
