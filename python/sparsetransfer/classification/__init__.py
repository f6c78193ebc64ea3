"""Recipes from features to decisions."""

from sparsetransfer.classification.labelled_only import LabelledOnly
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

__all__ = [
    "BalancedRidge",
    "LabelledOnly",
    "MultiView",
    "PriorBalance",
    "RidgeFit",
    "TransferPipeline",
    "balance_prior",
    "class_targets",
    "class_weights",
    "join_views",
    "make_transfer_pipeline",
    "ridge",
    "view_columns",
]
