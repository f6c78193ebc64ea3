"""Regressions from features to class labels that align two domains, on one certified solver."""

from sparsetransfer.transfer.regression.aligned import AKTLR, JDAR, DoSL, TRaSL
from sparsetransfer.transfer.regression.discriminant import TSDSL
from sparsetransfer.transfer.regression.implicit import ImplicitDistributionAlignment
from sparsetransfer.transfer.regression.relaxed import TDLR
from sparsetransfer.transfer.regression.sparse import sparse_regression

__all__ = [
    "AKTLR",
    "JDAR",
    "TDLR",
    "TSDSL",
    "DoSL",
    "ImplicitDistributionAlignment",
    "TRaSL",
    "sparse_regression",
]
