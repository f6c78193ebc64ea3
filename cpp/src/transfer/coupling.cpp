#include "sparsetransfer/transfer/coupling.hpp"

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer::transfer {

template <typename T>
void validate(const CodeProblem<T>& problem) {
  const Index samples = problem.samples();
  require_not_empty("correlations", problem.correlations.rows(), samples);
  require_shape("gram", problem.gram.rows(), problem.gram.cols(), problem.correlations.rows(),
                problem.correlations.rows());
  require(problem.alpha >= 0, "alpha must not be negative");
  require(problem.coupling.rank() == 0 || problem.coupling.means.rows() == samples,
          "means must have one row per sample");
  require(problem.penalties.size() == 0 ||
              (problem.penalties.size() == samples && (problem.penalties.array() > 0).all()),
          "penalties must be positive, one per sample");
  if (!problem.labels.empty()) {
    require(problem.labels.map.cols() == problem.atoms(), "labels need one column per atom");
    require(problem.labels.weights.size() == samples && (problem.labels.weights.array() >= 0).all(),
            "label weights must not be negative, one per sample");
  }
  const SymmetricSparse<T>& laplacian = problem.coupling.laplacian;
  if (laplacian.empty()) return;
  require(laplacian.size == samples, "laplacian must have one row per sample");
  require_sparse_rows("laplacian",
                      Eigen::Map<const Vector<std::int64_t>>(laplacian.indptr, samples + 1),
                      Eigen::Map<const Vector<std::int32_t>>(laplacian.indices, laplacian.entries),
                      laplacian.entries, samples);
}

template void validate<float>(const CodeProblem<float>&);
template void validate<double>(const CodeProblem<double>&);

}  // namespace sparsetransfer::transfer
