"""Features: one row of numbers per utterance, by named and versioned feature sets."""

from sparsetransfer.features.descriptors import DESCRIPTORS, Frames, describe
from sparsetransfer.features.extraction import extract
from sparsetransfer.features.feature_set import FeatureSet, feature_set, names
from sparsetransfer.features.functionals import Functionals
from sparsetransfer.features.is09 import ChallengeStyle
from sparsetransfer.features.opensmile import OpenSmile
from sparsetransfer.features.table import FeatureTable
from sparsetransfer.features.wide import Wide

__all__ = [
    "DESCRIPTORS",
    "ChallengeStyle",
    "FeatureSet",
    "FeatureTable",
    "Frames",
    "Functionals",
    "OpenSmile",
    "Wide",
    "describe",
    "extract",
    "feature_set",
    "names",
]
