"""Corpora: tables of labelled utterances, read by file-name scheme or from a manifest."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer._messages import missing_extra

try:
    import pandas as pd  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sparsetransfer.corpora", "speech") from error

from sparsetransfer.corpora.check import check
from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.emotions import EMOTIONS
from sparsetransfer.corpora.fetch import fetch
from sparsetransfer.corpora.manifest import read_manifest, read_unlabelled
from sparsetransfer.corpora.reader import read
from sparsetransfer.corpora.scheme import names, scheme

__all__ = [
    "EMOTIONS",
    "Corpus",
    "check",
    "fetch",
    "names",
    "read",
    "read_manifest",
    "read_unlabelled",
    "scheme",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "Scheme": "corpora.scheme",
            "vocabulary": "corpora.emotions",
            "COLUMNS": "corpora.corpus",
            "CorpusCheck": "corpora.check",
            "UNLABELLED": "corpora.manifest",
            "synonyms": "corpora.emotions",
            "vocabularies": "corpora.emotions",
        },
    )
