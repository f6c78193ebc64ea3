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
    V::store(z + i, V::multiply_add(V::broadcast(1.0), odd, even));
  }
}

}  // namespace

UpdatableCholesky::UpdatableCholesky(Index capacity)
    : capacity_(round_up(std::max<Index>(capacity, 1), kGroup)),
      rows_(offset(capacity_)),
      cosines_(capacity_),
      sines_(capacity_),
      inverse_diagonal_(capacity_) {}

Index UpdatableCholesky::append(Index count, double* cross, double* corner, double tolerance,
                                bool* accepted) {
  const auto row_of = [this](Index i) { return static_cast<const double*>(row(i)); };
  if (count <= kGroup) {
    forward_block<kGroup>(size_, inverse_diagonal_.data(), cross, row_of);
  } else {
    forward_block<kRhs>(size_, inverse_diagonal_.data(), cross, row_of);
  }
  double diagonal[kRhs];
  for (Index q = 0; q < count; ++q) diagonal[q] = corner[q * kRhs + q];
  if (count <= kGroup) {
    subtract_inner_products<kGroup>(size_, cross, corner);
  } else {
    subtract_inner_products<kRhs>(size_, cross, corner);
  }
  // The factor of the corner, row by row, skipping dependent rows; kept[i] is its i-th row's q.
  const Index old = size_;
  Index kept[kRhs];
  for (Index q = 0; q < count; ++q) {
    double small[kRhs];
    const Index added = size_ - old;
    double pivot = corner[q * kRhs + q];
    for (Index i = 0; i < added; ++i) {
      double value = corner[q * kRhs + kept[i]];
      const double* above = row(old + i) + old;
      for (Index l = 0; l < i; ++l) value -= small[l] * above[l];
      small[i] = value * inverse_diagonal_.data()[old + i];
      pivot -= small[i] * small[i];
    }
    accepted[q] = size_ < capacity_ && pivot > tolerance * diagonal[q];
    if (!accepted[q]) continue;
    double* out = row(size_);
    for (Index i = 0; i < old; ++i) out[i] = cross[i * kRhs + q];
    std::copy(small, small + added, out + old);
    out[size_] = std::sqrt(pivot);
    inverse_diagonal_.data()[size_] = 1.0 / out[size_];
    std::fill(out + size_ + 1, out + round_up(size_ + 1, kGroup), 0.0);
    kept[added] = q;
    ++size_;
  }
  return size_ - old;
}

void UpdatableCholesky::remove(Index position, double* rhs) {
  double* cosines = cosines_.data();
  double* sines = sines_.data();
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
      inverse_diagonal_.data()[r] = inverse;
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
    for (Index r = 0; r < count; ++r) {
      double value = x[begin + r] - V::sum(sums[r]);
      for (Index l = 0; l < r; ++l) value -= rows[r][begin + l] * x[begin + l];
      x[begin + r] = value * inverse_diagonal_.data()[begin + r];
    }
  }
}

void UpdatableCholesky::solve_upper(double* x) const {
  for (Index begin = (size_ - 1) / kGroup * kGroup; begin >= 0 && size_ > 0; begin -= kGroup) {
    const Index count = std::min(kGroup, size_ - begin);
    const double* rows[kGroup];
    double factors[kGroup] = {};
    for (Index r = 0; r < kGroup; ++r) rows[r] = row(begin + std::min(r, count - 1));
    for (Index r = count - 1; r >= 0; --r) {
      const double value = x[begin + r] * inverse_diagonal_.data()[begin + r];
      x[begin + r] = value;
      factors[r] = -value;
      for (Index l = 0; l < r; ++l) x[begin + l] -= rows[r][begin + l] * value;
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
