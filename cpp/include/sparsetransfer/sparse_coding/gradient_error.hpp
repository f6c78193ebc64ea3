#pragma once

#include <limits>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// What bounds the error of a gradient c = D'r - sum_i v_i D'd_i in precision T, in which r is a
/// vector and v_i are changes of coefficients, the terms added one by one (`refresh_panel`).
struct GradientError {
  double size = 0.0;     ///< |r|
  double base = 0.0;     ///< what an entry of the product D'r may be off by, over |d_j|
  double changed = 0.0;  ///< sum_i |v_i|
  Index changes = 0;     ///< their number

  /// A bound of |c_j - d_j's| / |d_j| for every j, where s is the residual r - sum_i v_i d_i of
  /// coefficients that have since moved by `moved` in sum. No atom is longer than `norm`, and
  /// `rounding` is that of the products d_j'd_i, see `PanelDictionary::rounding`. A sum of n + 1
  /// terms is off by n roundings of at most all terms, and so is every v_i by one. Infinite where
  /// a partial sum might overflow.
  template <typename T>
  double bound(double norm, double rounding, double moved) const {
    constexpr auto unit = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
    const double added = norm * changed;
    const double terms = (1.0 + rounding) * (size + base + added);
    if (!(norm * terms < 0.25 * static_cast<double>(std::numeric_limits<T>::max())))
      return std::numeric_limits<double>::infinity();
    const double roundings = static_cast<double>(changes) * unit;
    if (roundings > 0.01) return std::numeric_limits<double>::infinity();
    return base + 1.02 * roundings * terms + (rounding + 1.02 * unit) * added + norm * moved;
  }
};

}  // namespace sparsetransfer
