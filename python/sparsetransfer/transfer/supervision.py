"""The supervised term: classes that a linear map is to read from the codes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._labels import class_values, label_array, labelled
from sparsetransfer._validation import check_real
from sparsetransfer.transfer.problem import CoupledProblem

__all__ = ["Supervision"]


class Supervision:
    """The targets of the supervised term as the kernels take them; empty without one."""

    def __init__(
        self,
        y: ArrayLike | None,
        n_samples: int,
        n_components: int,
        label: float,
        label_l2: float,
        coupling: CoupledProblem,
        solver: str,
        dtype: np.dtype[Any],
    ) -> None:
        strength = check_real(label, "label", minimum=0)
        self.ridge = check_real(label_l2, "label_l2", minimum=0, strict=True)
        self.classes: NDArray[np.generic] | None = None
        self.targets = np.zeros((0, 0), dtype)
        self.weights = np.zeros(0, dtype)
        self.map = np.zeros((0, 0), dtype)
        if strength == 0:
            return
        if solver in ("admm", "gauss-seidel"):
            raise ValueError(
                f"label={label} needs solver='auto', 'fista' or 'newton', got {solver!r}: the "
                "others share one quadratic term among all codes"
            )
        labels = None if y is None else label_array(y)
        if labels is None or labels.shape != (n_samples,):
            got = "none" if labels is None else f"shape {labels.shape}"
            raise ValueError(f"label={label} needs y of shape ({n_samples},), got {got}")
        known = labelled(labels)
        if not known.any():
            raise ValueError(f"label={label} needs labels, but all of y are masked")
        self.classes = np.unique(class_values(labels[known]))
        targets = np.zeros((n_samples, len(self.classes)), dtype)
        targets[known] = labels[known, None] == self.classes
        self.targets = coupling.scale(targets)
        self.weights = np.where(known, strength, 0.0).astype(dtype)
        # One class per column: the kernels see (classes x atoms) in the same memory.
        self.map = np.zeros((n_components, len(self.classes)), dtype)

    def arguments(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Return the term as the kernels take it; in its own precision they change the map."""
        return {
            "targets": self.targets.astype(dtype, copy=False),
            "target_weights": self.weights.astype(dtype, copy=False),
            "ridge": self.ridge,
            "map": self.map.astype(dtype, copy=False),
        }
