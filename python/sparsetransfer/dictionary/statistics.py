"""Sufficient statistics of a dictionary: sums that can be merged, decayed and saved."""

import os
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sparsetransfer import _core
from sparsetransfer._files import reading, replacing
from sparsetransfer._former import former_keywords
from sparsetransfer._linalg import inner, matmul
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_matrix,
    check_real,
    check_vector,
    resolve_threads,
)

__all__ = ["Statistics"]

_SCHEMA = 1
_SCALARS = ("n", "energy", "l1")
# Rows that are summed at a time.
_ROWS = 1024


class Statistics:
    """All that a dictionary update needs to know of signals and codes, as sums over samples.

    Sums of sums are sums: statistics of chunks, machines or days `merge` into the statistics of
    the whole, and one dictionary update on them is the update on all the data at once.

    Parameters
    ----------
    n_components : int
        The number of atoms.
    n_features : int
        The number of features.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float64
        Of `A` and `B`.

    Attributes
    ----------
    A : numpy.ndarray of shape (n_components, n_components)
        The weighted code products, Σ w s sᵀ.
    B : numpy.ndarray of shape (n_components, n_features)
        The weighted products of codes and signals, Σ w s xᵀ.
    n : float
        The weight of the samples seen, Σ w: their number when they are not weighted.
    energy : float
        The weighted energy of the signals, Σ w ‖x‖².
    l1 : float
        The weighted norm of the codes, Σ w ‖s‖₁.

    Notes
    -----
    The objective at a dictionary D of atoms in rows is
    Σ w (‖x − Dᵀs‖²/2 + α ‖s‖₁) = energy/2 + tr(D Dᵀ A)/2 − tr(D Bᵀ) + α l1: it needs no samples.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.dictionary import Statistics
    >>> rng = np.random.default_rng(0)
    >>> X, codes = rng.normal(size=(100, 4)), rng.normal(size=(100, 3))
    >>> whole = Statistics(3, 4).add(X, codes)
    >>> parts = Statistics(3, 4).add(X[:30], codes[:30])
    >>> parts = parts.merge(Statistics(3, 4).add(X[30:], codes[30:]))
    >>> np.allclose(parts.A, whole.A), parts.n
    (True, 100.0)
    """

    def __init__(self, n_components: int, n_features: int, dtype: DTypeLike = np.float64) -> None:
        k = check_integer(n_components, "n_components", minimum=1)
        d = check_integer(n_features, "n_features", minimum=1)
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        self.A: FloatArray = np.zeros(self._shape_of_A(k, d), dtype)
        self.B: FloatArray = np.zeros((k, d), dtype)
        self.n = 0.0
        self.energy = 0.0
        self.l1 = 0.0

    @staticmethod
    def _shape_of_A(n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_components)

    @property
    def n_components(self) -> int:
        """The number of atoms."""
        return int(self.B.shape[0])

    @property
    def n_features(self) -> int:
        """The number of features."""
        return int(self.B.shape[1])

    @former_keywords(n_threads="n_jobs")
    def add(
        self,
        X: ArrayLike,
        codes: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_jobs: int | None = None,
    ) -> Self:
        """Add samples and their codes, in place.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Signals.
        codes : array_like of shape (n_samples, n_components)
            Their codes.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights; by default every sample counts one.
        n_jobs : int, optional
            Threads: None for `get_num_threads()`, -1 for all. The sums do not depend on it.

        Returns
        -------
        Statistics
            Itself.

        Raises
        ------
        ValueError
            If the shapes do not fit or an entry is not finite.
        """
        X = check_matrix(X, "X", dtype=self.A.dtype, n_features=self.n_features)
        codes, weights = self._checked(len(X), codes, sample_weight)
        self._accumulate(X, codes, weights, resolve_threads(n_jobs))
        return self

    def _checked(
        self, n_samples: int, codes: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[FloatArray, FloatArray]:
        dtype = self.A.dtype
        codes = check_matrix(codes, "codes", dtype=dtype, n_features=self.n_components)
        if len(codes) != n_samples:
            raise ValueError(
                f"codes must have one row per sample, got {len(codes)} for {n_samples}"
            )
        if sample_weight is None:
            return codes, np.empty(0, dtype)
        return codes, check_vector(
            sample_weight, "sample_weight", size=n_samples, dtype=dtype, minimum=0
        )

    def _accumulate(
        self,
        X: FloatArray,
        codes: FloatArray,
        weights: FloatArray,
        num_threads: int,
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add checked arrays; `weights` may be empty, and nothing may be missing."""
        assert mask is None
        _core.dictionary_accumulate(X, codes, weights, self.A, self.B, num_threads=num_threads)
        self._add_scalars(X, codes, weights)

    def _add_scalars(self, X: FloatArray, codes: FloatArray, weights: FloatArray) -> None:
        self.n += float(weights.sum(dtype=np.float64)) if weights.size else len(X)
        self.energy += _weighted_sum(np.square, X, weights)
        self.l1 += penalty(codes, weights)

    def merge(self, other: "Statistics") -> Self:
        """Return the statistics of both sets of samples together.

        Raises
        ------
        ValueError
            If `other` is of another shape or kind.
        """
        if type(self) is not type(other):
            raise ValueError(f"other must be {type(self).__name__}, got {type(other).__name__}")
        if self.B.shape != other.B.shape:
            raise ValueError(
                f"other must have {self.B.shape} components and features, got {other.B.shape}"
            )
        merged = type(self)(
            self.n_components, self.n_features, dtype=np.result_type(self.A, other.A)
        )
        merged.A += self.A
        merged.A += other.A
        merged.B += self.B
        merged.B += other.B
        for name in _SCALARS:
            setattr(merged, name, getattr(self, name) + getattr(other, name))
        return merged

    def decay(self, factor: float) -> Self:
        """Multiply everything by `factor` in [0, 1], in place: forget old samples.

        Raises
        ------
        ValueError
            If `factor` is outside [0, 1].
        """
        factor = check_real(factor, "factor", minimum=0.0, maximum=1.0)
        self.A *= factor
        self.B *= factor
        for name in _SCALARS:
            setattr(self, name, getattr(self, name) * factor)
        return self

    @former_keywords(components="dictionary", n_threads="n_jobs")
    def objective(self, dictionary: ArrayLike, alpha: float, *, n_jobs: int | None = None) -> float:
        """Return the objective of the samples with their codes at this dictionary.

        Parameters
        ----------
        dictionary : array_like of shape (n_components, n_features)
            The dictionary, atoms in rows.
        alpha : float
            The weight of the codes' ℓ1 norm.
        n_jobs : int, optional
            Threads: None for `get_num_threads()`, -1 for all.

        Returns
        -------
        float
            Σ w (‖x − Dᵀs‖²/2 + α ‖s‖₁), a sum over samples, not a mean; of masked signals the
            observed entries count.
        """
        alpha = check_real(alpha, "alpha", minimum=0.0)
        atoms = check_matrix(
            dictionary, "dictionary", dtype=self.A.dtype, n_features=self.n_features
        )
        quadratic = self._quadratic(atoms, resolve_threads(n_jobs))
        return float(0.5 * self.energy + quadratic + alpha * self.l1)

    def _quadratic(self, components: FloatArray, num_threads: int) -> float:
        return float(
            _core.dictionary_objective(self.A, self.B, components, num_threads=num_threads)
        )

    def _curvature_and_slope(self, components: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a and b of the terms Σ_f (a d_f²/2 − b d_f) that an atom sees, others fixed."""
        curvature = np.repeat(self.A.diagonal()[:, np.newaxis], components.shape[1], axis=1)
        return curvature, self.B - matmul(self.A, components) + curvature * components

    def _forget(self, atoms: NDArray[np.int64]) -> None:
        """Drop what is known of some atoms: others have taken their places."""
        self.A[..., atoms, :] = 0.0
        self.A[..., atoms] = 0.0
        self.B[atoms] = 0.0

    def copy(self) -> Self:
        """Return an independent copy."""
        return self.merge(type(self)(self.n_components, self.n_features, dtype=self.A.dtype))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a ``.npz`` file without pickle; an existing file is replaced at once or not.

        Parameters
        ----------
        path : path-like
            Where to write.
        """
        scalars = np.array([getattr(self, name) for name in _SCALARS])
        with replacing(path) as aside, aside.open("wb") as file:
            np.savez(file, schema=_SCHEMA, A=self.A, B=self.B, scalars=scalars)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        Statistics

        Raises
        ------
        ValueError
            If the file is not of this kind, its shapes disagree, or a number is not finite.
        """
        # Opened here: NumPy leaves a file open that turns out to be no archive.
        with reading(path) as place, place.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            names = getattr(file, "files", ())
            content = {name: file[name] for name in names}
        if set(content) != {"schema", "A", "B", "scalars"} or content["schema"] != _SCHEMA:
            raise ValueError(f"{os.fspath(path)} holds no dictionary statistics")
        A, B, scalars = content["A"], content["B"], content["scalars"]
        if (
            B.ndim != 2
            or A.shape != cls._shape_of_A(*B.shape)
            or scalars.shape != (len(_SCALARS),)
            or A.dtype != B.dtype
        ):
            raise ValueError(f"{os.fspath(path)}: A {A.shape} and B {B.shape} do not fit")
        if not all(np.isfinite(values).all() for values in (A, B, scalars)):
            raise ValueError(f"{os.fspath(path)} holds numbers that are not finite")
        energy = float(scalars[_SCALARS.index("energy")])
        if np.any(scalars < 0) or not _are_sums(A, B, energy):
            raise ValueError(
                f"{os.fspath(path)} is damaged: A is not symmetric and positive semi-definite, B is "
                "not that of the same samples, or a sum is negative; sum the statistics of the codes "
                "again"
            )
        statistics = cls(B.shape[0], B.shape[1], dtype=A.dtype)
        statistics.A[...] = A
        statistics.B[...] = B
        for name, value in zip(_SCALARS, scalars.tolist(), strict=True):
            setattr(statistics, name, value)
        return statistics

    def __repr__(self) -> str:
        """Show the sizes."""
        return (
            f"{type(self).__name__}(n_components={self.n_components}, n_features={self.n_features}, "
            f"dtype={self.A.dtype}, n={self.n:g})"
        )


def _are_sums(A: FloatArray, B: FloatArray, energy: float) -> bool:
    """Return whether A = Σ s sᵀ, B = Σ s xᵀ and energy = Σ |x|² can be of one set of samples.

    To rounding: A is symmetric and positive semi-definite, and so is the least sum of squares of
    the samples, energy - tr(Bᵀ A⁺ B). `A` may be one matrix per feature.
    """
    values = A.astype(np.float64)
    largest = np.abs(values).max(axis=(-2, -1), keepdims=True, initial=0.0)
    largest[largest == 0] = 1.0
    values /= largest
    rounding = np.sqrt(np.finfo(A.dtype).eps)
    if np.any(np.abs(values - np.swapaxes(values, -1, -2)) > rounding):
        return False
    try:
        factor = np.linalg.cholesky(values + 2 * rounding * np.eye(values.shape[-1]))
    except np.linalg.LinAlgError:
        return False
    if energy == 0:
        return not bool(B.any())
    products = B.astype(np.float64) / np.sqrt(energy)
    columns = products if values.ndim == 2 else products.T[:, :, np.newaxis]
    explained = np.linalg.solve(factor, columns / np.sqrt(largest))
    return bool(np.square(explained).sum() <= 1 + rounding)


def empty_statistics(components: FloatArray) -> Statistics:
    """Return empty statistics that fit a dictionary."""
    return Statistics(components.shape[0], components.shape[1], dtype=components.dtype)


def penalty(codes: FloatArray, weights: FloatArray) -> float:
    """Return Σ w |s|₁ over samples in rows; no weights mean ones."""
    return _weighted_sum(np.abs, codes, weights)


def _weighted_sum(function: np.ufunc, values: FloatArray, weights: FloatArray) -> float:
    total = 0.0
    # By blocks of rows: all values at once would need as much memory again.
    for begin in range(0, len(values), _ROWS):
        rows = slice(begin, begin + _ROWS)
        sums = function(values[rows], dtype=np.float64).sum(axis=1)
        total += inner(weights[rows].astype(np.float64), sums) if weights.size else sums.sum()
    return float(total)
