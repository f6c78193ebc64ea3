"""How far two domains are apart, and a picture of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import mmd
from sparsetransfer._linalg import lapack, matmul

__all__ = ["Discrepancy", "measure_discrepancy", "project_2d"]


@dataclass(frozen=True)
class Discrepancy:
    """Distance between the rows of source and target, without unit.

    `linear`: squared distance of the means, divided by the mean squared norm of the rows.
    `gaussian`: squared maximum mean discrepancy, biased estimate, under the mean of five Gaussian
    kernels whose widths lie around the mean squared distance; 0 (same distribution) to 2.
    """

    linear: float
    gaussian: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def measure_discrepancy(source: NDArray[np.float64], target: NDArray[np.float64]) -> Discrepancy:
    """Measure the discrepancy between two sets of rows.

    `source` (n_source, d): rows of the source. `target` (n_target, d): rows of the target. Returns:
    unchanged when all rows are multiplied by one number.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(50, 3))
    >>> near, far = measure_discrepancy(rows, rows + 0.1), measure_discrepancy(rows, rows + 1.0)
    >>> near.linear < far.linear
    True
    """
    rows = np.vstack([source, target])
    energy = float(np.mean(np.einsum("ij,ij->i", rows, rows)))
    distance = mmd.linear(source, target).value
    differ = bool(np.ptp(rows, axis=0).any())
    return Discrepancy(
        linear=distance / energy if energy > 0 else 0.0,
        gaussian=mmd.gaussian(source, target, bandwidths="mean").value if differ else 0.0,
    )


def project_2d(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project rows of both domains on the first two principal axes of their union.

    `source` (n_source, d): rows of the source. `target` (n_target, d): rows of the target. Returns
    `source`, `target` (n, 2): coordinates; the sign of an axis is such that its largest loading is
    positive. With one column the second coordinate is zero.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> source, target = project_2d(rng.normal(size=(20, 5)), rng.normal(size=(30, 5)))
    >>> source.shape, target.shape
    ((20, 2), (30, 2))
    """
    rows = np.vstack([source, target])
    rows = rows - rows.mean(axis=0)
    _, _, axes = lapack(np.linalg.svd, rows, full_matrices=False)
    axes = axes[:2]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, None]
    points = np.zeros((len(rows), 2))
    points[:, : len(axes)] = matmul(rows, axes.T)
    return points[: len(source)], points[len(source) :]
