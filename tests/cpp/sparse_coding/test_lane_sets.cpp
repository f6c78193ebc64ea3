#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "sparse_coding/gaussian.hpp"
#include "sparsetransfer/sparse_coding/active_set.hpp"
#include "sparsetransfer/sparse_coding/lane_sets.hpp"

namespace {

using namespace sparsetransfer;
using check::gaussian;

constexpr Index kLanes = LaneSets::kLanes;
constexpr Index kAtoms = 40;
constexpr Index kSignals = 24;  // a multiple of the lanes
constexpr double kAlpha = 0.3;
constexpr double kRidge = 0.01;
constexpr double kTolerance = 1e-12;

struct Problem {
  // Atoms with a common part, so that coefficients cross zero on the way.
  Matrix<double> D = gaussian<double>(25, kAtoms, 1) + Matrix<double>::Constant(25, kAtoms, 0.4);
  Matrix<double> X =
      gaussian<double>(25, kSignals, 2) + Matrix<double>::Constant(25, kSignals, 0.3);
  PanelGram<double> gram = PanelGram<double>::from_dictionary({}, D);
};

Vector<double> code(const LaneSets& sets, Index lane) {
  Vector<double> a = Vector<double>::Zero(kAtoms);
  for (Index i = 0; i < sets.size(lane); ++i) a[sets.atoms(lane)[i]] = sets.coefficient(lane, i);
  return a;
}

double objective(const Problem& problem, Index signal, const Vector<double>& a) {
  return 0.5 * (problem.X.col(signal) - problem.D * a).squaredNorm() +
         0.5 * kRidge * a.squaredNorm() + kAlpha * a.cwiseAbs().sum();
}

/// Sets the residuals of a lane and pushes the atoms that violate most; returns the violation.
double prepare(const Problem& problem, Index signal, Index lane, LaneSets& sets) {
  const Vector<double> a = code(sets, lane);
  const Vector<double> c =
      problem.D.transpose() * (problem.X.col(signal) - problem.D * a) - kRidge * a;
  Vector<double> excess = c.cwiseAbs().array() - kAlpha;
  double stationarity = 0.0;
  for (Index i = 0; i < sets.size(lane); ++i) {
    const int atom = sets.atoms(lane)[i];
    const double residual = c[atom] - kAlpha * sets.sign(lane, i);
    sets.set_residual(lane, i, residual);
    stationarity = std::max(stationarity, std::abs(residual));
    excess[atom] = 0.0;
  }
  const double violation = std::max(stationarity, excess.maxCoeff());
  if (stationarity > 1e-10) return violation;
  for (int q = 0; q < 4 && sets.size(lane) < LaneSets::kCapacity; ++q) {
    Index atom = 0;
    if (excess.maxCoeff(&atom) < 1e-10) break;
    const double sign = c[atom] > 0 ? 1.0 : -1.0;
    sets.push(problem.gram, kRidge, lane, static_cast<int>(atom), sign, c[atom] - kAlpha * sign);
    excess[atom] = 0.0;
  }
  return violation;
}

/// Lets an active set descend and returns the largest violation of its own atoms there.
double gradient_after_descent(const Problem& problem, Index signal, ActiveSet& active) {
  Vector<double> rhs = Vector<double>::Zero(32);
  const auto residuals = [&] {
    Vector<double> a = Vector<double>::Zero(kAtoms);
    for (Index i = 0; i < active.size(); ++i) a[active.atoms()[i]] = active.coefficients()[i];
    const Vector<double> c =
        problem.D.transpose() * (problem.X.col(signal) - problem.D * a) - kRidge * a;
    for (Index i = 0; i < active.size(); ++i)
      rhs[i] = c[active.atoms()[i]] - kAlpha * active.signs()[i];
  };
  residuals();
  active.descend(rhs.data());
  residuals();
  return active.size() > 0 ? rhs.head(active.size()).cwiseAbs().maxCoeff() : 0.0;
}

TEST(steps_lower_the_objective_by_what_they_say_and_end_at_its_minimum) {
  const Problem problem;
  for (Index first = 0; first < kSignals; first += kLanes) {
    LaneSets sets;
    std::array<bool, kLanes> moving;
    std::array<LaneSets::Outcome, kLanes> outcomes;
    moving.fill(true);
    Index dropped = 0;
    for (int round = 0; round < 100; ++round) {
      std::array<double, kLanes> before{};
      bool some = false;
      for (Index lane = 0; lane < kLanes; ++lane) {
        if (!moving[lane]) continue;
        moving[lane] = prepare(problem, first + lane, lane, sets) > 1e-9;
        before[lane] = objective(problem, first + lane, code(sets, lane));
        some = some || moving[lane];
      }
      if (!some) break;
      sets.step(moving, kTolerance, outcomes);
      for (Index lane = 0; lane < kLanes; ++lane) {
        if (!moving[lane]) continue;
        const double after = objective(problem, first + lane, code(sets, lane));
        CHECK_NEAR(before[lane] - after, outcomes[lane].decrease, 1e-10 * before[lane]);
        CHECK(!outcomes[lane].dependent);
        dropped += outcomes[lane].dropped;
        for (Index i = 0; i < sets.size(lane); ++i)
          CHECK(sets.sign(lane, i) * sets.coefficient(lane, i) >= 0.0);
      }
    }
    CHECK(dropped > 0);
    for (Index lane = 0; lane < kLanes; ++lane) {
      CHECK(!moving[lane]);
      CHECK(sets.size(lane) > 0);
    }
  }
}

TEST(a_lane_does_not_depend_on_the_others_or_on_its_place) {
  const Problem problem;
  const auto run = [&](LaneSets& sets, const std::vector<Index>& signals) {
    std::array<bool, kLanes> moving{};
    std::array<LaneSets::Outcome, kLanes> outcomes;
    for (int round = 0; round < 12; ++round) {
      for (Index lane = 0; lane < static_cast<Index>(signals.size()); ++lane) {
        const Index signal = signals[static_cast<std::size_t>(lane)];
        moving[lane] = prepare(problem, signal, lane, sets) > 1e-9;
      }
      sets.step(moving, kTolerance, outcomes);
    }
  };
  LaneSets alone, used;
  run(alone, {5});
  std::vector<Index> signals;
  for (Index lane = 0; lane < kLanes; ++lane) signals.push_back(lane + 9);
  run(used, signals);  // leaves numbers behind
  for (Index lane = 0; lane < kLanes; ++lane) used.clear(lane);
  signals.back() = 5;
  run(used, signals);
  const Index last = kLanes - 1;
  REQUIRE(used.size(last) == alone.size(0));
  CHECK(alone.size(0) > 3);
  for (Index i = 0; i < alone.size(0); ++i) {
    CHECK(used.atoms(last)[i] == alone.atoms(0)[i]);
    CHECK(used.coefficient(last, i) == alone.coefficient(0, i));
    for (Index j = 0; j <= i; ++j) CHECK(used.factor(last, i, j) == alone.factor(0, i, j));
  }
}

TEST(the_factor_is_that_of_the_atoms_in_use) {
  const Problem problem;
  LaneSets sets;
  std::array<bool, kLanes> moving{};
  std::array<LaneSets::Outcome, kLanes> outcomes;
  moving[0] = true;
  while (prepare(problem, 1, 0, sets) > 1e-9) sets.step(moving, kTolerance, outcomes);
  const Index m = sets.size(0);
  REQUIRE(m > 3);
  REQUIRE(sets.factorised(0));
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (Index k = 0; k <= j; ++k) sum += sets.factor(0, i, k) * sets.factor(0, j, k);
      const double entry = problem.D.col(sets.atoms(0)[i]).dot(problem.D.col(sets.atoms(0)[j]));
      CHECK_NEAR(sum, entry + (i == j ? kRidge : 0.0), 1e-11);
    }
  }
}

