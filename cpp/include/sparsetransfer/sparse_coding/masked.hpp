#pragma once

#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/omp.hpp"

namespace sparsetransfer {

/// Which entries (features x samples) of the signals were observed.
using ConstMaskRef =
    Eigen::Ref<const Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic>, 0, Eigen::OuterStride<>>;

/// `encode` where only the observed entries of a signal, and the same features of the atoms, count:
/// each code and its report are those of the signal without its missing features. Signals of equal
/// mask share one Gram matrix. Missing entries are never read.
template <typename T>
void encode_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const ConstMaskRef& mask, const ConstMatrixRef<T>& dictionary,
                   const CodingSettings& settings, const CodingExtras& extras, CodeOutput<T> codes,
                   CodingReport* reports);

/// `pursue` on the observed entries, in the same manner.
template <typename T>
void pursue_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const ConstMaskRef& mask, const ConstMatrixRef<T>& dictionary,
                   const PursuitSettings& settings, CodeOutput<T> codes, CodingReport* reports);

}  // namespace sparsetransfer
