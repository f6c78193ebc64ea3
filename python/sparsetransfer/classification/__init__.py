"""Recipes from features to decisions."""

from sparsetransfer.classification.evidence import Rise, agreement_rise, group_tie_rise
from sparsetransfer.classification.labelled_only import LabelledOnly
from sparsetransfer.classification.model_selection import SourceGroupKFold, known_label_scorer
from sparsetransfer.classification.multi_view import MultiView, join_views, view_columns
from sparsetransfer.classification.pipelines import TransferPipeline, make_transfer_pipeline
from sparsetransfer.classification.priors import PriorBalance, balance_prior
from sparsetransfer.classification.ridge import (
    BalancedRidge,
    RidgeFit,
    class_targets,
    class_weights,
    ridge,
)
from sparsetransfer.classification.safeguard import Safeguard, SafeguardDecision

__all__ = [
    "BalancedRidge",
    "LabelledOnly",
    "MultiView",
    "PriorBalance",
    "RidgeFit",
    "Rise",
    "Safeguard",
    "SafeguardDecision",
    "SourceGroupKFold",
    "TransferPipeline",
    "agreement_rise",
    "balance_prior",
    "class_targets",
    "class_weights",
    "group_tie_rise",
    "join_views",
    "known_label_scorer",
    "make_transfer_pipeline",
    "ridge",
    "view_columns",
]
