#include "sparsetransfer/numerics/cholesky.hpp"

#include <algorithm>
#include <cmath>

namespace sparsetransfer {
namespace {

using V = Simd<double>;
constexpr Index kGroup = UpdatableCholesky::kGroup;
constexpr Index kRhs = UpdatableCholesky::kMaxAppend;

/// Rows handled together so that Rows x (Width / packet) accumulators fit the registers.
template <Index Width>
constexpr Index rows_per_step() {
  constexpr Index packets = Width / V::width;
  return packets <= 2 ? 8 : packets <= 4 ? 4 : 2;
}

/// w <- rows (begin .. begin + Rows) of L^-1 w, given the rows above solved. w is row-major with
/// kRhs columns, of which the first Width are used.
template <Index Width, Index Rows>
void forward_rows(const double* const* rows, const double* inverse_diagonal, Index begin,
                  Index count, double* w) {
  constexpr Index packets = Width / V::width;
  typename V::Packet sums[Rows][packets];
  for (Index r = 0; r < Rows; ++r)
    for (Index p = 0; p < packets; ++p)
      sums[r][p] = r < count ? V::load(w + (begin + r) * kRhs + p * V::width) : V::zero();
  for (Index l = 0; l < begin; ++l) {
    typename V::Packet known[packets];
    for (Index p = 0; p < packets; ++p) known[p] = V::load(w + l * kRhs + p * V::width);
    for (Index r = 0; r < Rows; ++r) {
      const auto factor = V::broadcast(-rows[r][l]);
      for (Index p = 0; p < packets; ++p)
        sums[r][p] = V::multiply_add(factor, known[p], sums[r][p]);
    }
  }
  for (Index r = 0; r < count; ++r) {
    double* out = w + (begin + r) * kRhs;
    for (Index p = 0; p < packets; ++p) {
      for (Index l = 0; l < r; ++l)
        sums[r][p] = V::multiply_add(V::broadcast(-rows[r][begin + l]), sums[l][p], sums[r][p]);
      sums[r][p] =
          V::multiply_add(V::broadcast(inverse_diagonal[begin + r]), sums[r][p], V::zero());
      V::store(out + p * V::width, sums[r][p]);
    }
  }
}

template <Index Width, typename RowOf>
void forward_block(Index size, const double* inverse_diagonal, double* w, const RowOf& row) {
  constexpr Index step = rows_per_step<Width>();
  for (Index begin = 0; begin < size; begin += step) {
    const Index count = std::min(step, size - begin);
    const double* rows[step];
    for (Index r = 0; r < step; ++r) rows[r] = row(begin + std::min(r, count - 1));
    forward_rows<Width, step>(rows, inverse_diagonal, begin, count, w);
  }
}

/// out (Width x Width at stride kRhs) -= w' w over `size` rows of w.
template <Index Width>
void subtract_inner_products(Index size, const double* w, double* out) {
  constexpr Index packets = Width / V::width;
  constexpr Index step = rows_per_step<Width>();
  for (Index q = 0; q < Width; q += step) {
    typename V::Packet sums[step][packets];
    for (Index r = 0; r < step; ++r)
      for (Index p = 0; p < packets; ++p) sums[r][p] = V::load(out + (q + r) * kRhs + p * V::width);
    for (Index l = 0; l < size; ++l) {
      typename V::Packet known[packets];
      for (Index p = 0; p < packets; ++p) known[p] = V::load(w + l * kRhs + p * V::width);
      for (Index r = 0; r < step; ++r) {
        const auto factor = V::broadcast(-w[l * kRhs + q + r]);
        for (Index p = 0; p < packets; ++p)
          sums[r][p] = V::multiply_add(factor, known[p], sums[r][p]);
      }
    }
    for (Index r = 0; r < step; ++r)
      for (Index p = 0; p < packets; ++p) V::store(out + (q + r) * kRhs + p * V::width, sums[r][p]);
  }
}

/// Takes row q of a symmetric matrix (Width x Width at stride kRhs) out of the rows below, and
/// scales it to that of the factor; returns the inverse of its diagonal entry there. The rows below
/// wait for a division only, not for the root.
template <Index Width>
double eliminate(Index q, Index count, double* matrix) {
  constexpr Index packets = Width / V::width;
  double* row = matrix + q * kRhs;
  const double pivot = row[q];
  const auto inverse = V::broadcast(-1.0 / pivot);
  typename V::Packet entries[packets];
  double factors[Width];
  for (Index p = 0; p < packets; ++p) {
    entries[p] = V::load(row + p * V::width);
    V::store(factors + p * V::width, V::multiply_add(inverse, entries[p], V::zero()));
  }
  for (Index r = q + 1; r < count; ++r) {
    const auto factor = V::broadcast(factors[r]);
    for (Index p = 0; p < packets; ++p) {
      double* below = matrix + r * kRhs + p * V::width;
      V::store(below, V::multiply_add(factor, entries[p], V::load(below)));
    }
  }
  const double scale = 1.0 / std::sqrt(pivot);
  for (Index p = 0; p < packets; ++p)
    V::store(row + p * V::width, V::multiply_add(V::broadcast(scale), entries[p], V::zero()));
  return scale;
}

}  // namespace

UpdatableCholesky::UpdatableCholesky(Index capacity)
    : capacity_(round_up(std::max<Index>(capacity, 1), kGroup)),
      memory_(3 * capacity_ + offset(capacity_)),
      cosines_(memory_.data()),
      sines_(cosines_ + capacity_),
      inverse_diagonal_(sines_ + capacity_),
      rows_(inverse_diagonal_ + capacity_) {}

template <Index Width>
Index UpdatableCholesky::append_rows(Index count, double* cross, double* corner, double tolerance,
                                     bool* accepted) {
  double diagonal[Width];
  for (Index q = 0; q < count; ++q) diagonal[q] = corner[q * kRhs + q];
  if (size_ > 0) {
    forward_block<Width>(size_, inverse_diagonal_, cross,
                         [this](Index i) { return static_cast<const double*>(row(i)); });
    subtract_inner_products<Width>(size_, cross, corner);
  }
  // The corner turns into its factor row by row (of L'), dependent rows left as they are;
  // kept[i] is the i-th that is not.
  const Index old = size_;
  Index kept[Width];
  for (Index q = 0; q < count; ++q) {
    accepted[q] = size_ < capacity_ && corner[q * kRhs + q] > tolerance * diagonal[q];
    if (!accepted[q]) continue;
    const double inverse = eliminate<Width>(q, count, corner);
    const Index added = size_ - old;
    double* out = row(size_);
    for (Index i = 0; i < old; ++i) out[i] = cross[i * kRhs + q];
    for (Index i = 0; i < added; ++i) out[old + i] = corner[kept[i] * kRhs + q];
    out[size_] = corner[q * kRhs + q];
    std::fill(out + size_ + 1, out + round_up(size_ + 1, kGroup), 0.0);
    if (size_ % kGroup == 0)
      std::fill(inverse_diagonal_ + size_, inverse_diagonal_ + size_ + kGroup, 0.0);
    inverse_diagonal_[size_] = inverse;
    kept[added] = q;
    ++size_;
  }
  return size_ - old;
}

Index UpdatableCholesky::append(Index count, double* cross, double* corner, double tolerance,
                                bool* accepted) {
  return count <= kGroup ? append_rows<kGroup>(count, cross, corner, tolerance, accepted)
                         : append_rows<kRhs>(count, cross, corner, tolerance, accepted);
}

void UpdatableCholesky::remove(Index position, double* rhs) {
  double* cosines = cosines_;
  double* sines = sines_;
  const Index last = size_ - 1;
  // Row r + 1 moves to r. Rotation c mixes columns c and c + 1; those of earlier rows are known,
  // the one of column r follows from this row's own diagonal. Four rows at a time hide the
  // latency of the recurrence along a row.
  constexpr Index kRows = 4;
  for (Index begin = position; begin < last; begin += kRows) {
    const Index count = std::min(kRows, last - begin);
    const double* from[kRows];
    double* to[kRows];
    double carry[kRows];
    for (Index k = 0; k < kRows; ++k) {
      const Index r = begin + std::min(k, count - 1);
      from[k] = row(r + 1);
      to[k] = row(r);
    }
    for (Index k = 0; k < count; ++k) {
      // Row k reads what row k + 1 has not yet overwritten: rows are moved in ascending order.
      carry[k] = from[k][position];
      if (k == 0) std::copy(from[0], from[0] + position, to[0]);
    }
    if (count == kRows) {
      // to[k + 1] is from[k]: its head is copied here, in order.
      for (Index k = 1; k < kRows; ++k) std::copy(from[k], from[k] + position, to[k]);
      for (Index c = position; c < begin; ++c) {
        const double cosine = cosines[c];
        const double sine = sines[c];
        for (Index k = 0; k < kRows; ++k) {
          const double next = from[k][c + 1];
          to[k][c] = cosine * carry[k] + sine * next;
          carry[k] = cosine * next - sine * carry[k];
        }
      }
    }
    for (Index k = 0; k < count; ++k) {
      const Index r = begin + k;
      Index c = begin;
      if (count != kRows) {
        if (k > 0) std::copy(from[k], from[k] + position, to[k]);
        c = position;
      }
      for (; c < r; ++c) {
        const double next = from[k][c + 1];
        to[k][c] = cosines[c] * carry[k] + sines[c] * next;
        carry[k] = cosines[c] * next - sines[c] * carry[k];
      }
      const double diagonal = from[k][r + 1];
      const double length = std::sqrt(carry[k] * carry[k] + diagonal * diagonal);
      const double inverse = 1.0 / length;
      cosines[r] = carry[k] * inverse;
      sines[r] = diagonal * inverse;
      to[k][r] = length;
      inverse_diagonal_[r] = inverse;
      std::fill(to[k] + r + 1, to[k] + round_up(r + 1, kGroup), 0.0);
    }
  }
  if (rhs) {
    double carry = rhs[position];
    for (Index r = position; r < last; ++r) {
      const double next = rhs[r + 1];
      rhs[r] = cosines[r] * carry + sines[r] * next;
      carry = cosines[r] * next - sines[r] * carry;
    }
    rhs[last] = 0.0;
  }
  size_ = last;
}

}  // namespace sparsetransfer
