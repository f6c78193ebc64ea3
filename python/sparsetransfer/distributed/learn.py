"""Dictionary learning and transfer sparse coding over chunks, by sums only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sparsetransfer._validation import FloatArray, check_integer, check_matrix, check_real
from sparsetransfer.dictionary import update_dictionary
from sparsetransfer.distributed.chunks import Chunks
from sparsetransfer.distributed.engine import Engine, Local
from sparsetransfer.distributed.passes import Pass, Summary
from sparsetransfer.exceptions import ConvergenceWarning, DomainError

__all__ = ["ChunkedDictionary", "learn"]

_log = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[int, float, float], object]
"""Called after each alternation with its number, the objective and the relative duality gap."""

_CURVED_ROWS = 512
"""Rows, over all chunks, from which the curvature of the coupling is estimated."""

# A dictionary step as in `learn_dictionary`.
_PASSES = 5
_STEP_TOLERANCE = 1e-4

_COUPLING_STEPS = 20
_HALVINGS = 8


@dataclass(frozen=True)
class ChunkedDictionary:
    """What `learn` found.

    Attributes
    ----------
    components : ndarray of shape (n_components, n_features)
        Atoms in rows, in the unit ball.
    objective : float
        Of the codes of the last pass at `components_coded`.
    components_coded : ndarray of shape (n_components, n_features)
        The dictionary of the last coding pass, to which `objective`, the certificates and saved
        codes belong; with convergence it is nearly `components`.
    history : ndarray of shape (n_iter,)
        The objective after each coding pass.
    duality_gap : float
        Bound of the distance of `objective` from its minimum over the codes.
    kkt_violation : float
        Bound of the violation of the coupled codes' optimality conditions, in units of alpha.
    offset : ndarray of shape (n_components,)
        The difference of the domains' mean codes; zero where there is one domain.
    multiplier : ndarray of shape (n_components,)
        The multiplier w of the coupling.
    converged : bool
        Whether the objective settled within `tol`.
    n_iter : int
        Alternations.
    n_passes : int
        Passes over the data.
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


