#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "gaussian.hpp"
#include "sparsetransfer/sparse_coding/gradient_error.hpp"
#include "sparsetransfer/sparse_coding/panel_gradient.hpp"

namespace {

using namespace sparsetransfer;
using Wide = long double;

constexpr double kUnit = 0.5 * static_cast<double>(std::numeric_limits<float>::epsilon());

struct Problem {
  Matrix<float> dictionary;
  Vector<float> signal;
  Vector<float> changes;
  Vector<double> moves;  // of the coefficients, after the gradient was computed
};

struct Errors {
  double bound = 0.0;    // over the norm of an atom
  double largest = 0.0;  // true error over the norm of its atom
  double share = 0.0;    // the largest share of what is allowed
  GradientError known;
  double norm = 0.0, rounding = 0.0;
};

// The float32 gradient as the active set computes it, against the one in extended precision.
Errors measure(const Problem& problem) {
  const Matrix<float>& D = problem.dictionary;
  const Index atoms = D.cols();
  const PanelDictionary<float> panels({1, {}}, D);
  const auto gram = PanelGram<float>::from_dictionary({1, {}}, panels);
  Matrix<float> gradient(round_up(atoms, PanelGram<float>::kRows), 1);
  panels.correlate(problem.signal, gradient);
  std::vector<CodeEntry<float>> entries;
  Errors out;
  out.known.size = static_cast<double>(problem.signal.cast<Wide>().norm());
  out.rounding = panels.rounding();
  out.known.base = out.rounding * out.known.size;
  Vector<Wide> rest = problem.signal.cast<Wide>();
  double moved = 0.0;
  for (Index i = 0; i < problem.changes.size(); ++i) {
    entries.push_back({static_cast<int>(i), problem.changes[i]});
    out.known.changed += std::abs(static_cast<double>(problem.changes[i]));
    moved += std::abs(problem.moves[i]);
    rest -= (static_cast<Wide>(problem.changes[i]) + static_cast<Wide>(problem.moves[i])) *
            D.col(i).cast<Wide>();
  }
  out.known.changes = problem.changes.size();
  for (Index panel = 0; panel < gram.num_panels(); ++panel) {
    float* rows = gradient.data() + panel * PanelGram<float>::kRows;
    refresh_panel(gram, panel, entries.data(), out.known.changes, rows, rows);
  }
  // What may be lost where products are subnormal.
  constexpr double tiny = static_cast<double>(std::numeric_limits<float>::min());
  const Vector<Wide> norms = D.cast<Wide>().colwise().norm();
  const double least = static_cast<double>(D.rows()) * tiny;
  out.norm = std::sqrt(std::pow(static_cast<double>(norms.maxCoeff()), 2) + least);
  out.bound = out.known.bound<float>(out.norm, out.rounding, moved);
  for (Index j = 0; j < atoms; ++j) {
    const auto norm = static_cast<double>(norms[j]);
    const auto error = static_cast<double>(
        std::abs(static_cast<Wide>(gradient(j, 0)) - D.col(j).cast<Wide>().dot(rest)));
    out.largest = std::max(out.largest, norm > 0.0 ? error / norm : 0.0);
    const double allowed =
        out.bound * std::sqrt(norm * norm + least) + tiny * static_cast<double>(D.rows() + atoms);
    CHECK(error <= allowed);
    out.share = std::max(out.share, error / allowed);
  }
  return out;
}

Problem draw(Index features, Index atoms, Index used, unsigned seed) {
  Problem out{check::gaussian<float>(features, atoms, seed),
              check::gaussian<float>(features, 1, seed + 1), Vector<float>(used),
              Vector<double>(used)};
  for (Index i = 0; i < used; ++i) {
    out.changes[i] = static_cast<float>(check::noise(i));
    out.moves[i] = 1e-7 * check::noise(i + used);
  }
  return out;
}

TEST(bounds_the_error_of_any_gradient) {
  for (const Index features : {1, 40, 300})
    for (const Index used : {0, 1, 60}) {
      const Problem plain = draw(features, 100, used, 3);
      const double share = measure(plain).share;
      if (used > 0) CHECK(share > 1e-4);  // a bound far off would clear no atom

      Problem coherent = plain;  // which cancels nearly all of what it adds
      coherent.dictionary = (1e-3F * coherent.dictionary).colwise() + coherent.signal;
      coherent.changes.array() -= used > 0 ? coherent.changes.mean() : 0.0F;
      coherent.changes *= 1e4F;
      measure(coherent);

      Problem uneven = plain;
      for (Index j = 0; j < 100; ++j)
        uneven.dictionary.col(j) *= static_cast<float>(std::pow(10.0, 6 * check::noise(j)));
      uneven.dictionary.col(7).setZero();
      measure(uneven);

      // At both ends of the range of float32: products near its largest number and below its least.
      for (const float scale : {1e18F, 1e-19F, 1e-22F})
        for (const float size : {1e15F, 1e-15F}) {
          Problem extreme = plain;
          extreme.dictionary *= scale;
          extreme.signal *= scale * size;
          extreme.changes *= size;
          extreme.moves *= static_cast<double>(size);
          if (scale < 1.0F || size < 1.0F) CHECK(std::isfinite(measure(extreme).bound));
        }
    }
}

TEST(knows_what_a_moved_code_changes) {
  Problem problem = draw(20, 70, 5, 1);
  problem.dictionary.colwise() = Vector<float>(problem.dictionary.col(0));
  problem.moves.setConstant(0.01);
  const Errors errors = measure(problem);
  CHECK(errors.share > 0.99 && errors.largest > 0.0499);
}

// Equal terms round to the same side as long as their sum has the same exponent: those of many
// changes, or of the entries of a Gram matrix.
TEST(knows_what_equal_terms_round) {
  for (const Index features : {1, 128}) {
    const Index used = features == 1 ? 200 : 1;
    const Problem problem{Matrix<float>::Constant(features, used, 0.3F),
                          Vector<float>::Zero(features), Vector<float>::Constant(used, 0.1F),
                          Vector<double>::Zero(used)};
    const Errors errors = measure(problem);
    const double all = errors.norm * errors.known.changed;
    const double sums = 1.02 * kUnit * static_cast<double>(used) * all;
    const double products = (errors.rounding + 1.02 * kUnit) * all;
    CHECK(errors.largest > (used > 1 ? products : sums));
  }
}

TEST(knows_no_bound_where_sums_may_overflow) {
  GradientError error;
  error.size = 1.0;
  CHECK(std::isfinite(error.bound<float>(1e18, 1e-6, 0.0)));
  error.changed = 1e3;
  CHECK(std::isinf(error.bound<float>(1e18, 1e-6, 0.0)));
  error.changed = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isinf(error.bound<float>(1.0, 1e-6, 0.0)));
  error.changed = 0.0;
  error.changes = 1 << 20;  // the first order of the bound is not all of it
  CHECK(std::isinf(error.bound<float>(1.0, 1e-6, 0.0)));
}

}  // namespace
