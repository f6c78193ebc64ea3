#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// The set that every atom is kept in: (1 − r)|d|₂² + r|d|₁ ≤ 1 with r = l1_ratio, that is the unit
/// ball for r = 0 and the ℓ1 ball for r = 1; on request its non-negative part.
struct AtomConstraint {
  bool positive = false;
  double l1_ratio = 0.0;  ///< in [0, 1]

  void validate() const;
};

/// (1 − r)|d|₂² + r|d|₁, in double.
template <typename T>
double constraint_value(const AtomConstraint& constraint, const ConstVectorRef<T>& atom);

/// Replaces the atom by the nearest point of the set (its non-negative part is taken first).
template <typename T>
void project_atom(const AtomConstraint& constraint, VectorRef<T> atom);

/// Scales the atom (its non-negative part on request) to the boundary of the set; zero stays zero.
template <typename T>
void scale_to_constraint(const AtomConstraint& constraint, VectorRef<T> atom);

/// Writes the minimiser of Σ_f (a_f d_f²/2 − b_f d_f) over the set. curvature a ≥ 0 and slope b
/// have the size of the atom; entries without curvature must have slope zero and become zero.
template <typename T>
void minimise_separable(const AtomConstraint& constraint, const ConstVectorRef<T>& curvature,
                        const ConstVectorRef<T>& slope, VectorRef<T> atom);

}  // namespace sparsetransfer
