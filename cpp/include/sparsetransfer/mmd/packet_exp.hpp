#pragma once

#include <Eigen/Core>

namespace sparsetransfer::tiles {

/// exp of a packet of numbers that are not positive, to about one unit in the last place. Below
/// the range of the type it is zero or denormal.
template <typename Packet>
EIGEN_STRONG_INLINE Packet exp_of_nonpositive(const Packet& x) {
  return Eigen::internal::pexp(x);
}

#if defined(EIGEN_VECTORIZE_AVX512)

// AVX-512 scales by a power of two in one instruction, which saves the general version most of
// its work. x = n log 2 + r with |r| <= log(2)/2; the polynomials interpolate exp in the Chebyshev
// nodes of that interval, with relative error 2.5e-9 and 4.3e-18.
template <>
EIGEN_STRONG_INLINE Eigen::internal::Packet16f exp_of_nonpositive(
    const Eigen::internal::Packet16f& x) {
  using Eigen::internal::pmadd;
  using Eigen::internal::pset1;
  using Packet = Eigen::internal::Packet16f;
  const Packet bounded = _mm512_max_ps(x, pset1<Packet>(-200.0f));
  const Packet n = _mm512_roundscale_ps(Eigen::internal::pmul(bounded, pset1<Packet>(1.44269504f)),
                                        _MM_FROUND_TO_NEAREST_INT);
  Packet r = _mm512_fnmadd_ps(n, pset1<Packet>(0.693115234375f), bounded);
  r = _mm512_fnmadd_ps(n, pset1<Packet>(3.1946184945309415e-05f), r);
  Packet p = pset1<Packet>(0.001394116075382547f);
  p = pmadd(p, r, pset1<Packet>(0.008375168288954201f));
  p = pmadd(p, r, pset1<Packet>(0.041666352268082525f));
  p = pmadd(p, r, pset1<Packet>(0.1666641501129006f));
  p = pmadd(p, r, pset1<Packet>(0.5000000047259399f));
  p = pmadd(p, r, pset1<Packet>(1.0f));
  p = pmadd(p, r, pset1<Packet>(1.0f));
  return _mm512_scalef_ps(p, n);
}

template <>
EIGEN_STRONG_INLINE Eigen::internal::Packet8d exp_of_nonpositive(
    const Eigen::internal::Packet8d& x) {
  using Eigen::internal::pmadd;
  using Eigen::internal::pset1;
  using Packet = Eigen::internal::Packet8d;
  const Packet bounded = _mm512_max_pd(x, pset1<Packet>(-1000.0));
  const Packet n = _mm512_roundscale_pd(
      Eigen::internal::pmul(bounded, pset1<Packet>(1.4426950408889634)), _MM_FROUND_TO_NEAREST_INT);
  Packet r = _mm512_fnmadd_pd(n, pset1<Packet>(0.6931471803691238), bounded);
  r = _mm512_fnmadd_pd(n, pset1<Packet>(1.9082149292705877e-10), r);
  Packet p = pset1<Packet>(2.5110095611886237e-08);
  p = pmadd(p, r, pset1<Packet>(2.7632715071632255e-07));
  p = pmadd(p, r, pset1<Packet>(2.7557240761739257e-06));
  p = pmadd(p, r, pset1<Packet>(2.4801485278370062e-05));
  p = pmadd(p, r, pset1<Packet>(0.00019841269890193705));
  p = pmadd(p, r, pset1<Packet>(0.0013888888952505406));
  p = pmadd(p, r, pset1<Packet>(0.008333333333319546));
  p = pmadd(p, r, pset1<Packet>(0.04166666666648738));
  p = pmadd(p, r, pset1<Packet>(0.1666666666666668));
  p = pmadd(p, r, pset1<Packet>(0.5000000000000019));
  p = pmadd(p, r, pset1<Packet>(1.0));
  p = pmadd(p, r, pset1<Packet>(1.0));
  return _mm512_scalef_pd(p, n);
}

#endif

}  // namespace sparsetransfer::tiles
