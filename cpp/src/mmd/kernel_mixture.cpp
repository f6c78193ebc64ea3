#include <algorithm>
#include <cmath>

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

KernelMixture::KernelMixture(const std::vector<double>& bandwidths, KernelFamily family)
    : family_(family), size_(bandwidths.size()) {
  require(!bandwidths.empty(), "at least one bandwidth is needed");
  for (const double bandwidth : bandwidths)
    require(bandwidth > 0 && std::isfinite(bandwidth), "bandwidths must be positive and finite");
  const double widest = *std::max_element(bandwidths.begin(), bandwidths.end());
  scale_ = 1 / widest;
  std::vector<double> rates;
  for (const double bandwidth : bandwidths)
    rates.push_back((widest / bandwidth) * (widest / bandwidth));
  std::sort(rates.begin(), rates.end());
  for (const double rate : rates) {
    const auto chain = std::find_if(chains_.begin(), chains_.end(), [&](const Chain& existing) {
      return family == KernelFamily::gaussian && power_of_two(rate, existing.rate) >= 0;
    });
    if (chain == chains_.end()) {
      chains_.push_back({rate, {{0, rate}}});
    } else {
      const int squarings = power_of_two(rate, chain->steps.back().rate);
      chain->steps.push_back({squarings, rate});
    }
  }
}

}  // namespace sparsetransfer
