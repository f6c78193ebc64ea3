#include "sparsetransfer/transfer/coupling.hpp"

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer::transfer {

template <typename T>
void validate(const CodeProblem<T>& problem) {
  const Index samples = problem.samples();
  require_shape("gram", problem.gram.rows(), problem.gram.cols(), problem.correlations.rows(),
                problem.correlations.rows());
  require(problem.alpha >= 0, "alpha must not be negative");
  require(problem.coupling.rank() == 0 || problem.coupling.means.rows() == samples,
          "means must have one row per sample");
  require(problem.penalties.size() == 0 ||
              (problem.penalties.size() == samples && problem.penalties.minCoeff() > 0),
          "penalties must be positive, one per sample");
  if (!problem.labels.empty()) {
    require(problem.labels.map.cols() == problem.atoms(), "labels need one column per atom");
    require(problem.labels.weights.size() == samples && problem.labels.weights.minCoeff() >= 0,
            "label weights must not be negative, one per sample");
  }
  const SymmetricSparse<T>& laplacian = problem.coupling.laplacian;
  if (laplacian.empty()) return;
  require(laplacian.size == samples, "laplacian must have one row per sample");
  require(laplacian.indptr[0] == 0, "laplacian indptr must start at 0");
  for (Index row = 0; row < samples; ++row) {
    require(laplacian.indptr[row] <= laplacian.indptr[row + 1], "laplacian indptr must not fall");
    for (std::int64_t at = laplacian.indptr[row]; at < laplacian.indptr[row + 1]; ++at)
      require(laplacian.indices[at] >= 0 && laplacian.indices[at] < samples,
              "laplacian column index out of range");
  }
}

template void validate<float>(const CodeProblem<float>&);
template void validate<double>(const CodeProblem<double>&);

}  // namespace sparsetransfer::transfer
