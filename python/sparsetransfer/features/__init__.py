"""Features: one row of numbers per utterance, or one per frame, by named and versioned sets."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer._messages import missing_extra

try:
    import pandas as pd  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sparsetransfer.features", "speech") from error

from sparsetransfer.features.extraction import extract
from sparsetransfer.features.feature_set import FeatureSet, feature_set, names
from sparsetransfer.features.files import read_table, write_table
from sparsetransfer.features.sequences import extract_sequences
from sparsetransfer.features.sets.encoder import Encoder
from sparsetransfer.features.sets.speaker import Speaker, SpeakerFrames
from sparsetransfer.features.sets.spectrogram import FilterBank, LogMel

__all__ = [
    "Encoder",
    "FeatureSet",
    "FilterBank",
    "LogMel",
    "Speaker",
    "SpeakerFrames",
    "extract",
    "extract_sequences",
    "feature_set",
    "names",
    "read_table",
    "write_table",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "Frames": "features.sets.functionals",
            "Functionals": "features.sets.functionals",
            "BatchFeatureSet": "features.feature_set",
            "ChallengeStyle": "features.sets.is09",
            "DESCRIPTORS": "features.sets.functionals",
            "FeatureTable": "features.table",
            "OpenSmile": "features.sets.opensmile",
            "SequenceTable": "features.sequences",
            "Wide": "features.sets.wide",
            "describe": "features.sets.functionals",
        },
    )
