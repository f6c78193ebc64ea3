#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer::transfer {

/// The metric of the proximal operator and the scratch of one worker.
template <typename T>
struct RowProx {
  const Matrix<T>& means;   // E
  const Matrix<T>& scaled;  // tau E
  const Vector<T>& threshold;
  const Vector<T>& steps;
  bool positive;
  Vector<T> shifted;
  Vector<T> active;

  using ConstColumn = Eigen::Map<const Vector<T>>;
  using Column = Eigen::Map<Vector<T>>;

  /// Writes the codes of one atom; `mean` holds a guess of E' times them on entry, the value on
  /// return.
  void solve(const Vector<T>& z, Column code, Eigen::Ref<Vector<T>> mean);

 private:
  void shrink(const Vector<T>& z, Column code) const;
  void solve_one(const Vector<T>& z, Column code, T& mean);
  void solve_many(const Vector<T>& z, Column code, Eigen::Ref<Vector<T>> mean);
  T evaluate(const Vector<T>& z, const Vector<T>& t, Column code);
  void indicate(const Column& code);
};

extern template struct RowProx<float>;
extern template struct RowProx<double>;

}  // namespace sparsetransfer::transfer
