#pragma once

#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// A test program in one page: TEST(name) registers a case, CHECK records a failure and goes on,
/// REQUIRE ends the case.
namespace check {

/// Deterministic numbers in (-1, 1) without a generator's state. The sine alone would fill matrices
/// of rank 2.
inline double noise(std::ptrdiff_t i) {
  const double large = 43758.5453 * std::sin(12.9898 * static_cast<double>(i + 1) + 4.0);
  return 2 * (large - std::floor(large)) - 1;
}

struct Case {
  const char* name;
  std::function<void()> body;
};

std::vector<Case>& cases();
void report_failure(const char* file, int line, const std::string& what);

/// Ends a case; the failure itself is already reported.
struct Abandon {};

struct Registration {
  Registration(const char* name, std::function<void()> body) {
    cases().push_back({name, std::move(body)});
  }
};

/// Fails unless |actual - expected| <= tolerance. A NaN on either side fails.
inline bool is_near(double actual, double expected, double tolerance) {
  return std::abs(actual - expected) <= tolerance;
}

/// Whether `call` throws exactly an `Error` (or one derived from it) whose what() holds `part`.
template <typename Error>
bool throws_with(const std::function<void()>& call, const std::string& part) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(error.what()).find(part) != std::string::npos;
  } catch (...) {
    return false;
  }
  return false;
}

}  // namespace check

#define CHECK_NAME_(prefix, line) prefix##line
#define CHECK_NAME(prefix, line) CHECK_NAME_(prefix, line)

#define TEST(name)                                                                   \
  static void name();                                                                \
  static const check::Registration CHECK_NAME(registration_, __LINE__)(#name, name); \
  static void name()

#define CHECK(condition) \
  if (!(condition)) check::report_failure(__FILE__, __LINE__, #condition)

#define REQUIRE(condition)                                 \
  if (!(condition)) {                                      \
    check::report_failure(__FILE__, __LINE__, #condition); \
    throw check::Abandon();                                \
  }

#define CHECK_NEAR(actual, expected, tolerance)                                                \
  if (!check::is_near(actual, expected, tolerance)) {                                          \
    std::ostringstream what;                                                                   \
    what.precision(17);                                                                        \
    what << #actual " = " << (actual) << ", expected " << (expected) << " +- " << (tolerance); \
    check::report_failure(__FILE__, __LINE__, what.str());                                     \
  }

#define CHECK_THROWS(Error, part, ...)                        \
  if (!check::throws_with<Error>([&] { __VA_ARGS__; }, part)) \
  check::report_failure(__FILE__, __LINE__, #__VA_ARGS__ " throws " #Error " with " #part)
