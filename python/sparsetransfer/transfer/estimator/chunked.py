"""Fitting `TransferSparseCoding` to chunks instead of an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sparsetransfer._validation import check_real
from sparsetransfer.distributed import ChunkedDictionary, Chunks, Engine, learn

if TYPE_CHECKING:
    from sparsetransfer.transfer.estimator.coder import TransferSparseCoding
from sparsetransfer.transfer.estimator.preparation import atom_count

__all__ = ["learn_chunks"]

_FOR_ARRAYS_ONLY = {
    "n_rounds": 0,
    "class_weight": None,
    "classifier": None,
    "soft_labels": False,
    "label": 0.0,
    "contrast": "pooled",
    "positive_dict": False,
    "solver": "auto",
    "dictionary_update": "block_coordinate",
    "kkt_tol": None,
    "callback": None,
}


def learn_chunks(
    coder: TransferSparseCoding, chunks: Chunks, engine: Engine | None
) -> tuple[ChunkedDictionary, NDArray[np.float64]]:
    """Learn with the parameters of an estimator.

    Parameters
    ----------
    coder : TransferSparseCoding
        The estimator.
    chunks : Chunks
        The samples of both domains.
    engine : Engine or None
        Where chunks are coded.

    Returns
    -------
    learned : ChunkedDictionary
        The dictionary and its certificates.
    pulls : ndarray of shape (2, n_components)
        The mean gradient of the MMD terms for a source and for a target code.

    Raises
    ------
    ValueError
        If a parameter has no effect on chunks, or needs all samples at once.
    """
    for name, value in _FOR_ARRAYS_ONLY.items():
        given = getattr(coder, name)
        if given is not value and given != value:
            raise ValueError(
                f"{name}={given!r} does not work on chunks; it must be {value!r}, or X an array"
            )
    n_components = atom_count(coder.n_components, chunks.n_samples, coder.dict_init)
    if n_components > chunks.n_samples and coder.dict_init is None:
        raise ValueError(
            f"n_components must be at most the number of samples, {chunks.n_samples}, got "
            f"{n_components}; leave it at its default to have as many atoms as fit"
        )
    source = sum(chunk.n_samples for chunk in chunks if chunk.domain > 0)
    target = chunks.n_samples - source
    mmd = check_real(coder.mmd, "mmd", minimum=0)
    learned = learn(
        chunks,
        n_components,
        alpha=check_real(coder.alpha, "alpha", minimum=0, strict=True),
        mmd=mmd,
        conditional=coder.conditional,
        laplacian=coder.laplacian,
        n_neighbors=coder.n_neighbors,
        graph_weights=coder.graph_weights,
        normalized_laplacian=coder.normalized_laplacian,
        l2=coder.l2,
        positive=coder.positive_code,
        max_iter=coder.max_iter,
        tol=coder.tol,
        dict_init=coder.dict_init,
        engine=engine,
        rng=_seed(coder.random_state),
        n_threads=coder.n_jobs,
    )
    pulls = np.zeros((2, n_components))
    if mmd > 0:
        pulls = np.outer([1 / source, -1 / target], learned.multiplier)
    return learned, pulls


def _seed(random_state: Any) -> np.random.Generator | int:
    if isinstance(random_state, np.random.Generator):
        return random_state
    return int(check_random_state(random_state).randint(2**31))
