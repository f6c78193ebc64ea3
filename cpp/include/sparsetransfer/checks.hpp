#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Throws std::invalid_argument(message) unless `condition` holds.
inline void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

/// Throws std::invalid_argument naming the argument, what it got and what was expected.
inline void require_shape(const char* name, Index rows, Index cols, Index expected_rows,
                          Index expected_cols) {
  if (rows == expected_rows && cols == expected_cols) return;
  std::ostringstream message;
  message << name << " must have shape (" << expected_cols << ", " << expected_rows << "), got ("
          << cols << ", " << rows << ")";
  throw std::invalid_argument(message.str());
}

}  // namespace sparsetransfer
