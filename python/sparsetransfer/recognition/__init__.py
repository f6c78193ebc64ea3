"""Recognisers for use: adapted to recordings that nobody labelled, saved, and met by new ones."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.recognition.adaptation import adapt
from sparsetransfer.recognition.adapted import AdaptedModel, Answers
from sparsetransfer.recognition.calibration import (
    Adjustment,
    Calibration,
    fit_adjustment,
    fit_calibration,
)
from sparsetransfer.recognition.files.linear import ModelError, load_model, save_model
from sparsetransfer.recognition.labelled import (
    LabelledScore,
    labels_needed,
    score_labelled,
    use_labels,
)
from sparsetransfer.recognition.linear import (
    LinearRecogniser,
    Window,
    fit_recogniser,
    recognise,
)
from sparsetransfer.recognition.novelty import Novelty, fit_novelty
from sparsetransfer.recognition.recogniser import Recogniser
from sparsetransfer.recognition.recordings.recognise import (
    FLAGS,
    RecordingAnswer,
    recognise_recordings,
)
from sparsetransfer.recognition.recordings.stream import recognise_stream
from sparsetransfer.recognition.shares import EstimatedShares, estimate_shares

__all__ = [
    "FLAGS",
    "AdaptedModel",
    "Adjustment",
    "Answers",
    "Calibration",
    "EstimatedShares",
    "LabelledScore",
    "LinearRecogniser",
    "ModelError",
    "Novelty",
    "Recogniser",
    "RecordingAnswer",
    "Window",
    "adapt",
    "estimate_shares",
    "fit_adjustment",
    "fit_calibration",
    "fit_novelty",
    "fit_recogniser",
    "labels_needed",
    "load_model",
    "recognise",
    "recognise_recordings",
    "recognise_stream",
    "save_model",
    "score_labelled",
    "use_labels",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "Journal": "recognition.recordings.journal",
            "StateError": "recognition.files.state",
            "WHOLE": "recognition.recordings.parts",
            "check_method": "recognition.adaptation",
            "cut_long": "recognition.recordings.parts",
            "joined": "recognition.recordings.parts",
            "known_speakers": "recognition.recordings.parts",
            "name_views": "recognition.recordings.recognise",
            "pack_state": "recognition.files.state",
            "unpack_state": "recognition.files.state",
            "usable_recordings": "recognition.recordings.parts",
        },
    )
