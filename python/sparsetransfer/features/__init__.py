"""Features: one row of numbers per utterance, or one per frame, by named and versioned sets."""

from sparsetransfer._messages import missing_extra

try:
    import pandas as pd  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sparsetransfer.features", "speech") from error

from sparsetransfer.features.descriptors.descriptors import DESCRIPTORS, Frames, describe
from sparsetransfer.features.extraction import extract
from sparsetransfer.features.feature_set import BatchFeatureSet, FeatureSet, feature_set, names
from sparsetransfer.features.files import read_table, write_table
from sparsetransfer.features.sequences import SequenceTable, extract_sequences
from sparsetransfer.features.sets.encoder import Encoder
from sparsetransfer.features.sets.functionals import Functionals
from sparsetransfer.features.sets.is09 import ChallengeStyle
from sparsetransfer.features.sets.opensmile import OpenSmile
from sparsetransfer.features.sets.speaker import Speaker, SpeakerFrames
from sparsetransfer.features.sets.spectrogram import FilterBank, LogMel
from sparsetransfer.features.sets.wide import Wide
from sparsetransfer.features.table import FeatureTable

__all__ = [
    "DESCRIPTORS",
    "BatchFeatureSet",
    "ChallengeStyle",
    "Encoder",
    "FeatureSet",
    "FeatureTable",
    "FilterBank",
    "Frames",
    "Functionals",
    "LogMel",
    "OpenSmile",
    "SequenceTable",
    "Speaker",
    "SpeakerFrames",
    "Wide",
    "describe",
    "extract",
    "extract_sequences",
    "feature_set",
    "names",
    "read_table",
    "write_table",
]