def learn(
    chunks: Chunks,
    n_components: int,
    *,
    alpha: float,
    mmd: float = 0.0,
    l2: float | None = None,
    positive: bool = False,
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
    n_threads: int | None = None,
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
    l2 : float, optional
        Weight of half the squared norm of the codes, at least 0. By default 0; but 1e-3 where
        domains are coupled and there are more atoms than features, which keeps codes unique.
    positive : bool, default=False
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
    n_threads : int, optional
        Threads of a kernel; on a cluster that of the engine counts.

    Returns
    -------
    ChunkedDictionary

    Raises
    ------
    ValueError
        If an argument cannot be used, or a chunk cannot be read; the message names it.
    DomainError
        If `mmd` is positive and a domain has no chunk.

    Warns
    -----
    ConvergenceWarning
        Once, if `max_iter` ended learning or codes missed their tolerance.

    Notes
    -----
    Minimises :math:`\sum_i(\tfrac12\|x_i - D^\top s_i\|^2 + \tfrac h2\|s_i\|^2 + \alpha\|s_i\|_1)
    + \tfrac\mu2\|\delta\|^2`, :math:`\delta = \sum_i m_i s_i` the difference of the domains' means
    and :math:`\mu = \hat\mu/\|m\|^2`, in turn over the codes and over atoms in the unit ball.

    For fixed atoms the coupling is taken apart by its conjugate, :math:`\tfrac\mu2\|\delta\|^2 =
    \max_w w^\top\delta - \|w\|^2/(2\mu)`: for a multiplier w every sample is a lasso of its own,
    with :math:`m_i w` subtracted from its correlations, and a chunk sends back sums only (A, B,
    δ, scalars: about :math:`k^2 + kd + k` numbers, and :math:`k^2` more for the curvature). The
    concave function of w is maximised by Newton's method whose curvature
    :math:`\tfrac1\mu I + \sum_i m_i^2 E_i(G_{A_iA_i}+hI)^{-1}E_i^\top` is estimated from about
    512 samples, halving steps that do not rise; a handful of passes reach `coupling_tol`. The gap is
    exact: :math:`\tfrac\mu2\|\delta - w/\mu\|^2` plus the gaps of the samples.

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
    k = check_integer(n_components, "n_components", minimum=1)
    weights = _mean_weights(chunks, check_real(mmd, "mmd", minimum=0))
    max_iter = check_integer(max_iter, "max_iter", minimum=1)
    tol = check_real(tol, "tol", minimum=0)
    coupling_tol = check_real(coupling_tol, "coupling_tol", minimum=0, strict=True)
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype}")
    engine = Local() if engine is None else engine
    engine.start(chunks)
    components = _first_dictionary(engine, chunks, k, dict_init, dtype, rng)
    task = Pass(
        components=components,
        alpha=check_real(alpha, "alpha", minimum=0),
        l2=_ridge(l2, mmd > 0 and k > chunks.n_features),
        positive=bool(positive),
        pull=None if mmd == 0 else np.zeros(k),
        weights=weights,
        curved_rows=0 if mmd == 0 else max(1, -(-_CURVED_ROWS // len(chunks))),
        n_threads=getattr(engine, "n_threads", n_threads),
    )
    state = _State(task, mmd, weights, [], 0)
    mark = _mark(chunks, task, mmd, tol, coupling_tol)
    if checkpoint is not None and os.path.exists(checkpoint):
        state = _resume(checkpoint, mark, state)
    converged, summary = False, None
    while not converged and len(state.history) < max_iter:
        summary, gap = _code(engine, state, coupling_tol)
        objective = state.objective(summary)
        state.history.append(objective)
        coded = state.task.components
        improved = update_dictionary(
            coded, summary.statistics, passes=_PASSES, tol=_STEP_TOLERANCE, n_threads=n_threads
        )
        replaced = _replace_unused(improved, summary)
        state.task = replace(state.task, components=improved)
        converged = not replaced and _is_calm(state.history, tol)
        if checkpoint is not None:
            _save(checkpoint, mark, state)
        if progress is not None:
            progress(len(state.history), objective, gap / max(objective, np.finfo(float).tiny))
    if summary is None:
        # A finished run was resumed: one pass brings its certificate back.
        coded = state.task.components
        summary, gap = _code(engine, state, coupling_tol)
        objective = state.objective(summary)
        converged = _is_calm(state.history, tol)
    if codes_to is not None:
        engine.save_codes(codes_to)
    if not converged or summary.n_unconverged or gap > coupling_tol * abs(objective):
        warnings.warn(
            f"after {len(state.history)} alternations the objective "
            f"{'had' if converged else 'had not'} settled to tol={tol:g}, "
            f"{summary.n_unconverged} codes missed their tolerance, and the duality gap of the "
            f"codes is {gap:.2g} of {objective:.6g}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return ChunkedDictionary(
        components=state.task.components,
        objective=objective,
        components_coded=coded,
        history=np.array(state.history),
        duality_gap=gap,
        kkt_violation=state.kkt(summary),
        offset=summary.offset if mmd > 0 else np.zeros(k),
        multiplier=np.zeros(k) if state.task.pull is None else state.task.pull,
        converged=converged,
        n_iter=len(state.history),
        n_passes=state.passes,
    )


@dataclass
class _State:
    """Between two alternations."""

    task: Pass
    mmd: float
    weights: tuple[float, float]
    history: list[float]
    passes: int

    @property
    def mu(self) -> float:
        """The strength of the squared difference of means."""
        # |m|² = 1/n_source + 1/n_target
        return self.mmd / (self.weights[0] - self.weights[1])

    def primal_without_coupling(self, summary: Summary) -> float:
        value = summary.statistics.objective(self.task.components, self.task.alpha)
        return value + self.task.l2 * summary.ridge

    def objective(self, summary: Summary) -> float:
        """Return the objective of the codes of a pass."""
        value = self.primal_without_coupling(summary)
        return value + (0.5 * self.mu * float(summary.offset @ summary.offset) if self.mmd else 0)

    def dual(self, summary: Summary) -> float:
        """Return the concave function of the multiplier that the pass has evaluated."""
        assert self.task.pull is not None
        pull = self.task.pull
        value = self.primal_without_coupling(summary) + float(pull @ summary.offset)
        return value - float(pull @ pull) / (2 * self.mu)

    def mismatch(self, summary: Summary) -> NDArray[np.float64]:
        """Return δ − w/μ, the gradient of the dual; zero at the optimum."""
        assert self.task.pull is not None
        return summary.offset - self.task.pull / self.mu

    def kkt(self, summary: Summary) -> float:
        """Return a bound of the violation of the coupled problem."""
        if self.task.pull is None:
            return summary.kkt
        pull = np.abs(self.mismatch(summary)).max() * self.mu
        return summary.kkt + float(pull) * max(self.weights[0], -self.weights[1])


def _code(engine: Engine, state: _State, tol: float) -> tuple[Summary, float]:
    """Code all chunks for the dictionary as it is; return the sums and the duality gap."""
    summary = engine.run(state.task)
    state.passes += 1
    if state.task.pull is None:
        return summary, summary.gap
    value = state.dual(summary)
    for _ in range(_COUPLING_STEPS):
        mismatch = state.mismatch(summary)
        gap = 0.5 * state.mu * float(mismatch @ mismatch) + summary.gap
        if gap <= tol * state.objective(summary):
            break
        curvature = summary.curvature + np.eye(len(mismatch)) / state.mu
        step = scipy.linalg.solve(curvature, mismatch, assume_a="pos")
        before = state.task
        assert before.pull is not None
        for halving in range(_HALVINGS):
            state.task = replace(before, pull=before.pull + step / 2**halving)
            tried = engine.run(state.task)
            state.passes += 1
            risen = state.dual(tried)
            # A missed tolerance of the lassos means that they are unbounded so far out.
            if np.isfinite(risen) and risen >= value - 1e-12 * abs(value):
                summary, value = tried, risen
                break
        else:
            state.task = before
            summary = engine.run(state.task)
            state.passes += 1
            break
        _log.debug("coupling: dual %.10g, gap %.2g", value, gap)
    mismatch = state.mismatch(summary)
    return summary, 0.5 * state.mu * float(mismatch @ mismatch) + summary.gap


def _replace_unused(components: FloatArray, summary: Summary) -> bool:
    """Put the worst coded samples where an atom has no use; tell whether that happened."""
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


def _mean_weights(chunks: Chunks, mmd: float) -> tuple[float, float]:
    source = sum(chunk.n_samples for chunk in chunks if chunk.domain > 0)
    target = chunks.n_samples - source
    if mmd > 0 and not (source and target):
        raise DomainError(
            f"mmd={mmd:g} couples two domains, but there are {source} source and {target} target "
            "samples"
        )
    return (1 / source if source else 0.0, -1 / target if target else 0.0)


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
    wanted = np.sort(np.random.default_rng(rng).choice(chunks.n_samples, count, replace=False))
    rows = engine.take(wanted, dtype)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    components = np.zeros((k, chunks.n_features), dtype)
    components[:count] = rows / np.where(norms > 0, norms, 1)
    return components


def _mark(chunks: Chunks, task: Pass, mmd: float, tol: float, coupling_tol: float) -> str:
    """Tell runs apart by their data's shape, their settings and their first dictionary."""
    described = [
        [[c.name, c.n_samples, c.n_features, c.domain] for c in chunks],
        [task.alpha, task.l2, task.positive, mmd, tol, coupling_tol, str(task.components.dtype)],
    ]
    digest = hashlib.blake2b(json.dumps(described).encode(), digest_size=16)
    digest.update(task.components.tobytes())
    return digest.hexdigest()


def _save(path: str | os.PathLike[str], mark: str, state: _State) -> None:
    target = Path(path)
    descriptor, aside = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(
                file,
                mark=np.array(mark),
                components=state.task.components,
                pull=np.zeros(0) if state.task.pull is None else state.task.pull,
                history=np.array(state.history),
                passes=np.array(state.passes),
            )
        os.replace(aside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise


def _resume(path: str | os.PathLike[str], mark: str, state: _State) -> _State:
    try:
        # Opened here: NumPy leaves a file open that turns out to be no archive.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        same = str(found["mark"]) == mark
        components, pull = found["components"], found["pull"]
        history, passes = found["history"].tolist(), int(found["passes"])
    except Exception as error:
        raise ValueError(f"checkpoint {os.fspath(path)} cannot be read: {error}") from error
    if not same:
        raise ValueError(
            f"checkpoint {os.fspath(path)} belongs to a run with other data or settings; remove it "
            "or name another file"
        )
    if components.shape != state.task.components.shape or not np.isfinite(components).all():
        raise ValueError(f"checkpoint {os.fspath(path)} holds no dictionary of this run")
    task = replace(state.task, components=components)
    if state.task.pull is not None:
        task = replace(task, pull=pull)
    return _State(task, state.mmd, state.weights, history, passes)
