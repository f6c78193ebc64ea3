"""Sparse codes of signals in a given dictionary, each with its certificate."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.sparse_coding.coder import SparseCoder
from sparsetransfer.sparse_coding.compatible import sparse_encode
from sparsetransfer.sparse_coding.functional import lasso, lasso_gram, threshold
from sparsetransfer.sparse_coding.path import lasso_path
from sparsetransfer.sparse_coding.pooled import lasso_pooled
from sparsetransfer.sparse_coding.prepared import PreparedDictionary
from sparsetransfer.sparse_coding.pursuit import omp, omp_gram

__all__ = [
    "PreparedDictionary",
    "SparseCoder",
    "lasso",
    "lasso_gram",
    "lasso_path",
    "lasso_pooled",
    "omp",
    "omp_gram",
    "sparse_encode",
    "threshold",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "LassoPath": "sparse_coding.path",
            "PooledCodes": "sparse_coding.pooled",
            "SparseCodes": "sparse_coding.result",
        },
    )
