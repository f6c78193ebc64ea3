#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {

template <typename T>
void set_product(MatrixRef<T> c, ConstMatrixRef<T> a, ConstMatrixRef<T> b) {
  c.setZero();
  add_product<T>(c, T(1), a, b);
}

template <typename T>
void set_product_tn(MatrixRef<T> c, ConstMatrixRef<T> a, ConstMatrixRef<T> b) {
  c.setZero();
  add_product_tn<T>(c, T(1), a, b);
}

template <typename T>
void set_product_nt(MatrixRef<T> c, ConstMatrixRef<T> a, ConstMatrixRef<T> b) {
  c.setZero();
  add_product_nt<T>(c, T(1), a, b);
}

template <typename T>
void add_product(MatrixRef<T> c, T scale, ConstMatrixRef<T> a, ConstMatrixRef<T> b) {
  c.noalias() += (scale * a) * b;
}

template <typename T>
void add_product_tn(MatrixRef<T> c, T scale, ConstMatrixRef<T> a, ConstMatrixRef<T> b) {
  c.noalias() += (scale * a.transpose()) * b;
}

template <typename T>
void add_product_nt(MatrixRef<T> c, T scale, ConstMatrixRef<T> a, ConstMatrixRef<T> b) {
  c.noalias() += (scale * a) * b.transpose();
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                     \
  template void set_product<T>(MatrixRef<T>, ConstMatrixRef<T>, ConstMatrixRef<T>);       \
  template void set_product_tn<T>(MatrixRef<T>, ConstMatrixRef<T>, ConstMatrixRef<T>);    \
  template void set_product_nt<T>(MatrixRef<T>, ConstMatrixRef<T>, ConstMatrixRef<T>);    \
  template void add_product<T>(MatrixRef<T>, T, ConstMatrixRef<T>, ConstMatrixRef<T>);    \
  template void add_product_tn<T>(MatrixRef<T>, T, ConstMatrixRef<T>, ConstMatrixRef<T>); \
  template void add_product_nt<T>(MatrixRef<T>, T, ConstMatrixRef<T>, ConstMatrixRef<T>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
