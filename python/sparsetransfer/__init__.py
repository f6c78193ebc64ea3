"""Fast, certified sparse transfer solvers for cross-corpus speech emotion recognition.

Importing the package loads the compiled core and nothing else; a subpackage is imported when it is
first named. Solvers take and return arrays and import nothing of audio; the packages of data read
recordings and import no solver; `evaluation` brings the two together.

===================== ==========================================================================
`sparse_coding`       codes of signals in a given dictionary, each with its duality gap
`mmd`                 the maximum mean discrepancy between two domains, with gradients
`graph`               nearest neighbours and graph Laplacians
`dictionary`          dictionary learning
`subspace`            transformations that align two domains: CORAL, SA, TCA, JDA
`transfer`            dictionaries and codes of two domains, coupled through MMD and Laplacian
`classification`      named recipes from features to decisions
`deep`                three deep systems on the same kernels (extra ``deep``)
`distributed`         the same answers out of core and on a Dask cluster
`audio`               recordings as arrays
`corpora`             tables of recordings, emotions and speakers
`features`            versioned acoustic feature sets with a cache
`synthetic`           two small speech corpora made by a synthesiser
`evaluation`          the cross-corpus protocol and its figures
`recognition`         recognisers that are fitted, saved and meet new recordings
`reporting`           tables and reports
`benchmarking`        how fast this installation is
`exceptions`          errors and warnings
`ProgressBar`         progress of long work, in notebooks too
`get_num_threads`     how many threads a kernel uses
`set_num_threads`     limit them
`show_config`         print versions, instruction sets and threads
===================== ==========================================================================

The names that most programs begin with are here too: `TransferSparseCoding`, the estimator of two
domains, and `pack`, which puts a source and a target into one array for it; and scikit-learn's names
for sparse coding and dictionary learning, so that changing one import is enough: `SparseCoder`,
`DictionaryLearning`, `MiniBatchDictionaryLearning`, `sparse_encode`, `dict_learning` and
`dict_learning_online`.
"""

from sparsetransfer import _interrupts as _interrupts  # first: it handles the signals of commands

# isort: split
import importlib
from typing import TYPE_CHECKING, Any

from sparsetransfer import _simd

_simd.load()

from sparsetransfer._config import show_config
from sparsetransfer._threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

if TYPE_CHECKING:  # what `__getattr__` imports when it is named, for type checkers and editors
    from sparsetransfer import (
        audio,
        benchmarking,
        classification,
        corpora,
        deep,
        dictionary,
        distributed,
        evaluation,
        exceptions,
        features,
        graph,
        mmd,
        recognition,
        reporting,
        sparse_coding,
        subspace,
        synthetic,
        transfer,
    )
    from sparsetransfer._progress import ProgressBar
    from sparsetransfer.dictionary import (
        DictionaryLearning,
        MiniBatchDictionaryLearning,
        dict_learning,
        dict_learning_online,
    )
    from sparsetransfer.sparse_coding import SparseCoder, sparse_encode
    from sparsetransfer.transfer import TransferSparseCoding, pack

_HOMES = {
    "DictionaryLearning": "dictionary",
    "MiniBatchDictionaryLearning": "dictionary",
    "ProgressBar": "_progress",
    "SparseCoder": "sparse_coding",
    "TransferSparseCoding": "transfer",
    "dict_learning": "dictionary",
    "dict_learning_online": "dictionary",
    "pack": "transfer",
    "sparse_encode": "sparse_coding",
}

__all__ = [
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "ProgressBar",
    "SparseCoder",
    "TransferSparseCoding",
    "__version__",
    "audio",
    "benchmarking",
    "classification",
    "corpora",
    "deep",
    "dict_learning",
    "dict_learning_online",
    "dictionary",
    "distributed",
    "evaluation",
    "exceptions",
    "features",
    "get_num_threads",
    "graph",
    "mmd",
    "pack",
    "recognition",
    "reporting",
    "set_num_threads",
    "show_config",
    "sparse_coding",
    "sparse_encode",
    "subspace",
    "synthetic",
    "transfer",
]


if not TYPE_CHECKING:  # a type checker has to know a misspelt name from a name

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(f"sparsetransfer.{_HOMES[name]}"), name)
        if name in __all__:  # what is not yet bound above is a subpackage
            return importlib.import_module(f"sparsetransfer.{name}")
        raise AttributeError(f"module 'sparsetransfer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
