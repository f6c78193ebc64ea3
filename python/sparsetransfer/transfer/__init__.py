"""Sparse codes of several domains, coupled through their distributions and their neighbours."""

from typing import TYPE_CHECKING

from sparsetransfer._domains import pack
from sparsetransfer._former import former_names
from sparsetransfer.transfer.couplings import couple_classes, couple_domains
from sparsetransfer.transfer.encode import transfer_encode
from sparsetransfer.transfer.estimator.coder import TransferSparseCoding
from sparsetransfer.transfer.estimator.options import (
    DomainMatching,
    LabelTerm,
    NeighbourGraph,
    Optimisation,
    Regularisation,
)
from sparsetransfer.transfer.factorisation import TransferNMF
from sparsetransfer.transfer.kernel.coder import KernelTransferSparseCoding
from sparsetransfer.transfer.kernel.problem import kernel_encode, kernel_learn
from sparsetransfer.transfer.learn import transfer_learn
from sparsetransfer.transfer.pooled.coder import PooledSparseCoder
from sparsetransfer.transfer.regression import (
    AKTLR,
    JDAR,
    TDLR,
    TSDSL,
    DoSL,
    ImplicitDistributionAlignment,
    TRaSL,
    sparse_regression,
)

__all__ = [
    "AKTLR",
    "JDAR",
    "TDLR",
    "TSDSL",
    "DoSL",
    "DomainMatching",
    "ImplicitDistributionAlignment",
    "KernelTransferSparseCoding",
    "LabelTerm",
    "NeighbourGraph",
    "Optimisation",
    "PooledSparseCoder",
    "Regularisation",
    "TRaSL",
    "TransferNMF",
    "TransferSparseCoding",
    "couple_classes",
    "couple_domains",
    "kernel_encode",
    "kernel_learn",
    "pack",
    "sparse_regression",
    "transfer_encode",
    "transfer_learn",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "KernelCodes": "transfer.kernel.problem",
            "KernelDictionary": "transfer.kernel.problem",
            "MeanCoupling": "transfer.couplings:MeanContrasts",
            "RegressionCoefficients": "transfer.regression.solver",
            "TransferCodes": "transfer.result",
            "TransferDictionary": "transfer.result",
            "TransferProgress": "transfer.result",
            "check_domains": "_domains",
            "domains_from_labels": "_domains",
            "labelled": "_labels",
        },
    )
