"""Transformations that bring source and target together: the baselines of domain adaptation."""

from sparsetransfer.subspace.alignment import SubspaceAlignment
from sparsetransfer.subspace.components import (
    JointDistributionAdaptation,
    TransferComponentAnalysis,
)
from sparsetransfer.subspace.correlation import CORAL

__all__ = [
    "CORAL",
    "JointDistributionAdaptation",
    "SubspaceAlignment",
    "TransferComponentAnalysis",
]
