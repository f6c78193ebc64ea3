#pragma once

#include <limits>
#include <vector>

#include "sparsetransfer/dictionary/constraint.hpp"
#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Whether an atom with curvature A_jj is too little used, relative to the largest of A_ii, for
/// its update to mean anything: below that the rounding of D A_j exceeds A_jj itself.
template <typename T>
bool is_unused(T curvature, T largest) {
  return !(curvature > std::numeric_limits<T>::epsilon() * largest);
}

/// Scales every atom that is longer than one back to length one.
template <typename T>
void project_atoms_to_unit_ball(MatrixRef<T> dictionary);

/// The atoms that no signal uses, by `is_unused` on the diagonal of A = S Sᵀ, in ascending order.
template <typename T>
std::vector<Index> find_unused_atoms(const ConstVectorRef<T>& curvature);

/// `keeper` for every atom: the first atom with the same direction up to sign (|d_i ± d_j| within
/// `tolerance` of the longer one's length), itself for all others. Zero atoms are their own.
template <typename T>
std::vector<Index> find_duplicate_atoms(const Execution& execution,
                                        const ConstMatrixRef<T>& dictionary, double tolerance);

/// Moves the codes of duplicate atoms to the atom they repeat, so that the duplicates become
/// unused. The approximation D S stays (up to `tolerance`) and |S|₁ does not grow. With
/// `positive_codes`, atoms of opposite direction are left alone. Returns how many were merged.
template <typename T>
Index merge_duplicate_atoms(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                            double tolerance, bool positive_codes, MatrixRef<T> codes);

/// Replaces `atoms`, given in ascending order, by the signals with the largest residual |x − D s|,
/// scaled to the boundary of the atoms' set (ties: the first signal; no signal that is nearly
/// parallel to an atom is taken). Signals without residual replace nothing. The codes of replaced
/// atoms become zero. Returns the replaced atoms, the first of `atoms`.
/// signals (features x samples), codes (atoms x samples).
template <typename T>
std::vector<Index> replace_atoms(const Execution& execution, const ConstMatrixRef<T>& signals,
                                 const AtomConstraint& constraint, const std::vector<Index>& atoms,
                                 MatrixRef<T> codes, MatrixRef<T> dictionary);

/// Replaces, as `replace_atoms` does, the atoms that no code uses: whose row of `codes` is below
/// rounding of the largest row, so that the objective stays.
template <typename T>
std::vector<Index> replace_dead_atoms(const Execution& execution, const ConstMatrixRef<T>& signals,
                                      const AtomConstraint& constraint, MatrixRef<T> codes,
                                      MatrixRef<T> dictionary);

}  // namespace sparsetransfer
