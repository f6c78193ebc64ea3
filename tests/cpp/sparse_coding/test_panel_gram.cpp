#include <thread>
#include <vector>

#include "check.hpp"
#include "gaussian.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace {

using namespace sparsetransfer;

template <typename T>
bool same_column(const PanelGram<T>& a, const PanelGram<T>& b, Index col) {
  for (Index row = 0; row < a.atoms(); ++row)
    if (a(row, col) != b(row, col)) return false;
  return true;
}

template <typename T>
void check_columns(Index features, Index atoms, Panels panels) {
  const Matrix<T> D = check::gaussian<T>(features, atoms, 1);
  const PanelDictionary<T> dictionary({1, {}}, D, panels);
  const auto whole = PanelGram<T>::from_dictionary({2, {}}, ConstMatrixRef<T>(D));
  const Matrix<double> wide = D.template cast<double>();
  const Matrix<double> expected = wide.transpose() * wide;
  for (Index col = 0; col < atoms; ++col)
    for (Index row = 0; row < atoms; ++row) {
      CHECK_NEAR(static_cast<double>(whole(row, col)), expected(row, col),
                 8 * static_cast<double>(Eigen::NumTraits<T>::epsilon()));
      CHECK(whole(row, col) == whole(col, row));
    }
  const auto some = PanelGram<T>::by_columns(dictionary);
  CHECK(some.known() == 0 && !some.complete());
  CHECK(some.largest_diagonal() == whole.largest_diagonal());
  const std::vector<int> wanted = {static_cast<int>(atoms - 1), 0, static_cast<int>(atoms / 2), 0};
  std::vector<T> entries(PanelGram<T>::kRows * wanted.size());
  some.entries(wanted.data(), 4, entries.data());
  some.require(wanted.data(), 4);
  for (std::size_t q = 0; q < 4; ++q) {
    CHECK(some.knows(wanted[q]) && same_column(some, whole, wanted[q]));
    for (std::size_t r = 0; r < 4; ++r)
      CHECK(entries[q * PanelGram<T>::kRows + r] == whole(wanted[r], wanted[q]));
  }
  CHECK(some.known() <= 3);
}

TEST(columns_have_the_bits_of_the_whole_matrix) {
  for (const Panels panels : {Panels::stored, Panels::transient})
    for (const Index features : {1, 40, 130})
      for (const Index atoms : {1, 64, 300}) {
        check_columns<float>(features, atoms, panels);
        check_columns<double>(features, atoms, panels);
      }
}

TEST(threads_share_columns) {
  const Index atoms = 300;
  const Matrix<double> D = check::gaussian<double>(90, atoms, 3);
  const PanelDictionary<double> dictionary({1, {}}, D);
  const auto whole = PanelGram<double>::from_dictionary({1, {}}, dictionary);
  const auto shared = PanelGram<double>::by_columns(dictionary);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const int wanted[] = {(37 * i + 11 * t) % 300, (53 * i) % 300, (7 * i + t) % 300};
        shared.require(wanted, 3);
        for (const int col : wanted)
          wrong[static_cast<std::size_t>(t)] += !same_column(shared, whole, col);
      }
    });
  for (auto& thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0);
  CHECK(shared.known() <= atoms);
}

}  // namespace
