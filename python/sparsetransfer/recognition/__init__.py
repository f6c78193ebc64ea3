"""Recognisers for use: adapted to recordings that nobody labelled, saved, and met by new ones."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.recognition.adaptation import adapt
from sparsetransfer.recognition.files.linear import ModelError, load_model, save_model
from sparsetransfer.recognition.labelled import use_labels
from sparsetransfer.recognition.linear import fit_recogniser, recognise
from sparsetransfer.recognition.recogniser import Recogniser
from sparsetransfer.recognition.recordings.recognise import recognise_recordings
from sparsetransfer.recognition.recordings.stream import recognise_stream

__all__ = [
    "ModelError",
    "Recogniser",
    "adapt",
    "fit_recogniser",
    "load_model",
    "recognise",
    "recognise_recordings",
    "recognise_stream",
    "save_model",
    "use_labels",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "FLAGS": "recognition.recordings.recognise",
            "AdaptedModel": "recognition.adapted",
            "Adjustment": "recognition.calibration",
            "Answers": "recognition.adapted",
            "Calibration": "recognition.calibration",
            "EstimatedShares": "recognition.shares",
            "LabelledScore": "recognition.labelled",
            "LinearRecogniser": "recognition.linear",
            "Novelty": "recognition.novelty",
            "RecordingAnswer": "recognition.recordings.recognise",
            "Window": "recognition.linear",
            "fit_adjustment": "recognition.calibration",
            "fit_calibration": "recognition.calibration",
            "fit_novelty": "recognition.novelty",
            "estimate_shares": "recognition.shares",
            "labels_needed": "recognition.labelled",
            "score_labelled": "recognition.labelled",
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
