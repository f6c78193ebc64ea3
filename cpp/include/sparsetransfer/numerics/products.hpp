#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

// Eigen compiles a product anew for every type that its operands have, which takes longer than all
// else that a source does with it; these are compiled once. A vector is a matrix of one column. The
// result shares no memory with a and b.

/// c = a b
template <typename T>
void set_product(MatrixRef<T> c, ConstMatrixRef<T> a, ConstMatrixRef<T> b);
/// c = a' b
template <typename T>
void set_product_tn(MatrixRef<T> c, ConstMatrixRef<T> a, ConstMatrixRef<T> b);
/// c = a b'
template <typename T>
void set_product_nt(MatrixRef<T> c, ConstMatrixRef<T> a, ConstMatrixRef<T> b);

/// c += scale a b
template <typename T>
void add_product(MatrixRef<T> c, T scale, ConstMatrixRef<T> a, ConstMatrixRef<T> b);
/// c += scale a' b
template <typename T>
void add_product_tn(MatrixRef<T> c, T scale, ConstMatrixRef<T> a, ConstMatrixRef<T> b);
/// c += scale a b'
template <typename T>
void add_product_nt(MatrixRef<T> c, T scale, ConstMatrixRef<T> a, ConstMatrixRef<T> b);

}  // namespace sparsetransfer
