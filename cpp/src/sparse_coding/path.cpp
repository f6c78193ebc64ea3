#include "sparsetransfer/sparse_coding/path.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/sparse_coding/homotopy.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kBlock = 8;  // signals

/// Calls walk(homotopy, correlations, signal) for every signal, its correlations padded.
template <typename Walk>
void for_each_signal(const Execution& execution, const PanelGram<double>& gram,
                     const ConstMatrixRef<double>& correlations, const Walk& walk) {
  const Index atoms = gram.atoms();
  require_shape("correlations", correlations.rows(), correlations.cols(), atoms,
                correlations.cols());
  const double flops =
      static_cast<double>(correlations.cols()) * static_cast<double>(atoms) * 1000.0;
  const Execution fitting = execution.for_work(flops);
  const auto workers = static_cast<std::size_t>(std::max(1, fitting.num_threads));
  std::vector<std::unique_ptr<Homotopy>> homotopies(workers);
  std::vector<Vector<double>> padded(workers);
  parallel_for_blocks(fitting, correlations.cols(), kBlock,
                      [&](Index begin, Index count, int worker) {
                        auto& homotopy = homotopies[static_cast<std::size_t>(worker)];
                        auto& column = padded[static_cast<std::size_t>(worker)];
                        if (!homotopy) {
                          homotopy = std::make_unique<Homotopy>(atoms);
                          column = Vector<double>::Zero(gram.padded_atoms());
                        }
                        for (Index i = begin; i < begin + count; ++i) {
                          execution.check();
                          column.head(atoms) = correlations.col(i);
                          walk(*homotopy, column.data(), i);
                        }
                      });
}

Vector<double> padded_weights(const ConstVectorRef<double>& weights,
                              const PanelGram<double>& gram) {
  Vector<double> out =
      Vector<double>::Constant(gram.padded_atoms(), std::numeric_limits<double>::infinity());
  if (weights.size() > 0) {
    out.head(gram.atoms()) = weights;
  } else {
    out.head(gram.atoms()).setOnes();
  }
  return out;
}

/// The largest violation at penalty and gradient of a knot, where the atoms begin .. end of the
/// path are in use.
double violation_at(const CodePath& path, Index begin, Index end, double penalty,
                    const Vector<double>& gradient, const Homotopy::Problem& problem) {
  double worst = 0.0;
  for (Index j = 0; j < problem.gram.atoms(); ++j)
    worst = max_or_nan(worst, (problem.nonnegative ? gradient[j] : std::abs(gradient[j])) -
                                  penalty * problem.weights[j]);
  for (Index e = begin; e < end; ++e) {
    const int atom = path.atoms[static_cast<std::size_t>(e)];
    const double limit =
        std::copysign(penalty * problem.weights[atom], path.values[static_cast<std::size_t>(e)]);
    worst = max_or_nan(worst, std::abs(gradient[atom] - limit));
  }
  return worst;
}

/// Appends the knot that has been reached to the path. Between two knots codes, gradients and
/// penalties are linear: no violation there is larger than those of the atoms in use at either knot
/// at both. `previous` is the gradient at the last knot, and then at this one.
void record(Homotopy& homotopy, const Homotopy::Problem& problem, Vector<double>& previous,
            CodePath& path) {
  const Index first = path.penalties.empty() ? 0 : path.begin[path.penalties.size() - 1];
  const double above = path.penalties.empty() ? 0.0 : path.penalties.back();
  path.penalties.push_back(homotopy.penalty());
  for (Index i = 0; i < homotopy.size(); ++i) {
    if (homotopy.coefficient(i) == 0.0) continue;
    path.atoms.push_back(homotopy.atoms()[i]);
    path.values.push_back(homotopy.coefficient(i));
  }
  const Index last = static_cast<Index>(path.atoms.size());
  path.begin.push_back(last);
  const Vector<double>& gradient = homotopy.gradient();
  double violation = violation_at(path, first, last, homotopy.penalty(), gradient, problem);
  if (path.penalties.size() > 1)
    violation = max_or_nan(violation, violation_at(path, first, last, above, previous, problem));
  previous = gradient;
  path.kkt.push_back(violation);
  if (!std::isfinite(violation))
    throw NumericalError(
        "the gradient of a code on the path is not finite: scale the signals and the "
        "dictionary to norms of about one");
}

}  // namespace

void PathSettings::validate() const {
  require(std::isfinite(least_penalty) && least_penalty >= 0,
          "least_penalty must be finite and not negative");
  require(most_steps >= 1, "most_steps must be at least 1");
}

std::vector<CodePath> code_paths(const Execution& execution, const PanelGram<double>& gram,
                                 const ConstMatrixRef<double>& correlations,
                                 const PathSettings& settings,
                                 const ConstVectorRef<double>& weights,
                                 const ConstVectorRef<double>& ridge) {
  settings.validate();
  require(weights.size() == 0 || weights.size() == gram.atoms(),
          "weights must have one entry per atom");
  require((weights.array() > 0.0).all(), "weights must be positive");
  require(ridge.size() == 0 || ridge.size() == correlations.cols(),
          "ridge must have one entry per signal");
  require_penalties(ridge, weights);
  Vector<double> norms(correlations.cols());  // large enough for the correlations
  for (Index i = 0; i < norms.size(); ++i)
    norms[i] = correlations.col(i).allFinite() ? 0.0 : std::numeric_limits<double>::infinity();
  require_range<double>(gram.largest_diagonal(), norms);
  const Vector<double> all_weights = padded_weights(weights, gram);
  std::vector<CodePath> paths(static_cast<std::size_t>(correlations.cols()));
  for_each_signal(
      execution, gram, correlations, [&](Homotopy& homotopy, const double* column, Index i) {
        CodePath& path = paths[static_cast<std::size_t>(i)];
        const Homotopy::Problem problem{gram, column, all_weights.data(),
                                        ridge.size() > 0 ? ridge[i] : 0.0, settings.nonnegative};
        homotopy.start(problem);
        Vector<double> gradient;  // at the last knot
        Index steps = 0;
        bool more = true;
        while (more && steps < settings.most_steps) {
          execution.check();
          more = homotopy.advance(settings.least_penalty);
          record(homotopy, problem, gradient, path);
          ++steps;
          if (more && execution.out_of_time()) {
            path.status = Status::stopped;
            return;
          }
        }
        if (more) path.status = Status::max_iterations;
      });
  return paths;
}

void least_angle(const Execution& execution, const PanelGram<double>& gram,
                 const ConstMatrixRef<double>& correlations, Index count, MatrixRef<double> codes,
                 int* steps) {
  require(count >= 1, "count must be at least 1");
  require_shape("codes", codes.rows(), codes.cols(), gram.atoms(), correlations.cols());
  const Vector<double> weights = padded_weights(Vector<double>(), gram);
  for_each_signal(
      execution, gram, correlations, [&](Homotopy& homotopy, const double* column, Index i) {
        const Homotopy::Problem problem{gram, column, weights.data(), 0.0, false, false};
        homotopy.start(problem);
        steps[i] = 0;
        // One step more finds where the next atom would join; that one is at zero there.
        while (steps[i] <= count && homotopy.advance(0.0)) {
          execution.check();
          ++steps[i];
        }
        steps[i] = std::min(steps[i], static_cast<int>(count));
        codes.col(i).setZero();
        for (Index e = 0; e < homotopy.size(); ++e)
          codes(homotopy.atoms()[e], i) = homotopy.coefficient(e);
      });
}

}  // namespace sparsetransfer
