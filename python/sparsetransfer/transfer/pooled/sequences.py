"""Frames of sequences: checks, moments per domain, whitening, and draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._domains import new_domains, resolve_domains
from sparsetransfer._labels import check_labels
from sparsetransfer._linalg import gram_matrix, lapack, matmul
from sparsetransfer._validation import FloatArray, check_matrix
from sparsetransfer.exceptions import DomainError

__all__ = ["WhitenedSequences"]

# Share of the mean variance in the whitened variances: directions of little variance are not
# amplified without bound.
_SHRINKAGE = 0.1


def check_frames(
    sequences: Sequence[ArrayLike], index: int, n_features: int | None, dtype: np.dtype[np.floating]
) -> FloatArray:
    """Return one sequence as a finite array of frames, or say which one cannot be used."""
    return check_matrix(sequences[index], f"X[{index}]", dtype=dtype, n_features=n_features)


@dataclass
class DomainMoments:
    """Number, sum and products of the frames of one domain, to which frames are added.

    `mean` (n_features,). `scatter` (n_features, n_features): sum of the products of frames minus
    their mean.
    """

    n_frames: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def empty(cls, n_features: int) -> "DomainMoments":
        """Return the moments of no frame."""
        return cls(0, np.zeros(n_features), np.zeros((n_features, n_features)))

    def add(self, frames: FloatArray) -> None:
        """Add frames, by the update of means that does not cancel (Chan et al., 1983)."""
        values = frames.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        total = self.n_frames + len(values)
        shift = mean - self.mean
        self.scatter += gram_matrix(values.T)
        with np.errstate(over="ignore", invalid="ignore"):  # refused by `fit_whitening`
            self.scatter += np.outer(shift, shift) * (self.n_frames * len(values) / total)
        self.mean = self.mean + shift * (len(values) / total)
        self.n_frames = total

    def scale(self, eps: float) -> NDArray[np.float64]:
        """Return the standard deviations; 1 where frames of precision `eps` are constant."""
        variance = np.diagonal(self.scatter) / self.n_frames
        constant = variance <= (64 * eps * np.abs(self.mean)) ** 2
        return np.asarray(np.where(constant, 1.0, np.sqrt(np.where(constant, 1.0, variance))))


def fit_whitening(
    moments: Sequence[DomainMoments], n_whitened: int, eps: float
) -> NDArray[np.float64]:
    """Return the shrunk whitening of the standardised frames of all domains.

    Every domain is standardised by its own moments; domains count by their frames. A direction of
    variance v is divided by sqrt((1 - s) v + s m) with m the mean variance and s = 0.1.

    Returns (n_features, at most n_whitened). Raises ValueError if all frames of each domain are
    equal.
    """
    if not all(np.isfinite(each.scatter).all() for each in moments):
        raise OverflowError("X: squares of frames overflow; divide the frames by their size")
    scales = [each.scale(eps) for each in moments]
    covariance = sum(
        (
            each.scatter / np.outer(scale, scale)
            for each, scale in zip(moments, scales, strict=True)
        ),
        start=np.zeros_like(moments[0].scatter),
    )
    covariance /= sum(each.n_frames for each in moments)
    variances, directions = lapack(np.linalg.eigh, covariance)
    variances, directions = variances[::-1], directions[:, ::-1]
    # A standardised feature that varies has variance 1.
    if variances[0] < 0.5:
        raise ValueError(
            "X: all frames of a domain are equal (one frame each, silence, or numbers whose squares "
            "underflow): nothing can be coded"
        )
    kept = min(n_whitened, int(np.sum(variances > 1e-10 * variances[0])))
    directions = directions[:, :kept]
    # The sign of an eigenvector is arbitrary; fix it, so that equal frames give equal codes.
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(kept)]
    shrunk = (1 - _SHRINKAGE) * variances[:kept] + _SHRINKAGE * variances[:kept].mean()
    return np.asarray(directions * np.sign(largest) / np.sqrt(shrunk))


def whiten(
    frames: FloatArray,
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
    projection: NDArray[np.float64],
) -> FloatArray:
    """Standardise frames, project them, and scale them to unit length, in their precision.

    A frame that equals the mean up to rounding has no direction: it becomes zero.
    """
    dtype = frames.dtype
    standard = (frames - mean.astype(dtype)) / scale.astype(dtype)
    rounding = 16 * np.finfo(dtype).eps * np.linalg.norm(mean / scale)
    known = np.linalg.norm(standard, axis=1, keepdims=True) > rounding
    out = matmul(standard, projection.astype(dtype))
    length = np.linalg.norm(out, axis=1, keepdims=True)
    known &= length > 0
    return np.asarray(np.where(known, out / np.where(known, length, 1), 0), dtype)


def draw_frames(
    lengths: NDArray[np.intp],
    domains: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
) -> list[NDArray[np.intp]]:
    """Draw frames without repetition, as many from each domain as long as it has so many.

    Returns the sorted numbers of the drawn frames of every sequence.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    groups = [np.flatnonzero(domains[owner] == number) for number in np.unique(domains)]
    groups.sort(key=len)
    drawn = []
    for index, group in enumerate(groups):
        share = min(len(group), count // (len(groups) - index))
        count -= share
        drawn.append(rng.choice(group, share, replace=False))
    chosen = np.sort(np.concatenate(drawn))
    return np.split(place[chosen], np.searchsorted(owner[chosen], np.arange(1, len(lengths))))


class WhitenedSequences:
    """Standardise the frames of sequences by domain, and whiten them.

    Sets `n_features_in_`, `domains_`, `means_`, `scales_` and `whitening_` of an estimator.
    """

    n_whitened: int
    max_frames: int

    @staticmethod
    def _domains(
        X: Sequence[ArrayLike], y: ArrayLike | None, sample_domain: ArrayLike | None
    ) -> NDArray[np.int64]:
        if not len(X):
            raise ValueError("X must have at least one sequence, got none")
        labels = None if y is None or sample_domain is not None else check_labels(y, len(X))
        domains = resolve_domains(labels, sample_domain, len(X))
        return np.ones(len(X), np.int64) if domains is None else domains

    def _transform_domains(
        self, sample_domain: ArrayLike | None, n_sequences: int
    ) -> NDArray[np.intp]:
        """Return the place of every sequence's domain in `domains_`."""
        if sample_domain is None:
            targets = self.domains_[self.domains_ < 0] if len(self.domains_) > 1 else self.domains_
            if len(targets) != 1:
                raise DomainError(
                    f"sample_domain must say of which domain each sequence is: {len(targets)} "
                    "targets were fitted"
                )
            domains = np.full(n_sequences, targets[0])
        else:
            domains = new_domains(sample_domain, n_sequences)
        strange = sorted(set(domains.tolist()) - set(self.domains_.tolist()))
        if strange:
            raise DomainError(
                f"sample_domain has domains that were not fitted: {strange}; fitted are "
                f"{self.domains_.tolist()}, and a new one has no means to be standardised by: fit "
                "with its unlabelled sequences"
            )
        return np.searchsorted(self.domains_, domains)

    @property
    def _eps(self) -> float:
        return float(np.finfo(self._dtype).eps)

    def _first_moments(
        self, X: Sequence[ArrayLike], domains: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Learn standardisation and whitening anew, return the lengths of the sequences."""
        first = check_matrix(X[0], "X[0]")
        self._dtype, self.n_features_in_ = first.dtype, first.shape[1]
        moments: dict[int, DomainMoments] = {}
        lengths = self._add_moments(X, domains, moments)
        ordered = [moments[number] for number in sorted(moments)]
        self.whitening_ = fit_whitening(ordered, self.n_whitened, self._eps)
        self._keep_moments(moments)
        return lengths

    def _add_moments(
        self, X: Sequence[ArrayLike], domains: NDArray[np.int64], moments: dict[int, DomainMoments]
    ) -> NDArray[np.intp]:
        """Add the frames of all sequences to the moments of their domains, return the lengths."""
        lengths = np.zeros(len(X), np.intp)
        for index, domain in enumerate(domains.tolist()):
            frames = check_frames(X, index, self.n_features_in_, self._dtype)
            if domain not in moments:
                moments[domain] = DomainMoments.empty(self.n_features_in_)
            moments[domain].add(frames)
            lengths[index] = len(frames)
        return lengths

    def _keep_moments(self, moments: dict[int, DomainMoments]) -> None:
        self._moments = moments
        self.domains_ = np.array(sorted(moments), np.int64)
        ordered = [moments[number] for number in self.domains_.tolist()]
        self.means_ = np.stack([each.mean for each in ordered])
        self.scales_ = np.stack([each.scale(self._eps) for each in ordered])

    def _gather(
        self,
        X: Sequence[ArrayLike],
        domains: NDArray[np.int64],
        lengths: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return drawn frames, whitened; frames without direction are left out."""
        drawn = draw_frames(lengths, domains, self.max_frames, rng)
        places = np.searchsorted(self.domains_, domains)
        rows = [
            self._whitened(X, index, int(places[index]), chosen)
            for index, chosen in enumerate(drawn)
            if chosen.size
        ]
        frames = np.concatenate(rows)
        directed = frames.any(axis=1)
        if not directed.any():
            raise ValueError(
                "X: every frame equals the mean up to rounding: nothing can be coded; subtract what "
                "all frames share"
            )
        return np.ascontiguousarray(frames[directed])

    def _whitened(
        self,
        X: Sequence[ArrayLike],
        index: int,
        place: int,
        chosen: NDArray[np.intp] | slice = slice(None),
    ) -> FloatArray:
        frames = check_frames(X, index, self.n_features_in_, self._dtype)[chosen]
        return whiten(frames, self.means_[place], self.scales_[place], self.whitening_)
