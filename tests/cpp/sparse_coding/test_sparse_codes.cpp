// Compressed codes against the dense matrix that they stand for.

#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "gaussian.hpp"
#include "sparsetransfer/sparse_coding/encode.hpp"

namespace {

using namespace sparsetransfer;

/// The matrix of CSR arrays, which must be in canonical form.
template <typename I, typename T>
Matrix<T> joined(const SparseCodes<T>& codes) {
  std::vector<T> values(static_cast<std::size_t>(codes.nonzeros()));
  std::vector<I> atoms(values.size());
  std::vector<I> starts(static_cast<std::size_t>(codes.samples()) + 1, I(-1));
  codes.join({2, {}}, values.data(), atoms.data(), starts.data());
  CHECK(starts.front() == 0);
  CHECK(starts.back() == static_cast<I>(values.size()));
  Matrix<T> out = Matrix<T>::Zero(codes.atoms(), codes.samples());
  for (Index i = 0; i < codes.samples(); ++i) {
    for (I e = starts[i]; e < starts[i + 1]; ++e) {
      CHECK(e == starts[i] || atoms[e - 1] < atoms[e]);
      CHECK(values[e] != T(0));
      out(atoms[e], i) = values[e];
    }
  }
  return out;
}

template <typename T>
void check_kept_codes(Index atoms) {
  constexpr Index kSamples = 2500;  // several tasks of `join`
  std::mt19937 generator(1);
  std::bernoulli_distribution used(0.3);  // of 200 atoms enough for several threads
  Matrix<T> dense = check::gaussian<T>(atoms, kSamples, 2);
  for (Index i = 0; i < dense.size(); ++i)
    if (!used(generator)) dense.data()[i] = i % 2 == 0 ? T(0) : -T(0);
  dense.col(3).setZero();
  dense.col(4).setConstant(T(2));
  SparseCodes<T> codes(atoms, kSamples);
  CodeScratch<T> scratch;
  CHECK(codes.nonzeros() == 0);
  CHECK(joined<std::int32_t>(codes) == Matrix<T>::Zero(atoms, kSamples));
  for (const Index begin : {1900, 0, 7, 500})  // in any order, and the last ones not at all
    codes.keep(begin, dense.middleCols(begin, begin == 0 ? 7 : begin == 7 ? 493 : 500), scratch);
  dense.middleCols(1000, 900).setZero();
  dense.rightCols(100).setZero();
  CHECK(joined<std::int32_t>(codes) == dense);
  CodeOutput<T> output(codes);
  output.replace(5, dense.col(4));
  output.replace(4, dense.col(3));
  dense.col(5).swap(dense.col(4));
  dense.col(4).setZero();
  CHECK(joined<std::int64_t>(codes) == dense);
  for (const Index i : {0, 4, 5, 1200, 2499}) CHECK(output.code(i) == dense.col(i));
}

TEST(codes_are_kept_in_any_order_and_replaced) {
  for (const Index atoms : {1, 63, 64, 65, 200}) {
    check_kept_codes<float>(atoms);
    check_kept_codes<double>(atoms);
  }
}

TEST(a_start_is_read_from_compressed_codes) {
  const Matrix<double> D = check::gaussian<double>(20, 80, 5);
  const Matrix<double> X = check::gaussian<double>(20, 300, 6);
  CodingSettings settings;
  settings.alpha = 0.05;
  settings.warm_start = true;
  settings.max_iterations = 1;  // the codes depend on the start
  Matrix<double> dense = check::gaussian<double>(80, 300, 7);
  std::vector<CodingReport> reports(300);
  SparseCodes<double> codes(80, 300);
  CodeScratch<double> scratch;
  codes.keep(0, dense, scratch);
  encode<double>({2, {}}, X, D, settings, {}, codes, reports.data());
  encode<double>({1, {}}, X, D, settings, {}, dense, reports.data());
  CHECK(joined<std::int32_t>(codes) == dense);
  SparseCodes<double> narrow(79, 300);
  CHECK(check::throws_with<std::invalid_argument>(
      [&] { encode<double>({}, X, D, settings, {}, narrow, reports.data()); },
      "codes must have shape (300, 80), got (300, 79)"));
}

}  // namespace
