"""Codes of domains that are drawn together, though their chunks are coded one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
from numpy.typing import NDArray

from sparsetransfer._linalg import lapack, matmul
from sparsetransfer.distributed.chunks import Chunks
from sparsetransfer.distributed.engine import Engine
from sparsetransfer.distributed.passes import Pass, Summary, Supports
from sparsetransfer.exceptions import DomainError

__all__ = ["State", "code_chunks", "mean_weights_of"]

_log = logging.getLogger(__name__)

_STEP_ACCURACY = 1e-8
_STEP_ITERATIONS = 500
_COUPLING_STEPS = 40
_HALVINGS = 8


@dataclass
class State:
    """Where a run is between two alternations, and what follows from the sums of a pass."""

    task: Pass
    strengths: NDArray[np.float64]
    history: list[float]
    passes: int

    def run(self, engine: Engine) -> Summary:
        """Run one pass over all chunks."""
        self.passes += 1
        return engine.run(self.task)

    def primal_without_coupling(self, summary: Summary) -> float:
        """Return the objective without the term that couples the domains."""
        value = summary.statistics.objective(self.task.components, self.task.alpha)
        rough = 0.0 if self.task.graph is None else self.task.graph.strength * summary.roughness
        return value + self.task.l2 * summary.ridge + rough

    def objective(self, summary: Summary) -> float:
        """Return the objective of the codes of a pass."""
        value = self.primal_without_coupling(summary)
        return value + 0.5 * float((self.strengths * np.square(summary.offset)).sum())

    def dual(self, summary: Summary) -> float:
        """Return what the concave function of the multipliers is at least, by the gaps of a pass.

        Codes that miss their tolerance, as where they are hardly bounded, lie above their minimum,
        and would make a step that leads nowhere rise.
        """
        assert self.task.multipliers is not None
        multipliers = self.task.multipliers
        terms = [
            self.primal_without_coupling(summary),
            float((multipliers * summary.offset).sum()),
            -0.5 * float((np.square(multipliers) / self.strengths).sum()),
            -summary.gap,
        ]
        return sum(terms) - float(np.finfo(float).eps * np.abs(terms).sum())

    def mismatch(self, summary: Summary) -> NDArray[np.float64]:
        """Return δ − w/μ, the gradient of the dual; zero at the optimum."""
        assert self.task.multipliers is not None
        return summary.offset - self.task.multipliers / self.strengths

    def gap(self, summary: Summary) -> float:
        """Return the duality gap of the codes of a pass."""
        if self.task.multipliers is None:
            return summary.gap
        missed = self.strengths * np.square(self.mismatch(summary))
        return 0.5 * float(missed.sum()) + summary.gap

    def kkt(self, summary: Summary) -> float:
        """Return a bound of the violation of the coupled problem."""
        if self.task.multipliers is None:
            return summary.kkt
        missed = self.strengths * np.abs(self.mismatch(summary))
        return summary.kkt + float(
            (missed * np.abs(self.task.mean_weights).max(axis=1)).sum(1).max()
        )

    def step(self, gradient: NDArray[np.float64], supports: Supports) -> NDArray[np.float64]:
        """Return Newton's step of the multipliers, by the curvature of some samples."""
        blocks = _curvature(self.task, supports)
        shape = gradient.shape
        scale = np.sqrt(self.strengths)  # conditions the identity to one

        def curve(flat: NDArray[np.float64]) -> NDArray[np.float64]:
            step = flat.reshape(shape) * scale
            bent = sum(np.outer(block @ (step @ weights), weights) for weights, block in blocks)
            return (flat.reshape(shape) + bent * scale).ravel()

        size = gradient.size
        found, _ = scipy.sparse.linalg.cg(
            scipy.sparse.linalg.LinearOperator((size, size), matvec=curve),
            (gradient * scale).ravel(),
            rtol=_STEP_ACCURACY,
            maxiter=_STEP_ITERATIONS,
        )
        return np.asarray(found.reshape(shape) * scale)


