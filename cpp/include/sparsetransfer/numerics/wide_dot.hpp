#pragma once

#include <algorithm>

#include "sparsetransfer/numerics/simd.hpp"

namespace sparsetransfer {

/// A packet of entries in double precision: the first `count` of `from`, and zeros.
template <typename T>
Simd<double>::Packet widen(const T* from, Index count = Simd<double>::width) {
  using V = Simd<double>;
#ifdef __AVX512VL__
  const auto mask = static_cast<__mmask8>((1u << count) - 1);
  if constexpr (sizeof(T) == 4)
    return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, from));
  else
    return _mm512_maskz_loadu_pd(mask, from);
#else
  double values[V::width] = {};
  for (Index i = 0; i < count; ++i) values[i] = static_cast<double>(from[i]);
  return V::load(values);
#endif
}

/// out[q] = sum_i a[q][i] b[i] in double precision, of vectors in any precision and one in double.
/// The order of the sums is fixed: it does not depend on where the vectors lie in memory, nor on
/// each other.
template <Index number, typename T>
void wide_dots(const T* const* a, const double* b, Index size, double* out) {
  using V = Simd<double>;
  constexpr Index chains = 2;
  V::Packet sums[number][chains];
  for (auto& sum : sums) sum[0] = sum[1] = V::zero();
  const auto add = [&](Index chain, Index begin, Index count) {
    const auto values = widen(b + begin, count);
    for (Index q = 0; q < number; ++q)
      sums[q][chain] = V::multiply_add(widen(a[q] + begin, count), values, sums[q][chain]);
  };
  Index begin = 0;
  for (; begin + chains * V::width <= size; begin += chains * V::width)
    for (Index chain = 0; chain < chains; ++chain) add(chain, begin + chain * V::width, V::width);
  for (Index chain = 0; begin < size; begin += V::width, ++chain)
    add(chain, begin, std::min(V::width, size - begin));
  for (Index q = 0; q < number; ++q) out[q] = V::sum(V::add(sums[q][0], sums[q][1]));
}

/// sum_i a_i b_i, as one of `wide_dots`.
template <typename T>
double wide_dot(const T* a, const double* b, Index size) {
  double sum;
  wide_dots<1>(&a, b, size, &sum);
  return sum;
}

}  // namespace sparsetransfer
