#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <random>
#include <vector>

#include "check.hpp"
#include "sparse_coding/gaussian.hpp"
#include "sparsetransfer/sparse_coding/active_set_block.hpp"
#include "sparsetransfer/sparse_coding/coordinate_descent.hpp"
#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/homotopy.hpp"

namespace {

std::atomic<long> allocations{0};

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
// GCC sees malloc inside the new below, but not that the delete beside it is its partner.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

// Counts what the coder asks of the heap.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace sparsetransfer;

using check::gaussian;

double violation(const Matrix<double>& X, const Matrix<double>& D, const Matrix<double>& codes,
                 double alpha) {
  const Matrix<double> gradient = D.transpose() * (X - D * codes);
  double worst = 0.0;
  for (Index i = 0; i < codes.size(); ++i) {
    const double code = codes.data()[i];
    const double c = gradient.data()[i];
    worst = std::max(worst,
                     code != 0.0 ? std::abs(c - (code > 0 ? alpha : -alpha)) : std::abs(c) - alpha);
  }
  return worst;
}

TEST(codes_are_optimal_for_any_width_of_blocks) {
  const Matrix<double> D = gaussian<double>(30, 100, 1);
  for (const Index samples : {1, 7, 300, 1100}) {
    const Matrix<double> X = gaussian<double>(30, samples, 2);
    Matrix<double> codes(100, samples);
    std::vector<CodingReport> reports(static_cast<std::size_t>(samples));
    CodingSettings settings;
    settings.alpha = 0.05;
    encode<double>({2, {}}, X, D, settings, {}, codes, reports.data());
    CHECK(violation(X, D, codes, 0.05) < 1e-12);
    for (const CodingReport& report : reports) CHECK(report.status == Status::converged);
  }
}

TEST(shapes_are_checked) {
  const Matrix<double> D = gaussian<double>(8, 5, 1);
  const Matrix<double> X = gaussian<double>(9, 3, 1);
  Matrix<double> codes(5, 3);
  std::vector<CodingReport> reports(3);
  CHECK_THROWS(std::invalid_argument, "signals",
               encode<double>({}, X, D, {}, {}, codes, reports.data()));
  CodingSettings settings;
  settings.alpha = -1;
  CHECK_THROWS(std::invalid_argument, "alpha",
               encode<double>({}, D, D, settings, {}, codes, reports.data()));
}

template <typename Coder>
void check_that_solving_allocates_nothing() {
  const Index width = 16;
  const Matrix<double> D = gaussian<double>(20, 70, 1);
  const Matrix<double> X = gaussian<double>(20, width, 2);
  const PanelGram<double> gram = PanelGram<double>::from_dictionary({}, D);
  CodingSettings settings;
  settings.alpha = 0.02;
  Coder coder({20, 70, 20, width}, settings, Vector<double>());
  Matrix<double> codes(70, width);
  std::vector<CodingReport> reports(static_cast<std::size_t>(width));
  coder.correlations().topRows(70) = D.transpose() * X;
  const Vector<double> norms = X.colwise().squaredNorm();
  const MatrixRef<double> out = codes;
  const sparsetransfer::Execution execution;
  const long before = allocations;
  coder.solve({execution, gram, nullptr, nullptr, nullptr, nullptr, norms.data()}, width, out,
              reports.data());
  CHECK(allocations == before);
  CHECK(violation(X, D, codes, 0.02) < 1e-10);
  std::vector<int> counted(10);
  CHECK(allocations > before);
  CHECK(counted.size() == 10);
}

TEST(solving_a_block_allocates_nothing) {
  check_that_solving_allocates_nothing<ActiveSetBlock<double>>();
  check_that_solving_allocates_nothing<SignalCoder<double, CoordinateDescent>>();
  check_that_solving_allocates_nothing<SignalCoder<double, HomotopySolver>>();
}

}  // namespace
