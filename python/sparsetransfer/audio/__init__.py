"""Reading recordings: any format libsndfile knows, as mono signals at one stated rate."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.audio.io import load
from sparsetransfer.audio.recording import duration

__all__ = [
    "duration",
    "load",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "EXTENSIONS": "audio.files",
            "content_hash": "audio.files",
            "find_files": "audio.files",
            "levels": "audio.level",
        },
    )
