"""Learning from an array: with given or estimated pseudo-labels, in rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import FloatArray, check_integer, check_real
from sparsetransfer.transfer.couplings import MeanContrasts
from sparsetransfer.transfer.estimator.preparation import (
    PseudoLabelCoupling,
    atom_count,
    first_dictionary,
    source_labels,
)
from sparsetransfer.transfer.inductive import GraphExtension
from sparsetransfer.transfer.learn import alternate
from sparsetransfer.transfer.result import TransferDictionary

if TYPE_CHECKING:
    from sparsetransfer.transfer.estimator.coder import TransferSparseCoding

__all__ = ["learn_rounds"]


def learn_rounds(
    coder: TransferSparseCoding,
    signals: FloatArray,
    domains: NDArray[np.int64] | None,
    y: ArrayLike | None,
    pseudo_labels: ArrayLike | None,
    graph: GraphExtension | None,
    threads: int,
) -> tuple[TransferDictionary, MeanContrasts | None, NDArray[np.generic] | None]:
    """Learn with the parameters of an estimator until pseudo-labels stay as they are.

    `coder`: the estimator. `signals` (n_samples, n_features): validated samples. `domains`
    (n_samples,): their domains; None for one. `y`, `pseudo_labels`: as in
    `TransferSparseCoding.fit`. `graph`: neighbours of the samples. `threads`: number of threads.
    Returns `learned`. `coupling`: that of the last round. `pseudo_labels` (n_target,): the most
    likely classes it took.
    """
    optimisation = coder._group("optimisation")
    regularisation = coder._group("regularisation")
    label_term = coder._group("label_term")
    classes, probabilities = _class_coupling(coder, domains, y, pseudo_labels)
    n_components = atom_count(coder.n_components, len(signals), optimisation.dict_init)
    start = first_dictionary(signals, n_components, optimisation.dict_init, coder.random_state)
    labels = source_labels(y, domains)

    def learn(atoms: FloatArray, codes: FloatArray | None) -> TransferDictionary:
        return alternate(
            signals,
            atoms,
            coupling=coupling,
            alpha=coder.alpha,
            mmd=coder.mmd,
            laplacian=coder._group("graph").weight,
            graph=None if graph is None else graph.laplacian,
            l2=regularisation.l2,
            positive_code=regularisation.positive_code,
            positive_dict=regularisation.positive_dict,
            label=label_term.weight,
            label_l2=label_term.l2,
            y=labels,
            solver=optimisation.solver,
            dictionary_update=optimisation.dictionary_update,
            code_init=codes,
            max_iter=coder.max_iter,
            tol=coder.tol,
            kkt_tol=optimisation.kkt_tol,
            callback=optimisation.callback,
            threads=threads,
        )

    coupling = None if classes is None else classes.coupling(probabilities)
    learned = learn(start, None)
    if classes is None or classes.conditional == 0:
        return learned, coupling, None
    for _ in range(coder._group("matching").n_rounds):
        before, probabilities = probabilities, classes.estimate(learned.codes.codes)
        if before is not None and np.array_equal(before, probabilities):
            break
        coupling = classes.coupling(probabilities)
        learned = learn(learned.components, learned.codes.codes)
    found = None if probabilities is None else classes.most_likely(probabilities)
    return learned, coupling, found


def _class_coupling(
    coder: Any,
    domains: NDArray[np.int64] | None,
    y: ArrayLike | None,
    given: ArrayLike | None,
) -> tuple[PseudoLabelCoupling | None, NDArray[np.float64] | None]:
    matching = coder._group("matching")
    conditional = check_real(matching.conditional, "conditional", minimum=0)
    rounds = check_integer(matching.n_rounds, "n_rounds", minimum=0)
    if conditional > 0 and given is None and rounds == 0:
        raise ValueError(
            f"conditional={conditional} needs pseudo_labels of the target, or n_rounds > 0 to "
            "estimate them"
        )
    if domains is None:
        return None, None
    classes = PseudoLabelCoupling(domains, y, matching)
    if conditional == 0 or given is None:
        return classes, None
    return classes, classes.check_pseudo_labels(given)
