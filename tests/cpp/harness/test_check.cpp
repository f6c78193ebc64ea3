#include <limits>

#include "check.hpp"

// A helper that compares must be able to fail.
TEST(is_near_fails_beyond_the_tolerance_and_on_nan) {
  CHECK(check::is_near(1.0, 1.25, 0.25));
  CHECK(!check::is_near(1.0, 1.25, 0.125));
  CHECK(!check::is_near(std::numeric_limits<double>::quiet_NaN(), 1.0, 1.0));
  CHECK(!check::is_near(1.0, std::numeric_limits<double>::quiet_NaN(), 1.0));
}

TEST(throws_with_wants_the_type_and_the_text) {
  const auto raise = [] { throw std::invalid_argument("alpha must be positive"); };
  CHECK(check::throws_with<std::invalid_argument>(raise, "alpha"));
  CHECK(!check::throws_with<std::invalid_argument>(raise, "beta"));
  CHECK(!check::throws_with<std::out_of_range>(raise, "alpha"));
  CHECK(!check::throws_with<std::invalid_argument>([] {}, ""));
}
