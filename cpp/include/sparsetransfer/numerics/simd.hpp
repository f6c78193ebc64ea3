#pragma once

#include <Eigen/Core>
#include <memory>
#include <new>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// One SIMD register of T at the level this file is compiled for. Kernels whose accumulators must
/// stay in registers are written with it; everything else uses Eigen.
template <typename T>
struct Simd {
  using Packet = typename Eigen::internal::packet_traits<T>::type;
  static constexpr Index width = Eigen::internal::unpacket_traits<Packet>::size;

  static Packet zero() { return Eigen::internal::pset1<Packet>(T(0)); }
  static Packet broadcast(T value) { return Eigen::internal::pset1<Packet>(value); }
  static Packet load(const T* from) { return Eigen::internal::ploadu<Packet>(from); }
  static void store(T* to, const Packet& value) { Eigen::internal::pstoreu<T>(to, value); }
  /// a * b + c
  static Packet multiply_add(const Packet& a, const Packet& b, const Packet& c) {
    return Eigen::internal::pmadd(a, b, c);
  }
  /// c - a * b
  static Packet subtract_product(const Packet& a, const Packet& b, const Packet& c) {
    return Eigen::internal::pmadd(Eigen::internal::pnegate(a), b, c);
  }
  static Packet add(const Packet& a, const Packet& b) { return Eigen::internal::padd(a, b); }
  static Packet subtract(const Packet& a, const Packet& b) { return Eigen::internal::psub(a, b); }
  static Packet multiply(const Packet& a, const Packet& b) { return Eigen::internal::pmul(a, b); }
  static Packet divide(const Packet& a, const Packet& b) { return Eigen::internal::pdiv(a, b); }
  static Packet sqrt(const Packet& a) { return Eigen::internal::psqrt(a); }
  static Packet abs(const Packet& a) { return Eigen::internal::pabs(a); }
  /// a < b and a <= b: masks for `select`, false where an operand is NaN.
  static Packet less(const Packet& a, const Packet& b) { return Eigen::internal::pcmp_lt(a, b); }
  static Packet not_more(const Packet& a, const Packet& b) {
    return Eigen::internal::pcmp_le(a, b);
  }
  static Packet select(const Packet& mask, const Packet& yes, const Packet& no) {
    return Eigen::internal::pselect(mask, yes, no);
  }
  /// `value` where the mask holds, zero elsewhere.
  static Packet where(const Packet& mask, const Packet& value) {
    return Eigen::internal::pand(mask, value);
  }
  static Packet max(const Packet& a, const Packet& b) { return Eigen::internal::pmax(a, b); }
  static Packet min(const Packet& a, const Packet& b) { return Eigen::internal::pmin(a, b); }
  static T max(const Packet& a) { return Eigen::internal::predux_max(a); }
  static T sum(const Packet& a) { return Eigen::internal::predux(a); }
};

/// Bit p tells whether values[p] >= limit, for one packet of values.
template <typename T>
unsigned bits_not_below(const T* values, T limit) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(values), _mm512_set1_ps(limit), _CMP_GE_OQ);
  else
    return _mm512_cmp_pd_mask(_mm512_loadu_pd(values), _mm512_set1_pd(limit), _CMP_GE_OQ);
#else
  unsigned bits = 0;
  for (Index p = 0; p < Simd<T>::width; ++p) bits |= unsigned(values[p] >= limit) << p;
  return bits;
#endif
}

constexpr std::size_t kCacheLine = 64;

constexpr Index round_up(Index value, Index multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Uninitialised memory on a cache line boundary: pages are touched only when used, so a
/// generous capacity costs address space, not memory.
template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(Index size)
      : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T),
                                             std::align_val_t{kCacheLine}))) {}
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(T* data) const { ::operator delete(data, std::align_val_t{kCacheLine}); }
  };
  std::unique_ptr<T, Free> data_;
};

}  // namespace sparsetransfer
