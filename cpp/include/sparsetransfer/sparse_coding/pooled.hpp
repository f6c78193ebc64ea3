#pragma once

#include "sparsetransfer/sparse_coding/encode.hpp"

namespace sparsetransfer {

/// Which statistics of the codes of a sequence are returned, in this order.
struct PoolingSettings {
  bool mean = true;
  bool root_mean_square = false;
  bool maximum = false;

  Index count() const { return Index(mean) + Index(root_mean_square) + Index(maximum); }
};

/// What the codes of one sequence have reached.
struct PooledReport {
  double kkt = 0.0;       ///< largest violation of a code, in units of alpha_j
  Index unconverged = 0;  ///< codes that did not reach the tolerance
};

/// Codes the signals (features x samples) of sequences, which follow each other with `lengths`
/// samples each, and pools the codes of each sequence. pooled (2 atoms * statistics x sequences) is
/// written: every statistic of the positive parts, then of the magnitudes of the negative parts.
/// Codes are those of `encode` for all signals at once, of which no more than some megabytes exist
/// at a time; sums are in double precision, in the order of the samples. reports has one entry per
/// sequence. Throws if a length is not positive or the lengths do not add up to the samples.
template <typename T>
void encode_pooled(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const Eigen::Ref<const Vector<Index>>& lengths,
                   const ConstMatrixRef<T>& dictionary, const CodingSettings& settings,
                   const PoolingSettings& pooling, MatrixRef<T> pooled, PooledReport* reports);

}  // namespace sparsetransfer
