"""Recognisers for use: adapted to recordings that nobody labelled, saved, and met by new ones."""

from sparsetransfer.recognition.adaptation import adapt, check_method
from sparsetransfer.recognition.adapted import AdaptedModel, Answers
from sparsetransfer.recognition.calibration import Calibration, fit_calibration
from sparsetransfer.recognition.journal import Journal
from sparsetransfer.recognition.labelled import (
    LabelledScore,
    labels_needed,
    score_answers,
    score_labelled,
)
from sparsetransfer.recognition.novelty import Novelty, fit_novelty
from sparsetransfer.recognition.parts import (
    WHOLE,
    cut_long,
    joined,
    known_speakers,
    usable_recordings,
)
from sparsetransfer.recognition.recogniser import Recogniser
from sparsetransfer.recognition.recordings import (
    FLAGS,
    RecordingAnswer,
    name_views,
    recognise_recordings,
)
from sparsetransfer.recognition.shares import EstimatedShares, estimate_shares
from sparsetransfer.recognition.state import StateError, pack_state, unpack_state
from sparsetransfer.recognition.stream import recognise_stream

__all__ = [
    "FLAGS",
    "WHOLE",
    "AdaptedModel",
    "Answers",
    "Calibration",
    "EstimatedShares",
    "Journal",
    "LabelledScore",
    "Novelty",
    "Recogniser",
    "RecordingAnswer",
    "StateError",
    "adapt",
    "check_method",
    "cut_long",
    "estimate_shares",
    "fit_calibration",
    "fit_novelty",
    "joined",
    "known_speakers",
    "labels_needed",
    "name_views",
    "pack_state",
    "recognise_recordings",
    "recognise_stream",
    "score_answers",
    "score_labelled",
    "unpack_state",
    "usable_recordings",
]
