// Products and solves with the factor. The compiler may not vectorise this file (see
// CMakeLists.txt): what is worth a packet is written with one, and packets of its own would break
// up the chains of scalars that triangles of eight rows are solved by.

#include <algorithm>

#include "sparsetransfer/numerics/cholesky.hpp"

namespace sparsetransfer {
namespace {

using V = Simd<double>;
constexpr Index kGroup = UpdatableCholesky::kGroup;

/// z(0 : length) += sum_r factors[r] * rows[r](0 : length), 8 rows, length a multiple of 8.
void add_rows(const double* const* rows, const double* factors, Index length, double* z) {
  typename V::Packet f[kGroup];
  for (Index r = 0; r < kGroup; ++r) f[r] = V::broadcast(factors[r]);
  for (Index i = 0; i < length; i += V::width) {
    auto even = V::load(z + i);
    auto odd = V::zero();
    for (Index r = 0; r < kGroup; r += 2) {
      even = V::multiply_add(f[r], V::load(rows[r] + i), even);
      odd = V::multiply_add(f[r + 1], V::load(rows[r + 1] + i), odd);
    }
    V::store(z + i, V::add(even, odd));
  }
}

/// The triangle that a group of rows has on the diagonal, its rows or its columns times the inverse
/// of its diagonal, so that a substitution is one chain of multiply-adds, kept in registers.
/// Missing rows of the last group have an inverse of zero.
struct Corner {
  double entries[kGroup][kGroup];
  double inverse[kGroup];
};

template <bool ByRows>
void load_corner(const double* const* rows, const double* inverse_diagonal, Index begin,
                 Index count, Corner& corner) {
  for (Index r = 0; r < kGroup; ++r)
    corner.inverse[r] = r < count ? inverse_diagonal[begin + r] : 0.0;
  for (Index l = 0; l < kGroup; l += V::width) {
    const auto inverse = V::load(inverse_diagonal + begin + l);
    for (Index r = 0; r < kGroup; ++r)
      V::store(corner.entries[r] + l,
               V::multiply_add(V::load(rows[r] + begin + l),
                               ByRows ? V::broadcast(corner.inverse[r]) : inverse, V::zero()));
  }
}

}  // namespace

void UpdatableCholesky::solve_lower(double* x) const {
  for (Index begin = 0; begin < size_; begin += kGroup) {
    const Index count = std::min(kGroup, size_ - begin);
    const double* rows[kGroup];
    typename V::Packet sums[kGroup];
    for (Index r = 0; r < kGroup; ++r) {
      rows[r] = row(begin + std::min(r, count - 1));
      sums[r] = V::zero();
    }
    for (Index l = 0; l < begin; l += V::width) {
      const auto known = V::load(x + l);
      for (Index r = 0; r < kGroup; ++r)
        sums[r] = V::multiply_add(V::load(rows[r] + l), known, sums[r]);
    }
    Corner corner;
    load_corner<false>(rows, inverse_diagonal_, begin, count, corner);
    double values[kGroup];
    for (Index r = 0; r < kGroup; ++r) values[r] = x[begin + r] - V::sum(sums[r]);
    for (Index l = 0; l < kGroup; ++l)
      for (Index r = l + 1; r < kGroup; ++r) values[r] -= corner.entries[r][l] * values[l];
    for (Index r = 0; r < kGroup; ++r) x[begin + r] = values[r] * corner.inverse[r];
  }
}

void UpdatableCholesky::solve_upper(double* x) const {
  for (Index begin = (size_ - 1) / kGroup * kGroup; begin >= 0 && size_ > 0; begin -= kGroup) {
    const Index count = std::min(kGroup, size_ - begin);
    const double* rows[kGroup];
    for (Index r = 0; r < kGroup; ++r) rows[r] = row(begin + std::min(r, count - 1));
    Corner corner;
    load_corner<true>(rows, inverse_diagonal_, begin, count, corner);
    double values[kGroup];
    for (Index r = 0; r < kGroup; ++r) values[r] = x[begin + r];
    for (Index r = kGroup - 1; r > 0; --r)
      for (Index l = 0; l < r; ++l) values[l] -= corner.entries[r][l] * values[r];
    double factors[kGroup];
    for (Index r = 0; r < kGroup; ++r) {
      x[begin + r] = values[r] * corner.inverse[r];
      factors[r] = -x[begin + r];
    }
    add_rows(rows, factors, begin, x);
  }
}

void UpdatableCholesky::multiply_transposed(const double* x, double* out) const {
  std::fill(out, out + round_up(size_, kGroup), 0.0);
  for (Index begin = 0; begin < size_; begin += kGroup) {
    const Index count = std::min(kGroup, size_ - begin);
    const double* rows[kGroup];
    double factors[kGroup] = {};
    for (Index r = 0; r < kGroup; ++r) {
      rows[r] = row(begin + std::min(r, count - 1));
      if (r < count) factors[r] = x[begin + r];
    }
    add_rows(rows, factors, begin + kGroup, out);
  }
}

}  // namespace sparsetransfer
