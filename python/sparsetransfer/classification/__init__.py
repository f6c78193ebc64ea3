"""Recipes from features to decisions."""

from sparsetransfer.classification.labelled_only import LabelledOnly
from sparsetransfer.classification.pipelines import TransferPipeline, make_transfer_pipeline

__all__ = ["LabelledOnly", "TransferPipeline", "make_transfer_pipeline"]
