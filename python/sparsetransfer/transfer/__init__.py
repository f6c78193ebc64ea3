"""Sparse codes of several domains, coupled through their distributions and their neighbours."""

from sparsetransfer.transfer.coder import TransferSparseCoding
from sparsetransfer.transfer.couplings import MeanCoupling, couple_classes, couple_domains
from sparsetransfer.transfer.domains import check_domains, domains_from_labels, labelled, pack
from sparsetransfer.transfer.encode import transfer_encode
from sparsetransfer.transfer.learn import transfer_learn
from sparsetransfer.transfer.regression import RegressionCoefficients, sparse_regression
from sparsetransfer.transfer.result import TransferCodes, TransferDictionary, TransferProgress

__all__ = [
    "MeanCoupling",
    "RegressionCoefficients",
    "TransferCodes",
    "TransferDictionary",
    "TransferProgress",
    "TransferSparseCoding",
    "check_domains",
    "couple_classes",
    "couple_domains",
    "domains_from_labels",
    "labelled",
    "pack",
    "sparse_regression",
    "transfer_encode",
    "transfer_learn",
]
