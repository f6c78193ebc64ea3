"""Corpora: tables of labelled utterances, read by file-name scheme or from a manifest."""

from sparsetransfer._messages import missing_extra

try:
    import pandas as pd  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sparsetransfer.corpora", "speech") from error

from sparsetransfer.corpora.check import CorpusCheck, check
from sparsetransfer.corpora.corpus import COLUMNS, Corpus
from sparsetransfer.corpora.emotions import EMOTIONS, synonyms, vocabularies, vocabulary
from sparsetransfer.corpora.fetch import fetch
from sparsetransfer.corpora.manifest import UNLABELLED, read_manifest, read_unlabelled
from sparsetransfer.corpora.reader import read
from sparsetransfer.corpora.scheme import Scheme, names, scheme

__all__ = [
    "COLUMNS",
    "EMOTIONS",
    "UNLABELLED",
    "Corpus",
    "CorpusCheck",
    "Scheme",
    "check",
    "fetch",
    "names",
    "read",
    "read_manifest",
    "read_unlabelled",
    "scheme",
    "synonyms",
    "vocabularies",
    "vocabulary",
]
