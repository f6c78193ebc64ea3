#include <algorithm>
#include <cmath>
#include <utility>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/mmd/kernel_mmd.hpp"

namespace sparsetransfer {
namespace {

// A square doubles the relative error: beyond this many a new exponential is better.
constexpr int kMostSquarings = 6;

/// p if rate = 2^p times base up to rounding, for 0 <= p <= kMostSquarings; otherwise -1.
int power_of_two(double rate, double base) {
  const double exponent = std::log2(rate / base);
  const double nearest = std::round(exponent);
  const bool matches = nearest >= 0 && nearest <= kMostSquarings &&
                       std::abs(rate - std::ldexp(base, static_cast<int>(nearest))) <= 1e-14 * rate;
  return matches ? static_cast<int>(nearest) : -1;
}

}  // namespace

KernelMixture::KernelMixture(const std::vector<double>& bandwidths, KernelFamily family,
                             const std::vector<double>& weights)
    : family_(family) {
  require(!bandwidths.empty(), "at least one bandwidth is needed");
  for (const double bandwidth : bandwidths)
    require(bandwidth > 0 && std::isfinite(bandwidth), "bandwidths must be positive and finite");
  require(weights.empty() || weights.size() == bandwidths.size(),
          "there must be as many kernel weights as bandwidths");
  double total = 0;
  for (const double weight : weights) {
    require(weight >= 0 && std::isfinite(weight), "kernel weights must be finite, not negative");
    total += weight;
  }
  require(weights.empty() || (total > 0 && std::isfinite(total)),
          "kernel weights must have a positive, finite sum");
  const double widest = *std::max_element(bandwidths.begin(), bandwidths.end());
  scale_ = 1 / widest;
  std::vector<std::pair<double, double>> kernels;  // rate and share
  for (std::size_t k = 0; k < bandwidths.size(); ++k) {
    const double ratio = widest / bandwidths[k];
    const double share =
        weights.empty() ? 1 / static_cast<double>(bandwidths.size()) : weights[k] / total;
    kernels.emplace_back(ratio * ratio, share);
  }
  std::sort(kernels.begin(), kernels.end());
  for (const auto& [rate, share] : kernels) {
    const auto chain =
        std::find_if(chains_.begin(), chains_.end(), [&, rate = rate](const Chain& existing) {
          return family == KernelFamily::gaussian && power_of_two(rate, existing.rate) >= 0;
        });
    if (chain == chains_.end()) {
      chains_.push_back({rate, {{0, rate, share}}});
    } else {
      const int squarings = power_of_two(rate, chain->steps.back().rate);
      chain->steps.push_back({squarings, rate, share});
    }
  }
}

}  // namespace sparsetransfer
