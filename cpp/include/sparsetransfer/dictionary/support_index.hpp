#pragma once

#include <vector>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Which signals use which atom, in the order of the signals.
class SupportIndex {
 public:
  /// codes (atoms x samples).
  template <typename T>
  explicit SupportIndex(const ConstMatrixRef<T>& codes)
      : begin_(static_cast<std::size_t>(codes.rows()) + 1, 0) {
    for (Index i = 0; i < codes.cols(); ++i) {
      for (Index j = 0; j < codes.rows(); ++j) {
        if (codes(j, i) != T(0)) ++begin_[static_cast<std::size_t>(j) + 1];
      }
    }
    for (std::size_t j = 1; j < begin_.size(); ++j) begin_[j] += begin_[j - 1];
    signal_.resize(static_cast<std::size_t>(begin_.back()));
    std::vector<Index> next(begin_.begin(), begin_.end() - 1);
    for (Index i = 0; i < codes.cols(); ++i) {
      for (Index j = 0; j < codes.rows(); ++j) {
        if (codes(j, i) == T(0)) continue;
        signal_[static_cast<std::size_t>(next[static_cast<std::size_t>(j)]++)] = i;
      }
    }
  }
  Index count(Index atom) const {
    return begin_[static_cast<std::size_t>(atom) + 1] - begin_[static_cast<std::size_t>(atom)];
  }
  Index signal(Index atom, Index user) const {
    return signal_[static_cast<std::size_t>(begin_[static_cast<std::size_t>(atom)] + user)];
  }

 private:
  std::vector<Index> begin_;
  std::vector<Index> signal_;
};

}  // namespace sparsetransfer
