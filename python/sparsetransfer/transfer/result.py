"""What transfer sparse coding returns: codes, dictionaries and their certificates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import Displayed, extent
from sparsetransfer._validation import FloatArray

__all__ = ["TransferCodes", "TransferDictionary", "TransferProgress"]


@dataclass(frozen=True, repr=False)
class TransferCodes(Displayed):
    """Codes of a given dictionary and what is certain about them.

    Attributes
    ----------
    codes : numpy.ndarray of shape (n_samples, n_components)
    objective : float
        Value at `codes`, all terms.
    kkt_violation : float
        The largest distance of 0 from the subdifferential over all entries; compare with alpha.
        That of a sample with a weight is divided by it.
    duality_gap : float
        The objective minus a feasible dual value: an upper bound of the suboptimality.
    converged : bool
        Whether `kkt_violation` is within the tolerance asked for.
    n_iter : int
        Proximal gradient iterations.
    n_newton : int
        Newton steps after them.
    mean_difference : numpy.ndarray of shape (n_components,), or None
        Mean source code minus mean target code; None with one domain only.
    """

    codes: FloatArray
    objective: float
    kkt_violation: float
    duality_gap: float
    converged: bool
    n_iter: int
    n_newton: int
    mean_difference: FloatArray | None

    def _display(self) -> dict[str, str]:
        return {
            "codes": extent(self.codes),
            "converged": "yes" if self.converged else "no",
            "objective": f"{self.objective:.6g}",
            "KKT violation": f"{self.kkt_violation:.1e}",
            "duality gap": f"{self.duality_gap:.1e}",
        }


@dataclass(frozen=True, repr=False)
class TransferDictionary(Displayed):
    """A dictionary learned with its codes.

    Attributes
    ----------
    components : numpy.ndarray of shape (n_components, n_features)
        Atoms in the unit ball.
    codes : TransferCodes
        The codes for these atoms, solved to the final tolerance, with their certificate.
    history : numpy.ndarray of shape (n_iter,)
        The objective after every iteration; it never rises.
    n_iter : int
        Iterations of codes and dictionary.
    converged : bool
        Whether the objective settled within `max_iter` iterations.
    classes : numpy.ndarray of shape (n_classes,), or None
        The classes of the supervised term.
    label_map : numpy.ndarray of shape (n_classes, n_components), or None
        Its map: ``codes @ label_map.T`` is near the indicators of the classes.
    """

    components: FloatArray
    codes: TransferCodes
    history: NDArray[np.float64]
    n_iter: int
    converged: bool
    classes: NDArray[np.generic] | None = None
    label_map: FloatArray | None = None

    def _display(self) -> dict[str, str]:
        status = "settled" if self.converged else "did not settle"
        objective = f"{self.codes.objective:.6g}, {status} after {self.n_iter} iterations"
        return {
            "components": extent(self.components),
            **self.codes._display(),
            "objective": objective,
        }


@dataclass(frozen=True)
class TransferProgress:
    """What a callback is told after every iteration.

    Attributes
    ----------
    iteration : int
        Counted from 1.
    objective : float
        Value after the iteration.
    kkt_violation : float
        Of the iteration's codes.
    """

    iteration: int
    objective: float
    kkt_violation: float
