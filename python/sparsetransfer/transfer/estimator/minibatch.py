"""Transfer sparse coding from mini-batches: running statistics and running domain means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._domains import new_domains
from sparsetransfer._validation import FloatArray, check_real, resolve_threads
from sparsetransfer.dictionary import Statistics, update_dictionary
from sparsetransfer.transfer.estimator.options import ABSENT
from sparsetransfer.transfer.estimator.preparation import atom_count, first_dictionary
from sparsetransfer.transfer.inductive import LinearTerm, encode_shifted
from sparsetransfer.transfer.problem import warn_unconverged
from sparsetransfer.transfer.result import TransferCodes

if TYPE_CHECKING:
    from sparsetransfer.transfer.estimator.coder import TransferSparseCoding

__all__ = ["TransferStream", "fit_batch", "takes_batches"]

# Early codes are those of a dictionary that has seen little; as in dictionary learning on-line.
_FORGETTING = 4.0
_FORGET_FROM = 5  # samples per atom
_FOR_WHOLE_SETS = {
    "graph": ("weight",),
    "label_term": ("weight",),
    "matching": ("pairing", "conditional"),
    "optimisation": ("solver", "dictionary_update", "callback"),
}


def takes_batches(estimator: Any) -> bool:
    """Return whether mini-batches can honour an estimator's parameters."""
    for group, names in _FOR_WHOLE_SETS.items():
        given, plain = estimator._group(group), ABSENT[group]
        for name in names:
            wanted, got = getattr(plain, name), getattr(given, name)
            if got is not wanted and got != wanted:
                raise AttributeError(
                    f"partial_fit needs {name}={wanted!r} in {group}, got {got!r}: mini-batches "
                    "know one way of learning, and no term that needs all samples at once; use fit"
                )
    return True


def fit_batch(
    coder: TransferSparseCoding, X: ArrayLike, sample_domain: ArrayLike | None
) -> TransferSparseCoding:
    """Fit an estimator on one more batch, which begins its stream where it has none."""
    first = not hasattr(coder, "_stream")
    signals = coder._signals(X, reset=first)
    mmd = check_real(coder.mmd, "mmd", minimum=0)
    domains = None if sample_domain is None else new_domains(sample_domain, len(signals))
    optimisation, regularisation = coder._group("optimisation"), coder._group("regularisation")
    if first:
        start, state = optimisation.dict_init, coder.random_state
        n_components = atom_count(coder.n_components, len(signals), start)
        coder._stream = TransferStream(first_dictionary(signals, n_components, start, state))
    stream = coder._stream
    dtype = stream.components.dtype
    found = stream.step(
        signals.astype(dtype, copy=False),
        domains,
        alpha=check_real(coder.alpha, "alpha", minimum=0, strict=True),
        mmd=mmd,
        l2=check_real(regularisation.l2, "l2", minimum=0),
        positive_code=regularisation.positive_code,
        positive_dict=regularisation.positive_dict,
        kkt_tol=optimisation.kkt_tol,
        threads=resolve_threads(coder.n_jobs),
    )
    coder.codes_ = found.codes
    coder.kkt_violation_ = found.kkt_violation
    coder.components_ = stream.components
    coder.mean_difference_ = stream.mean_difference().astype(dtype)
    coder._graph = None
    coder._linear_term = LinearTerm.of_sides(stream.linear_terms(mmd), dtype)
    coder._n_features_out = len(coder.components_)
    return coder


class TransferStream:
    r"""What mini-batches leave behind: atoms, their statistics, and the mean code of each side.

    A batch is coded under the MMD term of all samples seen, with the codes of earlier batches held
    fixed in their sums. With :math:`n_s, n_t` counting the batch, b its part of m, and
    :math:`\delta_0 = c_s/n_s - c_t/n_t` from the sums of old codes,

    .. math:: \tfrac\mu2 \|\delta_0 + S b\|^2, \qquad \mu = \hat\mu / (1/n_s + 1/n_t),

    is a rank-one term and a linear one. Memory does not grow with the number of batches.
    """

    def __init__(self, components: FloatArray) -> None:
        self.components = components
        self.statistics = Statistics(components.shape[0], components.shape[1], components.dtype)
        self.sums = np.zeros((2, len(components)))  # of source and of target codes
        self.counts = np.zeros(2)
        self.seen = 0

    def step(
        self,
        X: FloatArray,
        domains: NDArray[np.int64] | None,
        *,
        alpha: float,
        mmd: float,
        l2: float,
        positive_code: bool,
        positive_dict: bool,
        kkt_tol: float | None,
        threads: int,
    ) -> TransferCodes:
        """Encode a batch, add it to the statistics and update the atoms; return the codes."""
        self._forget(len(X))
        sides = [np.zeros(len(X), bool)] * 2 if domains is None else [domains > 0, domains < 0]
        counts = self.counts + [side.sum() for side in sides]
        linear = np.zeros((len(X), len(self.components)))
        factor = None
        if domains is not None and mmd > 0 and (counts > 0).all():
            strength = mmd / (1 / counts).sum()
            weights = sides[0] / counts[0] - sides[1] / counts[1]
            factor = (np.sqrt(strength) * weights)[:, None]
            fixed = self.sums[0] / counts[0] - self.sums[1] / counts[1]
            linear = strength * np.outer(weights, fixed)
        found = encode_shifted(
            X,
            self.components,
            linear,
            None,
            alpha=alpha,
            l2=l2,
            positive_code=positive_code,
            kkt_tol=kkt_tol,
            threads=threads,
            factor=factor,
        )
        if not found.converged:
            warn_unconverged(found, alpha, stacklevel=5)
        codes = found.codes
        for row, side in enumerate(sides):
            self.sums[row] += codes[side].sum(axis=0, dtype=np.float64)
        self.counts = counts
        self.seen += len(X)
        self.statistics.add(X, codes, n_jobs=threads)
        self.components = update_dictionary(
            self.components, self.statistics, positive_dict=positive_dict, n_jobs=threads
        )
        return found

    def mean_difference(self) -> NDArray[np.float64]:
        """Return the mean source code minus the mean target code; zeros before both are known."""
        if not (self.counts > 0).all():
            return np.zeros(len(self.components))
        return np.asarray(self.sums[0] / self.counts[0] - self.sums[1] / self.counts[1])

    def linear_terms(self, mmd: float) -> NDArray[np.float64]:
        """Return the gradient of the MMD term for a source and for a target code."""
        if mmd == 0 or not (self.counts > 0).all():
            return np.zeros((2, len(self.components)))
        strength = mmd / (1 / self.counts).sum()
        weights = np.array([1 / self.counts[0], -1 / self.counts[1]])
        return np.asarray(strength * np.outer(weights, self.mean_difference()))

    def _forget(self, arriving: int) -> None:
        if self.seen < _FORGET_FROM * len(self.components):
            return
        kept = (self.seen / (self.seen + arriving)) ** _FORGETTING
        self.statistics.decay(kept)
        self.sums *= kept
        self.counts *= kept
