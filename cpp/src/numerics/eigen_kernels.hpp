#pragma once

#include <Eigen/Core>

// Eigen's matrix products are compiled once, in eigen_kernels.cpp, and not again in every source
// that forms one: this header is part of the precompiled one, and only saves time. The names are
// internal ones of Eigen 3.4; with another version every source compiles its own, as ever.
#define SPARSETRANSFER_EIGEN_KERNELS_OF(prefix, T)                                                \
  prefix template struct gebp_kernel<T, T, Index, blas_data_mapper<T, Index, ColMajor>,           \
                                     gebp_traits<T, T>::mr, gebp_traits<T, T>::nr, false, false>; \
  SPARSETRANSFER_EIGEN_KERNELS_FROM(prefix, T, ColMajor, RowMajor)                                \
  SPARSETRANSFER_EIGEN_KERNELS_FROM(prefix, T, RowMajor, ColMajor)
#define SPARSETRANSFER_EIGEN_KERNELS_FROM(prefix, T, Order, Other)                            \
  prefix template struct gemm_pack_lhs<T, Index, const_blas_data_mapper<T, Index, Order>,     \
                                       gebp_traits<T, T>::mr, gebp_traits<T, T>::LhsProgress, \
                                       gebp_traits<T, T>::LhsPacket4Packing, Order>;          \
  prefix template struct gemm_pack_rhs<T, Index, const_blas_data_mapper<T, Index, Order>,     \
                                       gebp_traits<T, T>::nr, Order>;                         \
  prefix template struct general_matrix_vector_product<                                       \
      Index, T, const_blas_data_mapper<T, Index, Order>, Order, false, T,                     \
      const_blas_data_mapper<T, Index, Other>, false>;                                        \
  prefix template struct general_matrix_vector_product<                                       \
      Index, T, const_blas_data_mapper<T, Index, Order>, Order, false, T,                     \
      const_blas_data_mapper<T, Index, Order>, false>;

#if EIGEN_WORLD_VERSION == 3 && EIGEN_MAJOR_VERSION == 4
#define SPARSETRANSFER_EIGEN_KERNELS(prefix)      \
  namespace Eigen::internal {                     \
  SPARSETRANSFER_EIGEN_KERNELS_OF(prefix, float)  \
  SPARSETRANSFER_EIGEN_KERNELS_OF(prefix, double) \
  }
#else
#define SPARSETRANSFER_EIGEN_KERNELS(prefix)
#endif

SPARSETRANSFER_EIGEN_KERNELS(extern)
