"""What is measured: kernels on data of fixed size, each checked by a certificate."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sparsetransfer import mmd
from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary import learn_dictionary_online
from sparsetransfer.sparse_coding import lasso, omp
from sparsetransfer.transfer import NeighbourGraph, TransferSparseCoding

__all__ = ["KERNELS", "Task"]


class Task(NamedTuple):
    """A call to time, and how far what it returns is from right."""

    problem: str
    call: Callable[[int], object]
    error: Callable[[object], float]
    meaning: str


def _unit_rows(rng: np.random.Generator, rows: int, columns: int) -> FloatArray:
    values = rng.standard_normal((rows, columns))
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def _lasso(dtype: type) -> Task:
    rng = np.random.default_rng(0)
    features, atoms, signals = 128, 512, 5000
    D: FloatArray = _unit_rows(rng, atoms, features).astype(dtype)
    X: FloatArray = _unit_rows(rng, signals, features).astype(dtype)
    alpha = 0.2
    return Task(
        f"{signals} signals, {features} features, {atoms} atoms, {np.dtype(dtype).name}",
        lambda threads: lasso(X, D, alpha, n_jobs=threads),
        lambda result: float(result.kkt_violation.max() / alpha),  # type: ignore[attr-defined]
        "optimality violation / alpha",
    )


def _omp() -> Task:
    rng = np.random.default_rng(0)
    features, atoms, signals, count = 128, 512, 5000, 10
    D, X = _unit_rows(rng, atoms, features), _unit_rows(rng, signals, features)

    def error(result: object) -> float:
        # Least squares on the atoms taken: none of them may still correlate with the residual.
        codes = result.codes  # type: ignore[attr-defined]
        correlation = (X - codes @ D) @ D.T
        return float(np.abs(correlation[codes != 0]).max())

    return Task(
        f"{signals} signals, {features} features, {atoms} atoms, {count} non-zeros",
        lambda threads: omp(X, D, count, n_jobs=threads),
        error,
        "correlation left",
    )


def _dictionary() -> Task:
    rng = np.random.default_rng(0)
    features, atoms, signals = 64, 128, 4000
    X = _unit_rows(rng, signals, features)
    return Task(
        f"one pass over {signals} signals, {features} features, {atoms} atoms",
        lambda threads: learn_dictionary_online(
            X, atoms, alpha=0.15, batch_size=512, rng=0, n_jobs=threads
        ),
        lambda result: float(result.duality_gap),  # type: ignore[attr-defined]
        "relative gap of the codes",
    )


def _mmd() -> Task:
    rng = np.random.default_rng(0)
    n, d = 2000, 64
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, d)) + 0.1
    bandwidths = [4.0, 8.0, 16.0]

    def error(result: object) -> float:
        few = slice(0, 200)
        ours = mmd.gaussian(X[few], Y[few], bandwidths=bandwidths).value
        return abs(float(ours) - _plain_mmd(X[few], Y[few], bandwidths))

    return Task(
        f"{n} + {n} samples, {d} features, 3 bandwidths, with gradient",
        lambda threads: mmd.gaussian(X, Y, bandwidths=bandwidths, gradient=True, n_jobs=threads),
        error,
        "error on 200 + 200",
    )


def _plain_mmd(X: FloatArray, Y: FloatArray, bandwidths: list[float]) -> float:
    Z = np.vstack([X, Y])
    sign = np.repeat([1 / len(X), -1 / len(Y)], [len(X), len(Y)])
    squared = ((Z[:, np.newaxis] - Z) ** 2).sum(axis=2)
    kernel = np.mean([np.exp(-squared / (2 * width**2)) for width in bandwidths], axis=0)
    return float(sign @ kernel @ sign)


def _transfer() -> Task:
    rng = np.random.default_rng(0)
    n, d, k = 300, 64, 64
    X = _unit_rows(rng, 2 * n, d)
    X[:n] += 0.05
    domain = np.repeat([1, -1], n)
    return Task(
        f"{n} + {n} samples, {d} features, {k} atoms, 10 iterations",
        lambda threads: TransferSparseCoding(
            k,
            alpha=0.1,
            graph=NeighbourGraph(0.01),
            max_iter=10,
            tol=0.0,
            random_state=0,
            n_jobs=threads,
        ).fit(X, sample_domain=domain),
        lambda fitted: float(fitted.kkt_violation_),  # type: ignore[attr-defined]
        "optimality violation / alpha",
    )


KERNELS: dict[str, Callable[[], Task]] = {
    "lasso": lambda: _lasso(np.float64),
    "lasso-float32": lambda: _lasso(np.float32),
    "omp": _omp,
    "dictionary": _dictionary,
    "mmd": _mmd,
    "transfer": _transfer,
}
"""The kernels that can be measured, by name."""