// Whenever a set is handed over, also right after atoms were pushed or dropped, the active set that
// goes on with it finds the minimum over its atoms.
TEST(an_active_set_takes_over_what_a_lane_has) {
  const Problem problem;
  Index incomplete = 0;
  for (Index signal = 0; signal < problem.X.cols(); ++signal) {
    LaneSets sets;
    std::array<bool, kLanes> moving{};
    std::array<LaneSets::Outcome, kLanes> outcomes;
    moving[0] = true;
    for (int round = 0; round < 12 && prepare(problem, signal, 0, sets) > 1e-9; ++round) {
      sets.step(moving, kTolerance, outcomes);
      incomplete += !sets.factorised(0);
      ActiveSet active(kAtoms, 25);
      active.take(problem.gram, kRidge, sets, 0);
      REQUIRE(active.size() == sets.size(0));
      CHECK_NEAR(gradient_after_descent(problem, signal, active), 0.0, 1e-9);
    }
  }
  CHECK(incomplete > 0);
}

TEST(a_dependent_atom_is_told_and_taken_back) {
  Matrix<double> D = gaussian<double>(6, 4, 3);
  D.col(3) = D.col(0) - 2.0 * D.col(1);
  const PanelGram<double> gram = PanelGram<double>::from_dictionary({}, D);
  LaneSets sets;
  std::array<bool, kLanes> moving{};
  std::array<LaneSets::Outcome, kLanes> outcomes;
  moving[0] = moving[kLanes - 1] = true;
  for (const Index lane : {Index(0), kLanes - 1}) {
    sets.push(gram, 0.0, lane, 0, 1.0, 0.5);
    sets.push(gram, 0.0, lane, 1, -1.0, -0.25);
  }
  sets.step(moving, kTolerance, outcomes);
  CHECK(!outcomes[0].dependent);
  REQUIRE(sets.size(0) == 2);
  const double before = sets.coefficient(0, 0);
  sets.push(gram, 0.0, 0, 3, 1.0, 0.5);
  sets.step(moving, kTolerance, outcomes);
  CHECK(outcomes[0].dependent);
  CHECK(outcomes[0].decrease == 0.0);
  CHECK(!outcomes[kLanes - 1].dependent);
  sets.pop(0, 1);
  CHECK(!sets.factorised(0));
  CHECK(sets.size(0) == 2);
  CHECK(sets.coefficient(0, 0) == before);
}

}  // namespace
