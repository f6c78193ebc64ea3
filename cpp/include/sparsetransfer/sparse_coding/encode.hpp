#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/prepared_dictionary.hpp"
#include "sparsetransfer/sparse_coding/problem.hpp"
#include "sparsetransfer/sparse_coding/sparse_codes.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Optional inputs of the coders; an empty vector stands for zeros (ridge) or ones (weights).
struct CodingExtras {
  ConstVectorRef<double> ridge = Vector<double>();          ///< h, per signal
  ConstVectorRef<double> weights = Vector<double>();        ///< of the penalty, per atom
  ConstVectorRef<double> squared_norms = Vector<double>();  ///< |x|^2 per signal, for the gap
};

/// Codes signals (features x samples) on a dictionary (features x atoms) by the block active set.
/// codes (atoms x samples) are written, and read first on a warm start; reports has one entry per
/// sample. `squared_norms` of the extras is not used. Results do not depend on the thread count.
template <typename T>
void encode(const Execution& execution, const ConstMatrixRef<T>& signals,
            const ConstMatrixRef<T>& dictionary, const CodingSettings& settings,
            const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports);

/// The same for a part of `total` signals: signals are grouped into blocks as if all were given.
template <typename T>
void encode(const Execution& execution, const ConstMatrixRef<T>& signals,
            const PreparedDictionary<T>& dictionary, Index total, const CodingSettings& settings,
            const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports);

/// The same from a Gram matrix (atoms x atoms) and correlations (atoms x samples): each column i
/// solves min 1/2 s'(G + h_i I)s - b_i's + alpha |s|_1, whatever b is.
template <typename T>
void encode_gram(const Execution& execution, const ConstMatrixRef<T>& gram,
                 const ConstMatrixRef<T>& correlations, const CodingSettings& settings,
                 const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports);

}  // namespace sparsetransfer
