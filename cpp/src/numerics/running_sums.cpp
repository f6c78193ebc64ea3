#include "sparsetransfer/numerics/running_sums.hpp"

#include <array>
#include <type_traits>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {

template <typename T>
void running_sums(const ConstMatrixRef<T>& values, MatrixRef<T> sums) {
  require_shape("sums", sums.rows(), sums.cols(), values.rows(), values.cols());
  constexpr Index kTogether = 8;
  const auto add = [&](Index first, auto count) {
    std::array<T, count> total;
    total.fill(T(-0.0));  // what adds nothing, to a negative zero either
    for (Index row = 0; row < values.rows(); ++row) {
      for (Index k = 0; k < count; ++k) sums(row, first + k) = total[k] += values(row, first + k);
    }
  };
  Index first = 0;
  for (; first + kTogether <= values.cols(); first += kTogether) {
    add(first, std::integral_constant<Index, kTogether>());
  }
  for (; first < values.cols(); ++first) add(first, std::integral_constant<Index, 1>());
}

template void running_sums<float>(const ConstMatrixRef<float>&, MatrixRef<float>);
template void running_sums<double>(const ConstMatrixRef<double>&, MatrixRef<double>);

}  // namespace sparsetransfer
