#include "sparsetransfer/sparse_coding/proximal.hpp"

#include <algorithm>
#include <vector>

#include "sparsetransfer/sparse_coding/certifier.hpp"

namespace sparsetransfer {
namespace {

constexpr int kMostSteps = 40;
// Relative to the largest squared norm of an atom: well above the rounding that makes a factor
// lose its rank, well below what a code is allowed to be off by after a few steps.
constexpr double kLeastDamping = 1e-10;
constexpr double kMostDamping = 1e-4;

}  // namespace

void proximal_point(const Execution& execution, const PanelGram<double>& gram,
                    const Matrix<double>& correlations, const CodingSettings& settings,
                    const CodingExtras& extras, const ShiftedProblem& solve, Matrix<double>& codes,
                    CodingReport* reports) {
  const Index atoms = gram.atoms();
  const double scale = gram.largest_diagonal();
  Certifier<double> certifier({0, atoms, atoms, 1}, settings, extras.weights);
  const CodingBlock<double> block{
      execution,
      gram,
      nullptr,
      nullptr,
      nullptr,
      extras.ridge.size() > 0 ? extras.ridge.data() : nullptr,
      extras.squared_norms.size() > 0 ? extras.squared_norms.data() : nullptr};
  std::vector<Index> open;
  for (Index i = 0; i < codes.cols(); ++i) open.push_back(i);
  double damping = kLeastDamping * scale;
  for (int step = 0; step < kMostSteps && !open.empty() && !execution.out_of_time(); ++step) {
    Matrix<double> current = codes(Eigen::all, open);
    const Matrix<double> shifted = correlations(Eigen::all, open) + damping * current;
    Vector<double> ridge = Vector<double>::Constant(static_cast<Index>(open.size()), damping);
    if (extras.ridge.size() > 0)
      for (std::size_t i = 0; i < open.size(); ++i)
        ridge[static_cast<Index>(i)] += extras.ridge[open[i]];
    std::vector<CodingReport> fresh(open.size());
    solve(ridge, shifted, current, fresh.data());
    bool solved = true;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < open.size(); ++i) {
      const Index index = open[i];
      codes.col(index) = current.col(static_cast<Index>(i));
      CodingReport report = certifier.certify(
          block, index, correlations.col(index).data(), codes.col(index).data(),
          fresh[i].status == Status::stopped ? Status::stopped : Status::max_iterations);
      report.iterations = reports[index].iterations + fresh[i].iterations;
      reports[index] = report;
      if (report.status == Status::converged) continue;
      solved = solved && fresh[i].status == Status::converged;
      open[kept++] = index;
    }
    open.resize(kept);
    if (!solved) damping = std::min(100 * damping, kMostDamping * scale);
  }
}

}  // namespace sparsetransfer
