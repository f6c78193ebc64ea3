#include "check.hpp"
#include "gaussian.hpp"
#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"

namespace {

using namespace sparsetransfer;

template <typename T>
void check_products(Index features, Index atoms, Index signals) {
  const Matrix<T> D = check::gaussian<T>(features, atoms, 1);
  const Matrix<T> X = check::gaussian<T>(features, signals, 2);
  const Matrix<double> expected = D.template cast<double>().transpose() * X.template cast<double>();
  const PanelDictionary<T> panels({2, {}}, D);
  const Index rows = round_up(atoms, PanelDictionary<T>::kRows);
  Matrix<T> out = Matrix<T>::Constant(rows, signals, T(7));
  panels.correlate(X, out);
  CHECK_NEAR((out.topRows(atoms).template cast<double>() - expected).cwiseAbs().maxCoeff(), 0.0,
             8 * static_cast<double>(Eigen::NumTraits<T>::epsilon()));
  CHECK(out.bottomRows(rows - atoms).cwiseAbs().sum() == T(0));
  // Every signal is on its own, whoever is beside it.
  Matrix<T> alone(rows, 1);
  panels.correlate(X.rightCols(1), alone);
  CHECK(alone == out.rightCols(1));
  // Nor does it matter when the atoms are read, and whether they are copied.
  for (const Panels kind : {Panels::stored, Panels::transient}) {
    Matrix<T> early = Matrix<T>::Constant(rows, signals, T(7)), late = early;
    const PanelDictionary<T> read({2, {}}, D, kind, X, early);
    read.correlate(X, late);
    CHECK(early == out && late == out);
    Matrix<T> products(rows, atoms);
    read.correlate(D, products);
    CHECK(read.squared_norms() == products.diagonal());
    CHECK(panels.squared_norms() == products.diagonal());
  }
}

// Atoms that fill no panel, features that fill no part of the sum, signals that are not four.
TEST(correlates_dictionaries_of_any_size) {
  for (const Index features : {0, 1, 127, 128, 300})
    for (const Index atoms : {1, 64, 100})
      for (const Index signals : {1, 2, 3, 4, 9}) {
        check_products<float>(features, atoms, signals);
        check_products<double>(features, atoms, signals);
      }
}

}  // namespace
