"""Dictionary learning and transfer sparse coding over chunks, by sums only."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sparsetransfer import _core
from sparsetransfer._files import check_file, check_folder
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import unit_rows
from sparsetransfer._validation import (
    FloatArray,
    check_callable,
    check_choice,
    check_flags,
    check_generator,
    check_integer,
    check_matrix,
    check_real,
)
from sparsetransfer.dictionary import update_dictionary
from sparsetransfer.distributed.checkpoint import resume, run_mark, save
from sparsetransfer.distributed.chunks import Chunks
from sparsetransfer.distributed.coupling import State, code_chunks, mean_weights_of
from sparsetransfer.distributed.engine import Engine, Local
from sparsetransfer.distributed.passes import Graph, Pass, Summary
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.graph.functional import Weights

__all__ = ["ChunkedDictionary", "learn"]


Progress: TypeAlias = Callable[[int, float, float], object]
"""Called after each alternation with its number, the objective and the relative duality gap."""

_CURVED_ROWS = 512
"""Rows, over all chunks, from which the curvature of the coupling is estimated."""

# A dictionary step as in `learn_dictionary`.
_PASSES = 5
_STEP_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ChunkedDictionary:
    """What `learn` found.

    - `components` (n_components, n_features): atoms in rows, in the unit ball.
    - `objective`: of the codes of the last pass at `components_coded`.
    - `components_coded` (n_components, n_features): the dictionary of the last coding pass, to
      which `objective`, the certificates and saved codes belong; with convergence it is nearly
      `components`.
    - `history` (n_iter,): the objective after each coding pass.
    - `duality_gap`: bound of the distance of `objective` from its minimum over the codes.
    - `kkt_violation`: bound of the violation of the coupled codes' optimality conditions, in units
      of alpha.
    - `offset` (n_components,): the difference of the domains' mean codes; zero where there is one
      domain.
    - `multiplier` (n_components,): the multiplier w of the coupling, summed over the domains and
      the classes: 1/n_source times it is the mean linear term of a source sample, -1/n_target times
      it that on a target sample.
    - `converged`: whether the objective settled within `tol`.
    - `n_iter`: alternations.
    - `n_passes`: passes over the data.
    """

    components: FloatArray
    objective: float
    components_coded: FloatArray
    history: NDArray[np.float64]
    duality_gap: float
    kkt_violation: float
    offset: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    converged: bool
    n_iter: int
    n_passes: int


@former_keywords(positive="positive_code", n_threads="n_jobs")
def learn(
    chunks: Chunks,
    n_components: int,
    *,
    alpha: float,
    mmd: float = 0.0,
    conditional: float = 0.0,
    laplacian: float = 0.0,
    n_neighbors: int = 5,
    graph_weights: Weights = "cosine",
    normalized_laplacian: bool = False,
    l2: float | None = None,
    positive_code: bool = False,
    max_iter: int = 50,
    tol: float = 1e-5,
    coupling_tol: float = 1e-7,
    dict_init: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
    engine: Engine | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    codes_to: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    rng: np.random.Generator | int | None = None,
    n_jobs: int | None = None,
) -> ChunkedDictionary:
    r"""Learn a dictionary of more data than fit in memory, or on a cluster.

    Parameters
    ----------
    chunks : Chunks
        The data.
    n_components : int
        Number of atoms.
    alpha : float
        Weight of the codes' ℓ1 norm, at least 0.
    mmd : float, default=0.0
        Scale-free weight :math:`\hat\mu` of the distance of the domains' mean codes, as in
        `sparsetransfer.transfer.transfer_learn`; needs source and target chunks.
    conditional : float, default=0.0
        Weight of the distances of the classes' mean codes, relative to that of the domains', at
        least 0; needs `mmd`, and chunks with labels (`Chunks.with_labels`).
    laplacian : float, default=0.0
        Weight of the graph term, at least 0. Every chunk has a graph of its own: no edge leaves a
        chunk, so that chunks by corpus or speaker keep edges within these.
    n_neighbors, graph_weights, normalized_laplacian
        As in `sparsetransfer.transfer.TransferSparseCoding`.
    l2 : float, optional
        Weight of half the squared norm of the codes, at least 0. By default 0, as in
        `transfer_learn`; but 1e-3 where domains are coupled and there are more atoms than features:
        the multipliers of strong couplings are found only where codes are unique.
    positive_code : bool, default=False
        Keep codes non-negative.
    max_iter : int, default=50
        Alternations at most.
    tol : float, default=1e-5
        Stop when an alternation lowers the objective by no more than this share of it.
    coupling_tol : float, default=1e-7
        Duality gap of the coupled codes, relative to the objective, to reach in every alternation.
    dict_init : array_like of shape (n_components, n_features), optional
        The first dictionary; by default rows of the data, drawn evenly over all.
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Precision of the work; rows are converted as they are read.
    engine : Engine, optional
        `Local()` by default, or `Cluster(client)`.
    checkpoint : path-like, optional
        File written after every alternation; a killed run with equal arguments goes on from it.
    codes_to : path-like, optional
        Folder for the codes of the last pass, one compressed file per chunk.
    progress : callable, optional
        Called after every alternation; see `Progress`.
    rng : numpy.random.Generator or int, optional
        Source of the first dictionary, or its seed.
    n_jobs : int, optional
        Threads of a kernel; on a cluster that of the engine counts.

    Returns
    -------
    ChunkedDictionary

    Raises
    ------
    ValueError
        If an argument cannot be used, or a chunk cannot be read; the message names it.
    DomainError
        If `mmd` is positive and a domain has no chunk, or `conditional` is and no class occurs in
        both.
    OSError
        If `checkpoint` or `codes_to` cannot be written.
    ArithmeticError
        If the codes of the coupled domains are worse than none, as for features with an offset.

    Warns
    -----
    ConvergenceWarning
        Once, if `max_iter` ended learning or codes missed their tolerance.

    Notes
    -----
    Minimises :math:`\sum_i(\tfrac12\|x_i - D^\top s_i\|^2 + \tfrac h2\|s_i\|^2 + \alpha\|s_i\|_1)
    + \tfrac12\sum_q\mu_q\|\delta_q\|^2 + \tfrac\gamma2\sum_c\operatorname{tr}(S_c L_c S_c^\top)`
    in turn over the codes and over atoms in the unit ball. :math:`\delta_0 = \sum_i m_i s_i` is the
    difference of the domains' means, the further :math:`\delta_q` are those of the classes that
    both have; :math:`\mu_0 = \hat\mu/\|m\|^2`, and `conditional` times that for a class. L_c is
    the Laplacian of chunk c.

    For fixed atoms the coupling is taken apart by its conjugate, :math:`\tfrac\mu2\|\delta\|^2 =
    \max_w w^\top\delta - \|w\|^2/(2\mu)`: for given multipliers every sample (or, with a graph,
    every chunk) is a problem of its own, with :math:`m_i w` subtracted from its correlations, and a
    chunk sends back sums only: A, B, the :math:`\delta_q` and scalars, about :math:`k^2 + kd + kq`
    numbers. The concave function of w is maximised by Newton's method, whose curvature
    :math:`\tfrac1\mu I + \sum_i m_i^2 E_i(G_{A_iA_i}+h_iI)^{-1}E_i^\top` is estimated from the
    supports of about 512 samples, corrected by the steps already made (L-BFGS) and with steps
    halved that do not rise; a handful of passes reach `coupling_tol`, a dozen with a graph. The gap
    is :math:`\sum_q\tfrac{\mu_q}2\|\delta_q - w_q/\mu_q\|^2` plus the gaps of the samples or chunks.

    Atoms without use become the worst coded samples. The answer depends on the chunks only in the
    last bits, and not at all on the engine, on workers, or on their loss.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.distributed import Chunks, learn
    >>> X = np.random.default_rng(0).normal(size=(300, 8))
    >>> found = learn(Chunks.from_array(X, chunk_size=100), 6, alpha=0.5, rng=0, tol=1e-3)
    >>> found.components.shape, bool(found.history[-1] < found.history[0])
    ((6, 8), True)
    """
    check_flags(normalized_laplacian=normalized_laplacian, positive_code=positive_code)
    check_callable(progress, "progress")
    if not isinstance(chunks, Chunks):
        raise TypeError(
            f"chunks must be Chunks, got a {type(chunks).__name__}; Chunks.from_array makes some"
        )
    k = check_integer(n_components, "n_components", minimum=1)
    alpha = check_real(alpha, "alpha", minimum=0)
    mean_weights, strengths = mean_weights_of(
        chunks,
        check_real(mmd, "mmd", minimum=0),
        check_real(conditional, "conditional", minimum=0),
    )
    graph = _graph(laplacian, n_neighbors, graph_weights, normalized_laplacian)
    if graph is not None and alpha == 0:
        raise ValueError("alpha must be positive with laplacian > 0, got 0")
    max_iter = check_integer(max_iter, "max_iter", minimum=1)
    tol = check_real(tol, "tol", minimum=0)
    coupling_tol = check_real(coupling_tol, "coupling_tol", minimum=0, strict=True)
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype}")
    engine = Local() if engine is None else engine
    if checkpoint is not None:
        check_file(checkpoint)
    if codes_to is not None and isinstance(engine, Local):  # of a cluster, the workers write them
        check_folder(codes_to)
    engine.start(chunks)
    components = _first_dictionary(engine, chunks, k, dict_init, dtype, rng)
    task = Pass(
        components=components,
        alpha=alpha,
        l2=_ridge(l2, mmd > 0 and k > chunks.n_features),
        positive_code=bool(positive_code),
        graph=graph,
        multipliers=None if mmd == 0 else np.zeros((k, len(mean_weights))),
        mean_weights=mean_weights,
        curved_rows=0 if mmd == 0 else max(1, -(-_CURVED_ROWS // len(chunks))),
        n_jobs=getattr(engine, "n_threads", n_jobs),
    )
    state = State(task, strengths, [], 0)
    mark = "" if checkpoint is None else run_mark(chunks, task, strengths, tol, coupling_tol)
    if checkpoint is not None and os.path.exists(checkpoint):
        state = resume(checkpoint, mark, state)
    converged, summary = False, None
    while not converged and len(state.history) < max_iter:
        summary = code_chunks(engine, state, coupling_tol)
        objective, gap = state.objective(summary), state.gap(summary)
        state.history.append(objective)
        coded = state.task.components
        improved = update_dictionary(
            coded, summary.statistics, passes=_PASSES, tol=_STEP_TOLERANCE, n_jobs=n_jobs
        )
        replaced = _replace_unused(improved, summary)
        state.task = replace(state.task, components=improved)
        converged = not replaced and _is_calm(state.history, tol)
        if checkpoint is not None:
            save(checkpoint, mark, state)
        if progress is not None:
            progress(len(state.history), objective, gap / max(objective, np.finfo(float).tiny))
    if summary is None:
        # A finished run was resumed: one pass brings its certificate back.
        coded = state.task.components
        summary = code_chunks(engine, state, coupling_tol)
        objective, gap = state.objective(summary), state.gap(summary)
        converged = _is_calm(state.history, tol)
    if not objective <= 0.5 * summary.statistics.energy:
        raise _core.NumericalError(
            f"the codes that couple the domains did not converge: their objective, {objective:.2g}, "
            f"exceeds that of no codes at all, {0.5 * summary.statistics.energy:.2g}; subtract the "
            "mean of the features, which makes atoms nearly equal, or give l2"
        )
    if codes_to is not None:
        engine.save_codes(codes_to)
    if not converged or summary.n_unconverged or gap > coupling_tol * abs(objective):
        warnings.warn(
            f"after {len(state.history)} alternations the objective "
            f"{'had' if converged else 'had not'} settled to tol={tol:g}, "
            f"{summary.n_unconverged} codes missed their tolerance, and the duality gap of the "
            f"codes is {gap:.2g} of {objective:.6g}",
            ConvergenceWarning,
            stacklevel=3,
        )
    return ChunkedDictionary(
        components=state.task.components,
        objective=objective,
        components_coded=coded,
        history=np.array(state.history),
        duality_gap=gap,
        kkt_violation=state.kkt(summary),
        offset=summary.offset[:, 0] if mmd > 0 else np.zeros(k),
        multiplier=np.zeros(k)
        if state.task.multipliers is None
        else state.task.multipliers.sum(axis=1),
        converged=converged,
        n_iter=len(state.history),
        n_passes=state.passes,
    )


def _replace_unused(components: FloatArray, summary: Summary) -> bool:
    """Replace unused atoms by the worst coded samples; return whether any was."""
    unused = np.flatnonzero(np.diagonal(summary.statistics.A) == 0)
    rows = summary.rows[summary.residuals > 0]
    replaced = False
    for atom, row in zip(unused, rows, strict=False):
        norm = float(np.linalg.norm(row))
        if norm > 0:
            components[atom] = row / norm
            replaced = True
    return replaced


def _is_calm(history: list[float], tol: float) -> bool:
    return len(history) > 1 and history[-2] - history[-1] <= tol * history[-1]


def _ridge(l2: float | None, undetermined: bool) -> float:
    if l2 is None:
        return 1e-3 if undetermined else 0.0
    return check_real(l2, "l2", minimum=0)


def _graph(laplacian: float, n_neighbors: int, weights: Weights, normalized: bool) -> Graph | None:
    strength = check_real(laplacian, "laplacian", minimum=0)
    check_choice(weights, "graph_weights", get_args(Weights))
    if strength == 0:
        return None
    count = check_integer(n_neighbors, "n_neighbors", minimum=1)
    return Graph(strength, count, weights, bool(normalized))


def _first_dictionary(
    engine: Engine,
    chunks: Chunks,
    k: int,
    dict_init: ArrayLike | None,
    dtype: np.dtype[Any],
    rng: np.random.Generator | int | None,
) -> FloatArray:
    if dict_init is not None:
        atoms = check_matrix(dict_init, "dict_init", dtype=dtype, n_features=chunks.n_features)
        if len(atoms) != k:
            raise ValueError(f"dict_init must have {k} rows, got {len(atoms)}")
        norms = np.linalg.norm(atoms, axis=1, keepdims=True)
        first: FloatArray = atoms / np.maximum(norms, 1)
        return first
    count = min(k, chunks.n_samples)
    wanted = np.sort(check_generator(rng).choice(chunks.n_samples, count, replace=False))
    rows = engine.take(wanted, dtype)
    components = np.zeros((k, chunks.n_features), dtype)
    components[:count] = unit_rows(rows)
    return components
