"""The embedded corpora: a small speech synthesiser and two domains of acted emotion."""

from sparsetransfer.synthetic.corpora import make_corpora
from sparsetransfer.synthetic.phonemes import PHONEMES
from sparsetransfer.synthetic.synthesis import record, synthesise
from sparsetransfer.synthetic.voice import SAMPLE_RATE, Prosody, Recording, Voice

__all__ = [
    "PHONEMES",
    "SAMPLE_RATE",
    "Prosody",
    "Recording",
    "Voice",
    "make_corpora",
    "record",
    "synthesise",
]
