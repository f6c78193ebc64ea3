"""Recipes from features to decisions."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.classification.balanced_ridge import BalancedRidge
from sparsetransfer.classification.labelled_only import LabelledOnly
from sparsetransfer.classification.model_selection import SourceGroupKFold
from sparsetransfer.classification.multi_view import MultiView, join_views
from sparsetransfer.classification.pipelines import TransferPipeline, make_transfer_pipeline
from sparsetransfer.classification.safeguard import Safeguard
from sparsetransfer.classification.scorers import known_label_scorer, unlabelled_scorer

__all__ = [
    "BalancedRidge",
    "LabelledOnly",
    "MultiView",
    "Safeguard",
    "SourceGroupKFold",
    "TransferPipeline",
    "join_views",
    "known_label_scorer",
    "make_transfer_pipeline",
    "unlabelled_scorer",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "SafeguardDecision": "classification.safeguard",
            "PriorBalance": "classification.priors",
            "RidgeFit": "classification.balanced_ridge",
            "Rise": "classification.evidence:PairedDifference",
            "agreement_rise": "classification.evidence",
            "balance_prior": "classification.priors",
            "class_targets": "classification.balanced_ridge",
            "class_weights": "classification.balanced_ridge",
            "group_tie_rise": "classification.evidence",
            "ridge": "classification.balanced_ridge",
            "view_columns": "classification.multi_view",
        },
    )
