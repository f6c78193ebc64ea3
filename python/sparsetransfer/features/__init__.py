"""Features: one row of numbers per utterance, by named and versioned feature sets."""

from sparsetransfer.features.descriptors import DESCRIPTORS, Frames, describe
from sparsetransfer.features.extraction import extract
from sparsetransfer.features.feature_set import FeatureSet, feature_set, names
from sparsetransfer.features.functionals import Functionals
from sparsetransfer.features.table import FeatureTable

__all__ = [
    "DESCRIPTORS",
    "FeatureSet",
    "FeatureTable",
    "Frames",
    "Functionals",
    "describe",
    "extract",
    "feature_set",
    "names",
]
