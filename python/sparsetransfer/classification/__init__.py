"""Recipes from features to decisions."""

from sparsetransfer.classification.labelled_only import LabelledOnly, labelled
from sparsetransfer.classification.pipelines import TransferPipeline, make_transfer_pipeline

__all__ = ["LabelledOnly", "TransferPipeline", "labelled", "make_transfer_pipeline"]
