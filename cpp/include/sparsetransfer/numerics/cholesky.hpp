#pragma once

#include <algorithm>

#include "sparsetransfer/numerics/nearest_plane.hpp"
#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// The lower Cholesky factor L of a symmetric positive definite matrix that grows by blocks of
/// rows and loses single rows. Rows are packed (groups of 8 rows of equal padded length), so
/// memory is touched only as far as the factor has grown; entries beyond the diagonal are zero.
/// Always in double precision: the factor is small, and its accuracy decides that of the codes.
class UpdatableCholesky {
 public:
  static constexpr Index kGroup = 8;       // rows of equal padded length
  static constexpr Index kMaxAppend = 16;  // rows per append

  /// Room for `capacity` rows (a multiple of 8 after rounding). Nothing is allocated afterwards.
  explicit UpdatableCholesky(Index capacity);

  Index size() const { return size_; }
  Index capacity() const { return capacity_; }
  void clear() { size_ = 0; }

  /// Appends up to `count` <= 16 rows. `cross` (size x 16, row-major: entry (i, q) at 16 i + q, is
  /// overwritten) holds the matrix entries between old rows and new ones, `corner` (16 x 16,
  /// overwritten) those among the new ones, of which the entries left of the diagonal do not
  /// matter; both are zero beyond `count`, up to 8 if there are no more than 8 rows, else up to 16.
  /// A row whose pivot is not above `tolerance` times its diagonal entry depends on the others:
  /// accepted[q] becomes false and the row is left out. Returns the number of rows appended.
  Index append(Index count, double* cross, double* corner, double tolerance, bool* accepted);

  /// The factor whose row i has the entries `entry(i, j)`, j <= i, of no more rows than there is
  /// room for.
  template <typename Entry>
  void assign(Index size, const Entry& entry) {
    size_ = size;
    for (Index i = 0; i < round_up(size, kGroup); ++i) {
      double* out = row(i);
      for (Index j = 0; j <= i && i < size; ++j) out[j] = entry(i, j);
      if (i < size) std::fill(out + i + 1, out + round_up(i + 1, kGroup), 0.0);
      inverse_diagonal_[i] = i < size ? 1.0 / out[i] : 0.0;
    }
  }

  /// Removes row and column `position` by Givens rotations; `rhs` (size), if not null, is rotated
  /// along: a vector y with L y = r becomes the y of the system without that row.
  void remove(Index position, double* rhs);

  /// x <- L^-1 x. x is padded to a multiple of 8 and its padding must be zero.
  void solve_lower(double* x) const;
  /// x <- L^-T x, same padding.
  void solve_upper(double* x) const;
  /// Rounds x (size) to precision T so that L'(rounded - x) stays small, see `nearest_plane.hpp`;
  /// `work` has as many entries.
  template <typename T>
  void round_to(double* x, double* work) const {
    round_to_nearest_plane<T>(size_, [this](Index i) { return row(i); }, x, work);
  }
  /// out <- L' x; out has padded length, may not alias x.
  void multiply_transposed(const double* x, double* out) const;

 private:
  static Index offset(Index row) {
    const Index group = row / kGroup;
    return kGroup * kGroup * (group * (group + 1) / 2) + (row % kGroup) * kGroup * (group + 1);
  }
  template <Index Width>
  Index append_rows(Index count, double* cross, double* corner, double tolerance, bool* accepted);
  double* row(Index i) { return rows_ + offset(i); }
  const double* row(Index i) const { return rows_ + offset(i); }

  Index capacity_;
  Index size_ = 0;
  AlignedBuffer<double> memory_;  // of what follows
  double *cosines_, *sines_, *inverse_diagonal_, *rows_;
};

}  // namespace sparsetransfer