def _curvature(
    task: Pass, supports: Supports
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return Σ E (G_AA + h I)⁻¹ Eᵀ of the rows of equal weights, for all such weights."""
    gram = matmul(task.components, task.components.T).astype(np.float64)
    kinds, kind = np.unique(supports.weights, axis=0, return_inverse=True)
    totals = np.zeros((len(kinds), *gram.shape))
    ends = np.cumsum(supports.counts)

    def add_inverses() -> None:
        for row, atoms in enumerate(np.split(supports.atoms, ends[:-1])):
            if atoms.size:
                block = gram[np.ix_(atoms, atoms)]
                block[np.diag_indices(len(atoms))] += supports.ridges[row]
                # Atoms in use may depend on each other; then the least-norm answer is one of many.
                inverse = supports.shares[row] * scipy.linalg.pinvh(block)
                totals[kind[row]][np.ix_(atoms, atoms)] += inverse

    lapack(add_inverses)
    return list(zip(kinds, totals, strict=True))


def code_chunks(engine: Engine, state: State, tol: float) -> Summary:
    """Encode all chunks with the dictionary as it is, and return the sums."""
    summary = state.run(engine)
    if state.task.multipliers is None:
        return summary
    value = state.dual(summary)
    moves: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for _ in range(_COUPLING_STEPS):
        if state.gap(summary) <= tol * state.objective(summary):
            break
        gradient = state.mismatch(summary)
        before = state.task
        assert before.multipliers is not None
        for step in _steps(state, summary, moves, gradient):
            state.task = replace(before, multipliers=before.multipliers + step)
            tried = state.run(engine)
            risen = state.dual(tried)
            if np.isfinite(risen) and risen >= value - 1e-12 * abs(value):
                summary, value = tried, risen
                moves.append((step, gradient - state.mismatch(tried)))
                break
        else:
            state.task = before
            summary = state.run(engine)
            break
        _log.debug("coupling: dual %.10g, gap %.2g", value, state.gap(summary))
    return summary


def _steps(
    state: State,
    summary: Summary,
    moves: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    gradient: NDArray[np.float64],
) -> Iterator[NDArray[np.float64]]:
    """Yield shorter and shorter steps of the multipliers, of two estimates of the curvature."""
    free = replace(summary.supports, ridges=np.full_like(summary.supports.ridges, state.task.l2))
    for supports in (summary.supports, free):
        step = _secant(moves, gradient, partial(state.step, supports=supports))
        for halving in range(_HALVINGS):
            yield step / 2**halving
        if state.task.graph is None:
            return
        # What a graph joins moves together, and nothing holds it back, where few supports differ.


def _secant(
    moves: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    gradient: NDArray[np.float64],
    newton: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return Newton's step, corrected by the moves made so far and what they did (L-BFGS)."""
    rest = gradient.copy()
    parts = []
    for move, change in reversed(moves):
        curved = float((move * change).sum())
        if curved > 0:
            share = float((move * rest).sum()) / curved
            rest -= share * change
            parts.append((move, change, curved, share))
    step = newton(rest)
    for move, change, curved, share in reversed(parts):
        step = step + (share - float((change * step).sum()) / curved) * move
    return step


def mean_weights_of(
    chunks: Chunks, mmd: float, conditional: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights of source and target rows in every difference, and the strengths."""
    numbers = 1 + max((int(c.labels.max()) for c in chunks if c.labels is not None), default=-1)
    rows = np.zeros(2)
    counts = np.zeros((numbers, 2))
    for chunk in chunks:
        side = 0 if chunk.domain > 0 else 1
        rows[side] += chunk.n_samples
        if chunk.labels is not None:
            known = chunk.labels[chunk.labels >= 0]
            counts[:, side] += np.bincount(known, minlength=numbers)
    if mmd == 0:
        if conditional > 0:
            raise ValueError(f"conditional={conditional:g} is relative to mmd, which is 0")
        return np.zeros((1, 2)), np.zeros(1)
    if not rows.all():
        raise DomainError(
            f"mmd={mmd:g} couples two domains, but there are {int(rows[0])} source and "
            f"{int(rows[1])} target samples"
        )
    strength = mmd / (1 / rows).sum()  # |m|² = 1/n_source + 1/n_target
    mean_weights = [np.array([1, -1]) / rows]
    if conditional > 0:
        both = (counts[:, 0] > 0) & (counts[:, 1] > 0)
        if not both.any():
            raise DomainError(
                "conditional needs labels by which a class occurs in source and target chunks"
            )
        mean_weights += list(
            np.where(both[:, None], np.array([1, -1]) / np.maximum(counts, 1), 0.0)
        )
    return (
        np.stack(mean_weights),
        strength * np.array([1.0] + [conditional] * (len(mean_weights) - 1)),
    )
