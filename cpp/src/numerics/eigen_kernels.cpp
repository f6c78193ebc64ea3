#include "eigen_kernels.hpp"

SPARSETRANSFER_EIGEN_KERNELS()
