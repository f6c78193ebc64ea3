#include <cmath>
#include <limits>

#include "check.hpp"
#include "sparsetransfer/transfer/iterate.hpp"

namespace {

using sparsetransfer::Execution;
using sparsetransfer::Index;
using sparsetransfer::Matrix;
using namespace sparsetransfer::transfer;

/// Two atoms, 300 samples (more than one block), all codes zero.
Certificate certificate_with(Index sample, double correlation, bool positive) {
  constexpr Index kSamples = 300;
  const Matrix<double> gram = Matrix<double>::Identity(2, 2);
  Matrix<double> correlations = Matrix<double>::Zero(2, kSamples);
  correlations(1, sample) = correlation;
  const CodeProblem<double> problem{{gram.data(), 2, 2},
                                    {correlations.data(), 2, kSamples},
                                    1.0,
                                    {},
                                    0.1,
                                    positive,
                                    {nullptr, 0},
                                    {}};
  Iterate<double> point;
  point.resize(problem);
  point.codes.setZero();
  evaluate<double>(Execution{}, problem, correlations.transpose(), point);
  return point.certificate;
}

TEST(a_nan_in_any_block_is_no_certificate) {
  for (const bool positive : {false, true}) {
    for (const Index sample : {Index(0), Index(100), Index(299)}) {
      const Certificate certificate =
          certificate_with(sample, std::numeric_limits<double>::quiet_NaN(), positive);
      CHECK(std::isnan(certificate.objective));
      CHECK(std::isnan(certificate.kkt_violation));
      CHECK(std::isnan(certificate.duality_gap));
      const Certificate finite = certificate_with(sample, 0.3, positive);
      CHECK(check::is_near(finite.kkt_violation, 0.2, 1e-15));
      CHECK(finite.duality_gap > 0);
    }
  }
}

}  // namespace
