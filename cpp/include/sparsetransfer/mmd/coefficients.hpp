#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// The weights of pairs of samples in a discrepancy: sample i of the source with sample j of the
/// target has -2 sum_c between[c] source(i,c) target(j,c), two samples of the source have
/// sum_c within_source[c] source(i,c) source(j,c), and so for the target. One column is the
/// marginal discrepancy, one per class the class-conditional one.
template <typename T>
struct Coefficients {
  ConstMatrixRef<T> source;  // (source samples x columns)
  ConstMatrixRef<T> target;  // (target samples x columns)
  ConstVectorRef<T> within_source;
  ConstVectorRef<T> within_target;
  ConstVectorRef<T> between;
  bool exclude_diagonal;  // leave out the pairs of a sample with itself: unbiased estimates
};

}  // namespace sparsetransfer
