"""How far a recording is from all that a recogniser was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from sparsetransfer._linalg import lapack, matmul

__all__ = ["Novelty", "fit_novelty"]

_COMPONENTS = 20
_NEIGHBOURS = 5
_MOST_ROWS = 2000
_LEVEL = 0.99


@dataclass(frozen=True, eq=False)
class Novelty:
    """Distance to the nearest fitted rows, and from where on it is unusual.

    `mean` (d,): mean of the fitted rows of source and target. `components` (k, d): their first
    principal axes. `reference` (m, k): their coordinates. `threshold`: distance that one in a
    hundred rows of speakers who were held out exceeds.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    reference: NDArray[np.float64]
    threshold: float

    def distances(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean distance (n,) of each row (n, d) to its five nearest fitted rows."""
        return _distances(matmul(rows - self.mean, self.components.T), self.reference)


def _distances(points: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    count = min(_NEIGHBOURS, len(reference))
    found, _ = NearestNeighbors(n_neighbors=count).fit(reference).kneighbors(points)
    return np.asarray(found.mean(axis=1), dtype=np.float64)


def fit_novelty(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    *,
    seed: int = 0,
) -> Novelty:
    """Fit distances on source and target, and a threshold on speakers who are held out.

    `source` (n_source, d): normalised rows of the source. `target` (n_target, d): normalised rows
    of the target. `folds` (sequence of (train, test)): rows of the source with speakers held out.
    `seed`: draws the rows that are kept where there are more than 2000.

    The distance to the k-th nearest fitted row is a common score of what a model has not seen [1]_;
    the mean over the nearest five is steadier. It is taken on 20 principal axes of all rows, and
    the threshold is the 99th percentile of the distances of held-out source speakers to the others
    and to the target.

    References
    ----------
    .. [1] Y. Sun, Y. Ming, X. Zhu, Y. Li, "Out-of-Distribution Detection with Deep Nearest
       Neighbors", ICML 2022. https://proceedings.mlr.press/v162/sun22d.html

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(60, 4)), rng.normal(size=(60, 4))
    >>> half = np.arange(60) < 30
    >>> folds = [(np.flatnonzero(half), np.flatnonzero(~half))]
    >>> fit_novelty(source, target, folds).threshold > 0
    True
    """
    rows = np.vstack([source, target])
    mean = rows.mean(axis=0)
    _, _, axes = lapack(np.linalg.svd, rows - mean, full_matrices=False)
    components = np.ascontiguousarray(axes[:_COMPONENTS])
    points = matmul(rows - mean, components.T)
    known, unknown = points[: len(source)], points[len(source) :]
    held_out = np.concatenate(
        [_distances(known[test], np.vstack([known[train], unknown])) for train, test in folds]
    )
    kept = np.arange(len(points))
    if len(kept) > _MOST_ROWS:
        kept = np.sort(np.random.default_rng(seed).choice(kept, _MOST_ROWS, replace=False))
    return Novelty(mean, components, points[kept], float(np.quantile(held_out, _LEVEL)))
