#pragma once

// Elementwise work on one tile of inner products, in registers: exponent, kernels, weights, sums.

#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "sparsetransfer/mmd/kernel_mmd.hpp"
#include "sparsetransfer/mmd/packet_exp.hpp"

namespace sparsetransfer::tiles {

template <typename T>
using PacketOf = typename Eigen::internal::packet_traits<T>::type;
template <typename T>
inline constexpr Index kPacket = Eigen::internal::unpacket_traits<PacketOf<T>>::size;

/// Rows of a tile are padded to a multiple of this, so that columns are whole packets.
inline constexpr Index kPadding = 16;
constexpr Index padded(Index count) { return (count + kPadding - 1) / kPadding * kPadding; }

/// Half a squared norm that puts a kernel to zero, or below rounding: for rows that only fill a
/// packet, and whose weights are zero.
template <typename T>
inline constexpr T kFar = T(1e30);

/// Of squared distances, in units of the sum of the two squared norms: rounding of a product of
/// equal columns and of their norms.
template <typename T>
inline constexpr T kNoise = T(16) * std::numeric_limits<T>::epsilon();

/// The mixture's chains in the working precision.
template <typename T>
struct Program {
  struct Step {
    int squarings;
    T share;
    T slope;  // share times rate
  };
  struct Chain {
    T rate;
    std::vector<Step> steps;
  };
  KernelFamily family;
  std::vector<Chain> chains;

  explicit Program(const KernelMixture& mixture) : family(mixture.family()) {
    for (const auto& chain : mixture.chains()) {
      chains.push_back({static_cast<T>(chain.rate), {}});
      for (const auto& step : chain.steps)
        chains.back().steps.push_back(
            {step.squarings, static_cast<T>(step.share), static_cast<T>(step.share * step.rate)});
    }
  }

