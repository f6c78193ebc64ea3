"""First dictionaries: from samples, spread samples, or the singular value decomposition."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from sparsetransfer import _core
from sparsetransfer._linalg import lapack, matmul
from sparsetransfer._threads import get_num_threads
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_generator,
    check_integer,
    check_matrix,
)

__all__ = ["Initialisation", "initial_dictionary"]

Initialisation: TypeAlias = Literal["samples", "spread", "svd"]
_ROWS = 1024
_METHODS = ("samples", "spread", "svd")


def initial_dictionary(
    X: ArrayLike,
    n_components: int,
    *,
    init: Initialisation = "samples",
    positive: bool = False,
    rng: np.random.Generator | int | None = None,
) -> FloatArray:
    """Return unit-norm atoms to start dictionary learning from.

    - `X` (n_samples, n_features): signals.
    - `n_components`: the number of atoms.
    - `init`: "samples" draws signals without repetition; "spread" draws each signal with a
      probability that falls with its similarity to those drawn before, like k-means++ but blind to
      sign and scale; "svd" takes right singular vectors by decreasing singular value, without
      drawing.
    - `positive`: use the non-negative part of every atom.
    - `rng`: the source of draws, or its seed.

    Returns (n_components, n_features): where the signals give fewer than `n_components` atoms (zero
    signals, low rank) the rest are zero: learners replace atoms that no code uses. Raises
    ValueError if `X` is not finite or `init` is unknown.

    References
    ----------
    D. Arthur, S. Vassilvitskii. k-means++: The advantages of careful seeding. SODA 2007.
    DOI 10.5555/1283383.1283494

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> atoms = initial_dictionary(X, 6, rng=0)
    >>> atoms.shape, np.allclose(np.linalg.norm(atoms, axis=1), 1.0)
    ((6, 4), True)
    """
    check_choice(init, "init", _METHODS)
    X = _in_range(check_matrix(X, "X"))
    k = check_integer(n_components, "n_components", minimum=1)
    generator = check_generator(rng)
    if init == "svd":
        atoms = _right_singular_vectors(X, k)
    elif init == "spread":
        atoms = X[_spread(X, k, generator)]
    else:
        usable = np.flatnonzero(np.einsum("ij,ij->i", X, X) > 0)
        atoms = X[generator.permutation(usable)[:k]]
    dictionary = np.zeros((k, X.shape[1]), X.dtype)
    dictionary[: len(atoms)] = np.maximum(atoms, 0) if positive else atoms
    length = np.linalg.norm(dictionary, axis=1, keepdims=True)
    normalised: FloatArray = dictionary / np.where(length > 0, length, 1)
    return normalised


def _in_range(X: FloatArray) -> FloatArray:
    """Return signals whose products of four neither overflow nor vanish; most as they are."""
    largest = max(X.max(initial=0.0), -X.min(initial=0.0))
    bound = float(np.finfo(X.dtype).max) ** 0.2
    if largest == 0 or 1 / bound < largest < bound:
        return X
    scaled: FloatArray = np.ldexp(X, -int(np.frexp(largest)[1]))
    return scaled


def _right_singular_vectors(X: FloatArray, k: int) -> FloatArray:
    """Return at most `k` right singular vectors in rows, their largest entries positive."""
    # By the eigenvectors of XᵀX, or of XXᵀ if that is smaller: exact enough to start from.
    wide = X.shape[0] < X.shape[1]
    values, columns = lapack(linalg.eigh, _small_gram(X.T if wide else X))
    values, vectors = values[::-1], columns[:, ::-1].T
    # Below the rounding of X, directions are noise.
    noise = 10 * len(values) * np.finfo(X.dtype).eps * values.max(initial=0.0)
    rank = int(np.sum(values > noise))
    vectors = vectors[: min(k, rank)].astype(X.dtype)
    if wide:
        vectors = matmul(vectors, X)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, np.newaxis], axis=1)
    return np.asarray(vectors * np.sign(largest))


def _small_gram(X: FloatArray) -> FloatArray:
    """Return XᵀX in float64, summed over blocks of rows."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for begin in range(0, len(X), _ROWS):
        block = np.ascontiguousarray(X[begin : begin + _ROWS].T, dtype=np.float64)
        total += _core.gram(block, get_num_threads())
    return total


def _spread(X: FloatArray, k: int, rng: np.random.Generator) -> list[int]:
    energy = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    # What of every signal the best of the chosen atoms leaves unexplained.
    left = energy.copy()
    chosen: list[int] = []
    while len(chosen) < k:
        total = np.cumsum(left)
        if not total[-1] > 0:
            break
        index = int(np.searchsorted(total, rng.random() * total[-1], side="right"))
        index = min(index, len(X) - 1)
        chosen.append(index)
        explained = matmul(X, X[index]).astype(np.float64) ** 2 / energy[index]
        np.minimum(left, np.maximum(energy - explained, 0), out=left)
        # The chosen signal itself, and its parallels, up to the rounding of the product.
        left[left < 8 * np.finfo(X.dtype).eps * energy] = 0
    return chosen
