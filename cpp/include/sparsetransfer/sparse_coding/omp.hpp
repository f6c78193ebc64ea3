#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/problem.hpp"

namespace sparsetransfer {

/// Which atom a greedy pursuit takes next.
enum class SelectionRule : int {
  correlation = 0,  ///< the largest |c_j|: orthogonal matching pursuit
  residual = 1,     ///< the one that leaves the smallest residual: order-recursive pursuit, OLS
};

struct PursuitSettings {
  SelectionRule rule = SelectionRule::correlation;
  Index max_atoms = 1;       ///< stop at so many atoms, ...
  double tolerance = 0.0;    ///< ... or when |x - D a|^2 is not above this
  bool nonnegative = false;  ///< take atoms with c_j > 0 only, and the best code >= 0 on them

  void validate() const;
};

/// Greedy codes of signals (features x samples) on a dictionary (features x atoms), in the Gram
/// form with progressive orthogonalisation. Atoms that depend on those taken are passed over. The
/// reports hold the number of atoms, the largest |c| on the support, and half the squared residual.
template <typename T>
void pursue(const Execution& execution, const ConstMatrixRef<T>& signals,
            const ConstMatrixRef<T>& dictionary, const PursuitSettings& settings,
            CodeOutput<T> codes, CodingReport* reports);

/// The same on a dictionary for several calls.
template <typename T>
void pursue(const Execution& execution, const ConstMatrixRef<T>& signals,
            const PreparedDictionary<T>& dictionary, const PursuitSettings& settings,
            CodeOutput<T> codes, CodingReport* reports);

/// The same from Gram matrix, correlations (atoms x samples) and squared norms (samples).
template <typename T>
void pursue_gram(const Execution& execution, const ConstMatrixRef<T>& gram,
                 const ConstMatrixRef<T>& correlations, const ConstVectorRef<double>& squared_norms,
                 const PursuitSettings& settings, CodeOutput<T> codes, CodingReport* reports);

}  // namespace sparsetransfer
