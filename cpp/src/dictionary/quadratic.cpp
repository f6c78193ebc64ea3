#include "sparsetransfer/dictionary/quadratic.hpp"

#include <algorithm>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/products.hpp"
#include "sparsetransfer/status.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kAtomPanel = 64;

}  // namespace

template <typename T>
double dictionary_objective(const Execution& execution, const ConstMatrixRef<T>& A,
                            const ConstMatrixRef<T>& B, const ConstMatrixRef<T>& dictionary) {
  const Index atoms = dictionary.cols();
  require_shape("A", A.rows(), A.cols(), atoms, atoms);
  require_shape("B", B.rows(), B.cols(), dictionary.rows(), atoms);
  std::vector<double> partial(static_cast<std::size_t>(num_blocks(atoms, kAtomPanel)));
  const double flops = 2.0 * double(dictionary.size()) * double(atoms);
  // tr(Dᵀ(D A/2 − B)): the difference is formed entry by entry, before the large terms are summed.
  parallel_for_blocks(execution.for_work(flops), atoms, kAtomPanel,
                      [&](Index begin, Index count, int) {
                        Matrix<T> slope = T(-1) * B.middleCols(begin, count);
                        add_product<T>(slope, T(0.5), dictionary, A.middleCols(begin, count));
                        double sum = 0.0;
                        for (Index j = 0; j < count; ++j) {
                          sum += dictionary.col(begin + j).template cast<double>().dot(
                              slope.col(j).template cast<double>());
                        }
                        partial[static_cast<std::size_t>(begin / kAtomPanel)] = sum;
                      });
  double total = 0.0;
  for (const double value : partial) total += value;
  return total;
}

template <typename T>
void require_finite(const ConstMatrixRef<T>& A, const ConstMatrixRef<T>& B) {
  if (!A.allFinite() || !B.allFinite()) {
    throw NumericalError(
        "the statistics of the dictionary update overflow: divide the signals by their largest "
        "norm");
  }
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                  \
  template void require_finite<T>(const ConstMatrixRef<T>&, const ConstMatrixRef<T>&); \
  template double dictionary_objective<T>(const Execution&, const ConstMatrixRef<T>&,  \
                                          const ConstMatrixRef<T>&, const ConstMatrixRef<T>&);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
