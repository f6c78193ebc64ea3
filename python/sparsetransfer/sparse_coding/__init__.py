"""Sparse codes of signals in a given dictionary, each with its certificate."""

from sparsetransfer.sparse_coding.chunks import by_chunks
from sparsetransfer.sparse_coding.coder import SparseCoder
from sparsetransfer.sparse_coding.compatible import sparse_encode
from sparsetransfer.sparse_coding.functional import lasso, lasso_gram, threshold
from sparsetransfer.sparse_coding.path import LassoPath, lasso_path
from sparsetransfer.sparse_coding.pooled import PooledCodes, lasso_pooled
from sparsetransfer.sparse_coding.prepared import PreparedDictionary
from sparsetransfer.sparse_coding.pursuit import omp, omp_gram
from sparsetransfer.sparse_coding.result import SparseCodes

__all__ = [
    "LassoPath",
    "PooledCodes",
    "PreparedDictionary",
    "SparseCoder",
    "SparseCodes",
    "by_chunks",
    "lasso",
    "lasso_gram",
    "lasso_path",
    "lasso_pooled",
    "omp",
    "omp_gram",
    "sparse_encode",
    "threshold",
]
