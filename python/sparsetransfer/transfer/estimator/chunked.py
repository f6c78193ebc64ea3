"""Fitting `TransferSparseCoding` to chunks instead of an array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sparsetransfer._validation import check_real
from sparsetransfer.distributed import Chunks, learn
from sparsetransfer.distributed.engine import Engine
from sparsetransfer.distributed.learn import ChunkedDictionary
from sparsetransfer.transfer.estimator.options import ABSENT
from sparsetransfer.transfer.estimator.preparation import atom_count
from sparsetransfer.transfer.inductive import LinearTerm

if TYPE_CHECKING:
    from sparsetransfer.transfer.estimator.coder import TransferSparseCoding

__all__ = ["fit_chunks", "learn_chunks"]

_FOR_ARRAYS_ONLY = {
    "label_term": ("weight",),
    "matching": ("pairing", "class_weight", "n_rounds", "classifier", "soft_labels"),
    "optimisation": ("solver", "dictionary_update", "kkt_tol", "callback"),
    "regularisation": ("positive_dict",),
}


def fit_chunks(
    coder: TransferSparseCoding, chunks: Chunks, engine: Engine | None, given: Mapping[str, Any]
) -> TransferSparseCoding:
    """Fit an estimator to chunks; `given` holds other arguments of its `fit`, which are refused."""
    if given["pseudo_labels"] is not None:
        raise ValueError(
            "chunks bring their own pseudo-labels (Chunks.with_labels); give no pseudo_labels"
        )
    if given["y"] is not None or given["sample_domain"] is not None:
        raise ValueError("chunks know their domains; give neither y nor sample_domain")
    learned, linear_terms = learn_chunks(coder, chunks, engine)
    for name in ("_stream", "codes_", "feature_names_in_"):
        coder.__dict__.pop(name, None)
    coder.components_ = learned.components
    coder.objective_ = learned.objective
    coder.history_ = learned.history
    coder.n_iter_ = learned.n_iter
    coder.kkt_violation_ = learned.kkt_violation
    coder.duality_gap_ = learned.duality_gap
    coder.converged_ = learned.converged
    coder.mean_difference_ = learned.offset
    coder.pseudo_labels_ = coder.label_classes_ = coder.label_map_ = None
    coder._graph = None
    coder._linear_term = LinearTerm.of_sides(linear_terms, coder.components_.dtype)
    coder._n_features_out = len(coder.components_)
    coder.n_features_in_ = chunks.n_features
    return coder


def learn_chunks(
    coder: TransferSparseCoding, chunks: Chunks, engine: Engine | None
) -> tuple[ChunkedDictionary, NDArray[np.float64]]:
    """Learn with the parameters of an estimator.

    `coder`: the estimator. `chunks`: the samples of both domains. `engine`: where chunks are coded.
    Returns `learned`: the dictionary and its certificates. `linear_terms` (2, n_components): the
    mean gradient of the MMD terms for a source and for a target code. Raises ValueError if a
    parameter has no effect on chunks, or needs all samples at once.
    """
    for group, names in _FOR_ARRAYS_ONLY.items():
        given, plain = coder._group(group), ABSENT[group]
        for name in names:
            wanted, got = getattr(plain, name), getattr(given, name)
            if got is not wanted and got != wanted:
                raise ValueError(
                    f"{name}={got!r} does not work on chunks; it must be {wanted!r} in {group}, or X "
                    "an array"
                )
    graph, optimisation = coder._group("graph"), coder._group("optimisation")
    regularisation = coder._group("regularisation")
    n_components = atom_count(coder.n_components, chunks.n_samples, optimisation.dict_init)
    if n_components > chunks.n_samples and optimisation.dict_init is None:
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
        conditional=coder._group("matching").conditional,
        laplacian=graph.weight,
        n_neighbors=graph.n_neighbors,
        graph_weights=graph.edge_weights,
        normalized_laplacian=graph.normalized,
        l2=regularisation.l2,
        positive_code=regularisation.positive_code,
        max_iter=coder.max_iter,
        tol=coder.tol,
        dict_init=optimisation.dict_init,
        engine=engine,
        rng=_seed(coder.random_state),
        n_jobs=coder.n_jobs,
    )
    linear_terms = np.zeros((2, n_components))
    if mmd > 0:
        linear_terms = np.outer([1 / source, -1 / target], learned.multiplier)
    return learned, linear_terms


def _seed(random_state: Any) -> np.random.Generator | int:
    if isinstance(random_state, np.random.Generator):
        return random_state
    return int(check_random_state(random_state).randint(2**31))
