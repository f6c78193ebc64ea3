"""Recognisers for use: adapted to recordings that nobody labelled, saved, and met by new ones."""

from sparsetransfer.recognition.adaptation import UNLABELLED, adapt, check_method
from sparsetransfer.recognition.adapted import AdaptedModel, Answers
from sparsetransfer.recognition.calibration import Calibration, fit_calibration
from sparsetransfer.recognition.novelty import Novelty, fit_novelty
from sparsetransfer.recognition.recogniser import Recogniser
from sparsetransfer.recognition.state import StateError, pack_state, unpack_state

__all__ = [
    "UNLABELLED",
    "AdaptedModel",
    "Answers",
    "Calibration",
    "Novelty",
    "Recogniser",
    "StateError",
    "adapt",
    "check_method",
    "fit_calibration",
    "fit_novelty",
    "pack_state",
    "unpack_state",
]
