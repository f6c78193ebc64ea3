#pragma once

#include <stdexcept>

namespace sparsetransfer {

/// How a solver ended. Bad luck is reported here; bad input throws std::invalid_argument.
enum class Status : int { converged = 0, max_iterations = 1, stopped = 2 };

/// A computation that broke down numerically (overflow, an indefinite matrix).
class NumericalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sparsetransfer
