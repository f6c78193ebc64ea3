#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "sparse_coding/gaussian.hpp"
#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/omp.hpp"

namespace {

using namespace sparsetransfer;

using check::gaussian;

TEST(positive_pursuits_are_least_squares_on_their_support) {
  const Matrix<double> D = gaussian<double>(20, 60, 1);
  const Matrix<double> X = gaussian<double>(20, 30, 2);
  for (const SelectionRule rule : {SelectionRule::correlation, SelectionRule::residual}) {
    for (const Index count : {4, 15, 60}) {
      Matrix<double> codes(60, 30);
      std::vector<CodingReport> reports(30);
      pursue<double>({2, {}}, X, D, {rule, count, 0.0, true}, codes, reports.data());
      CHECK(codes.minCoeff() >= 0.0);
      const Matrix<double> gradient = D.transpose() * (X - D * codes);
      for (Index i = 0; i < 30; ++i) {
        const Index used = (codes.col(i).array() > 0.0).count();
        CHECK(used <= count);
        CHECK(reports[i].iterations == used);
        CHECK(reports[i].status == Status::converged);
        for (Index j = 0; j < 60; ++j) {
          if (codes(j, i) > 0.0) CHECK(std::abs(gradient(j, i)) < 1e-10);
          if (used < count) CHECK(gradient(j, i) < 1e-10);  // nothing was left to take
        }
      }
    }
  }
}

template <typename T>
void check_that_time_is_kept(Algorithm algorithm) {
  const Matrix<T> D = gaussian<T>(20, 60, 3);
  const Matrix<T> X = gaussian<T>(20, 12, 4);
  CodingSettings settings;
  settings.alpha = 0.01;
  settings.tolerance = sizeof(T) == 4 ? 5e-5 : 1e-9;
  settings.algorithm = algorithm;
  Matrix<T> codes(60, 12);
  std::vector<CodingReport> reports(12);
  Execution late{2, {}};
  late.deadline = Execution::Clock::now();
  encode<T>(late, X, D, settings, {}, codes, reports.data());
  for (const CodingReport& report : reports) {
    CHECK(report.status == Status::stopped);
    CHECK(report.kkt > 0.01);
  }
  CHECK(codes.cwiseAbs().maxCoeff() == T(0));
}

TEST(nothing_is_begun_after_the_deadline) {
  for (const Algorithm algorithm : {Algorithm::active_set, Algorithm::coordinate_descent,
                                    Algorithm::homotopy, Algorithm::fista}) {
    check_that_time_is_kept<double>(algorithm);
    check_that_time_is_kept<float>(algorithm);
  }
}

template <typename T>
void check_dense_starts() {
  const Matrix<T> D = gaussian<T>(20, 80, 5);
  const Matrix<T> X = gaussian<T>(20, 12, 6);
  CodingSettings settings;
  settings.alpha = 0.05;
  settings.tolerance = sizeof(T) == 4 ? 5e-5 : 1e-9;
  Matrix<T> cold(80, 12);
  std::vector<CodingReport> reports(12);
  encode<T>({1, {}}, X, D, settings, {}, cold, reports.data());
  settings.warm_start = true;
  const Matrix<T> noise = gaussian<T>(80, 12, 7);
  for (const T size : {T(1e-6), T(1e-2), T(100)}) {
    for (const bool near : {false, true}) {
      Matrix<T> codes = size * noise;
      if (near) codes += cold;
      encode<T>({1, {}}, X, D, settings, {}, codes, reports.data());
      for (const CodingReport& report : reports) CHECK(report.status == Status::converged);
      CHECK((codes - cold).cwiseAbs().maxCoeff() < (sizeof(T) == 4 ? 1e-3 : 1e-8));
    }
  }
}

TEST(dense_starts_do_not_change_the_answer) {
  check_dense_starts<double>();
  check_dense_starts<float>();
}

}  // namespace
