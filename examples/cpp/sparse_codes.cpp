// Codes random signals on a random dictionary and prints the certificate of the worst code.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "sparsetransfer/sparse_coding/encode.hpp"

int main() {
  using namespace sparsetransfer;

  std::srand(0);  // Eigen draws from here
  Matrix<double> dictionary = Matrix<double>::Random(32, 64);
  dictionary.colwise().normalize();
  Matrix<double> signals = Matrix<double>::Random(32, 500);
  signals.colwise().normalize();

  CodingSettings settings;
  settings.alpha = 0.1;
  const Execution execution{2, {}};
  Matrix<double> codes(dictionary.cols(), signals.cols());
  std::vector<CodingReport> reports(static_cast<std::size_t>(signals.cols()));
  encode<double>(execution, signals, dictionary, settings, {}, codes, reports.data());

  const auto worst =
      std::max_element(reports.begin(), reports.end(),
                       [](const CodingReport& a, const CodingReport& b) { return a.kkt < b.kkt; });
  const double density = (codes.array() != 0).cast<double>().mean();
  std::cout << "non-zeros " << 100 * density << " %, worst violation of optimality " << worst->kkt
            << " alpha\n";
  return worst->kkt <= settings.tolerance && density > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
