"""Reading recordings: any format libsndfile knows, as mono signals at one stated rate."""

from sparsetransfer.audio.files import EXTENSIONS, content_hash, find_files
from sparsetransfer.audio.io import load
from sparsetransfer.audio.level import levels
from sparsetransfer.audio.recording import duration

__all__ = ["EXTENSIONS", "content_hash", "duration", "find_files", "levels", "load"]
