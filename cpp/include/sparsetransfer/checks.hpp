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

/// The shape of a dictionary or Gram matrix, as a NumPy user sees it: kernels divide by its sizes.
inline void require_not_empty(const char* name, Index rows, Index cols) {
  if (rows > 0 && cols > 0) return;
  std::ostringstream message;
  message << name << " must not be empty, got shape (" << cols << ", " << rows << ")";
  throw std::invalid_argument(message.str());
}

/// The row starts of a compressed sparse matrix: from 0 to the number of entries without falling,
/// so that every entry they point to exists, and every column index within the `columns`.
template <typename Starts, typename Columns>
void require_sparse_rows(const char* name, const Starts& starts, const Columns& indices,
                         Index entries, Index columns) {
  const std::string prefix = std::string(name) + ": ";
  require(starts.size() >= 1 && starts[0] == 0, prefix + "the row starts must begin with 0");
  for (Index row = 0; row + 1 < starts.size(); ++row)
    require(starts[row] <= starts[row + 1], prefix + "the row starts must not fall");
  require(starts[starts.size() - 1] == entries && indices.size() == entries,
          prefix + "the last row start, the indices and the values must agree in number");
  for (Index entry = 0; entry < entries; ++entry)
    require(indices[entry] >= 0 && indices[entry] < columns,
            prefix + "the column indices must lie in [0, n_samples)");
}

}  // namespace sparsetransfer
