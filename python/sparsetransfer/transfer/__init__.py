"""Sparse codes of several domains, coupled through their distributions and their neighbours."""

from sparsetransfer.transfer.coder import TransferSparseCoding
from sparsetransfer.transfer.domains import check_domains, domains_from_labels, labelled, pack
from sparsetransfer.transfer.functional import (
    TransferCodes,
    TransferDictionary,
    TransferProgress,
    transfer_encode,
    transfer_learn,
)

__all__ = [
    "TransferCodes",
    "TransferDictionary",
    "TransferProgress",
    "TransferSparseCoding",
    "check_domains",
    "domains_from_labels",
    "labelled",
    "pack",
    "transfer_encode",
    "transfer_learn",
]
