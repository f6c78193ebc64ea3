"""What is learned from: checked signals, weights, masks and options."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import (
    FloatArray,
    Mask,
    check_flags,
    check_integer,
    check_masked,
    check_matrix,
    check_real,
    check_vector,
    resolve_threads,
)
from sparsetransfer.dictionary.steps.atoms import AtomSet
from sparsetransfer.dictionary.steps.coding import Coder, PursuitCoder
from sparsetransfer.dictionary.steps.initialisation import Initialisation, initial_dictionary

__all__ = ["FORMER_KEYWORDS", "Problem", "batches", "first_dictionary"]

# What learning functions called these keywords, see `former_keywords`.
FORMER_KEYWORDS = {
    "n_threads": "n_jobs",
    "positive_codes": "positive_code",
    "positive_components": "positive_dict",
    "time_budget": "time_limit",
}


class Problem:
    """Checked signals and options."""

    def __init__(
        self,
        X: ArrayLike,
        n_components: int,
        *,
        alpha: float,
        sample_weight: ArrayLike | None,
        positive_code: bool,
        atoms: AtomSet,
        coding_max_iter: int,
        mask: Mask,
        n_nonzero_coefs: int | None = None,
        n_jobs: int | None,
    ) -> None:
        signals, observed = check_masked(X, "X", mask)
        self.all_X = self.X = signals
        self.all_mask = self.mask = observed
        self.n_components = check_integer(n_components, "n_components", minimum=1)
        self.alpha = check_real(alpha, "alpha", minimum=0.0)
        self.weights = (
            np.empty(0, self.X.dtype)
            if sample_weight is None
            else check_vector(
                sample_weight, "sample_weight", size=len(self.X), dtype=self.X.dtype, minimum=0
            )
        )
        self.kept: NDArray[np.bool_] | None = None
        if self.weights.size and not self.weights.all():
            # Samples without weight must not even replace a dead atom.
            if not self.weights.any():
                raise ValueError("sample_weight must not be zero for all samples")
            self.kept = self.weights > 0
            self.X, self.weights = self.X[self.kept], self.weights[self.kept]
            self.mask = None if observed is None else observed[self.kept]
        check_flags(positive_code=positive_code)
        self.positive_code = bool(positive_code)
        self.atoms = atoms
        self.num_threads = resolve_threads(n_jobs)
        max_iter = check_integer(coding_max_iter, "coding_max_iter", minimum=1)
        self.coder: Coder | PursuitCoder
        if n_nonzero_coefs is None:
            self.coder = Coder(
                self.alpha,
                positive=self.positive_code,
                max_iter=max_iter,
                num_threads=self.num_threads,
            )
        else:
            self.coder = self._pursuit(n_nonzero_coefs)

    def _pursuit(self, n_nonzero_coefs: int) -> PursuitCoder:
        count = check_integer(n_nonzero_coefs, "n_nonzero_coefs", minimum=1)
        if count > self.n_components:
            raise ValueError(
                f"n_nonzero_coefs must be at most the number of atoms, {self.n_components}, got "
                f"{count}"
            )
        if self.alpha != 0:
            raise ValueError(f"alpha must be 0 with n_nonzero_coefs, got {self.alpha}")
        if self.positive_code:
            raise ValueError("positive_code cannot be had with n_nonzero_coefs")
        return PursuitCoder(count, num_threads=self.num_threads)

    def rows(
        self, rows: NDArray[np.int64] | slice
    ) -> tuple[FloatArray, FloatArray, NDArray[np.bool_] | None]:
        """Return the signals, weights and observed entries of some samples."""
        return (
            self.X[rows],
            self.weights[rows] if self.weights.size else self.weights,
            None if self.mask is None else self.mask[rows],
        )

    @property
    def total_weight(self) -> float:
        """The weight of all samples: their number when they are not weighted."""
        return float(self.weights.sum(dtype=np.float64)) if self.weights.size else len(self.X)

    def check_dictionary(self, dictionary: ArrayLike) -> FloatArray:
        """Return a writable copy inside the constraints."""
        shape = (self.n_components, self.X.shape[1])
        atoms = check_matrix(dictionary, "dict_init", dtype=self.X.dtype, n_features=shape[1])
        if atoms.shape != shape:
            raise ValueError(f"dict_init must have shape {shape}, got {atoms.shape}")
        if self.atoms.positive and atoms.min() < 0:
            raise ValueError("dict_init must not be negative when positive_dict is set")
        return self.atoms.shrunk(atoms)


def first_dictionary(
    problem: Problem,
    dict_init: ArrayLike | None,
    init: Initialisation,
    rng: np.random.Generator | int | None,
) -> FloatArray:
    """Return the dictionary to start from; missing entries count as zeros in it."""
    if dict_init is not None:
        return problem.check_dictionary(dict_init)
    X = problem.X
    if init == "svd" and problem.weights.size:
        X = X * np.sqrt(problem.weights)[:, np.newaxis]
    atoms = initial_dictionary(
        X, problem.n_components, init=init, positive=problem.atoms.positive, rng=rng
    )
    return problem.atoms.scaled(atoms) if problem.atoms.l1_ratio > 0 else atoms


def batches(
    n_samples: int, batch_size: int, n_epochs: float, rng: np.random.Generator | None
) -> Iterator[NDArray[np.int64] | slice]:
    """Yield the rows of mini-batches, pass after pass, and of a part of one; in order without `rng`."""
    left = max(round(n_epochs * n_samples), int(n_epochs > 0))
    while left > 0:
        order = None if rng is None else rng.permutation(n_samples)
        end = min(left, n_samples)
        for begin in range(0, end, batch_size):
            rows = slice(begin, min(begin + batch_size, end))
            yield rows if order is None else order[rows]
        left -= end
