"""The embedded corpora: a small speech synthesiser and two domains of acted emotion."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.synthetic.corpora import make_corpora

__all__ = [
    "make_corpora",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "record": "synthetic.synthesis",
            "PHONEMES": "synthetic.phonemes",
            "Prosody": "synthetic.voice",
            "Recording": "synthetic.voice",
            "SAMPLE_RATE": "synthetic.voice",
            "Voice": "synthetic.voice",
            "synthesise": "synthetic.synthesis",
        },
    )