  /// From products of samples and half their squared norms: kernels += mean of the kernels;
  /// slopes += sum of their derivatives by -|x-y|^2 / 2.
  template <KernelFamily family>
  void add(const PacketOf<T>& products, const PacketOf<T>& row_half_norms,
           const PacketOf<T>& half_norm, PacketOf<T>& kernels, PacketOf<T>& slopes) const {
    using namespace Eigen::internal;
    using Packet = PacketOf<T>;
    // Rounding must not make a squared distance negative.
    const Packet exponent =
        pmin(pset1<Packet>(T(0)), psub(psub(products, row_half_norms), half_norm));
    if constexpr (family == KernelFamily::gaussian) {
      for (const Chain& chain : chains) {
        Packet value = exp_of_nonpositive<Packet>(pmul(exponent, pset1<Packet>(chain.rate)));
        for (const Step& step : chain.steps) {
          for (int s = 0; s < step.squarings; ++s) value = pmul(value, value);
          kernels = pmadd(value, pset1<Packet>(step.share), kernels);
          slopes = pmadd(value, pset1<Packet>(step.slope), slopes);
        }
      }
    } else {
      const Packet squared = pmul(exponent, pset1<Packet>(T(-2)));
      // Between equal samples the kernel has no derivative; zero is that of a mean of both sides.
      const Packet noise = pmul(pset1<Packet>(kNoise<T>), padd(row_half_norms, half_norm));
      const Packet apart = pcmp_lt(noise, squared);
      const Packet distance = psqrt(pand(squared, apart));
      for (const Chain& chain : chains) {
        const Packet rate = pset1<Packet>(chain.rate);
        const Packet share = pset1<Packet>(chain.steps.front().share);  // of its only kernel
        if constexpr (family == KernelFamily::laplace) {
          const Packet root = pset1<Packet>(std::sqrt(chain.rate));
          const Packet value = exp_of_nonpositive<Packet>(pnegate(pmul(distance, root)));
          kernels = pmadd(value, share, kernels);
          const Packet slope =
              pdiv(pmul(pmul(value, share), root), pselect(apart, distance, pset1<Packet>(T(1))));
          slopes = padd(slopes, pand(slope, apart));
        } else {
          const Packet one = pset1<Packet>(T(1));
          const Packet value = pdiv(one, psqrt(pmadd(squared, rate, one)));
          const Packet shared = pmul(value, share);
          kernels = padd(kernels, shared);
          slopes = pmadd(pmul(value, value), pmul(shared, rate), slopes);
        }
      }
    }
  }
};

/// Calls work(std::integral_constant<KernelFamily, family>), so that tiles are compiled for each.
template <typename Work>
decltype(auto) for_family(KernelFamily family, const Work& work) {
  using enum KernelFamily;
  switch (family) {
    case laplace:
      return work(std::integral_constant<KernelFamily, laplace>());
    case inverse_multiquadric:
      return work(std::integral_constant<KernelFamily, inverse_multiquadric>());
    case gaussian:
      break;
  }
  return work(std::integral_constant<KernelFamily, gaussian>());
}

/// The half norms and weights that go with the rows and columns of a tile. Row arrays are padded
/// (half norms by kFar, weights by zero) and aligned to nothing.
template <typename T>
struct TileVectors {
  const T* row_half_norms;
  const T* column_half_norms;
  const T* row_weights;
  const T* column_weights;
};

/// Turns products (padded rows x columns) into L = row weight * column weight * slope and adds
/// its row sums to `row_sums` (padded) and its column sums to `column_sums`. Returns the weighted
/// sum of kernels. If `pair_weights` is not null, it holds the weights (padded rows x columns).
template <KernelFamily family, typename T>
double weigh_tile(const Program<T>& program, const TileVectors<T>& vectors, const T* pair_weights,
                  Index rows, Index columns, T* products, T* row_sums, T* column_sums) {
  using namespace Eigen::internal;
  using Packet = PacketOf<T>;
  const Packet zero = pset1<Packet>(T(0));
  double total = 0;
  for (Index j = 0; j < columns; ++j) {
    T* column = products + j * rows;
    const T* pairs = pair_weights ? pair_weights + j * rows : nullptr;
    const Packet half_norm = pset1<Packet>(vectors.column_half_norms[j]);
    const Packet weight = pset1<Packet>(pairs ? T(1) : vectors.column_weights[j]);
    Packet value_sum = zero;
    Packet slope_sum = zero;
    for (Index i = 0; i < rows; i += kPacket<T>) {
      Packet kernels = zero;
      Packet slopes = zero;
      program.template add<family>(ploadu<Packet>(column + i),
                                   ploadu<Packet>(vectors.row_half_norms + i), half_norm, kernels,
                                   slopes);
      const Packet pair = pmul(weight, ploadu<Packet>(pairs ? pairs + i : vectors.row_weights + i));
      value_sum = pmadd(kernels, pair, value_sum);
      const Packet weighted = pmul(slopes, pair);
      pstoreu(column + i, weighted);
      slope_sum = padd(slope_sum, weighted);
      pstoreu(row_sums + i, padd(ploadu<Packet>(row_sums + i), weighted));
    }
    total += static_cast<double>(predux(value_sum));
    column_sums[j] += predux(slope_sum);
  }
  return total;
}

/// Turns products (padded rows x columns) into kernels.
template <KernelFamily family, typename T>
void kernel_tile(const Program<T>& program, const T* row_half_norms, const T* column_half_norms,
                 Index rows, Index columns, T* products) {
  using namespace Eigen::internal;
  using Packet = PacketOf<T>;
  const Packet zero = pset1<Packet>(T(0));
  for (Index j = 0; j < columns; ++j) {
    T* column = products + j * rows;
    const Packet half_norm = pset1<Packet>(column_half_norms[j]);
    for (Index i = 0; i < rows; i += kPacket<T>) {
      Packet kernels = zero;
      Packet slopes = zero;
      program.template add<family>(ploadu<Packet>(column + i), ploadu<Packet>(row_half_norms + i),
                                   half_norm, kernels, slopes);
      pstoreu(column + i, kernels);
    }
  }
}

}  // namespace sparsetransfer::tiles
