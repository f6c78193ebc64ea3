"""Results of dictionary learning, and its progress reports."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import Displayed, extent
from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary.statistics import Statistics

__all__ = ["LearnedDictionary", "Progress", "Status"]

Status: TypeAlias = Literal["converged", "max_iter", "time_limit", "callback"]


@dataclass(frozen=True, slots=True)
class Progress:
    """The state that a callback sees after every iteration.

    Attributes
    ----------
    iteration : int
        From 1: passes over all samples, or mini-batches.
    objective : float
        The objective over all samples; the mean over the mini-batch when learning online.
    components : numpy.ndarray of shape (n_components, n_features)
        The current dictionary, read-only.
    n_samples_seen : int
        Samples coded so far, repetitions included.
    seconds : float
        Since the start.
    """

    iteration: int
    objective: float
    components: FloatArray
    n_samples_seen: int
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class LearnedDictionary(Displayed):
    """A dictionary, the codes of the signals it was learned from, and a certificate of both.

    Attributes
    ----------
    components : numpy.ndarray of shape (n_components, n_features)
        The dictionary, atoms in rows, none longer than one.
    codes : numpy.ndarray of shape (n_samples, n_components) or None
        The optimal codes of the signals at `components`; None where not asked for.
    objective : float
        Σ w (‖x − Dᵀs‖²/2 + α ‖s‖₁) at `components` and `codes`; NaN without codes.
    history : numpy.ndarray of shape (n_iter,)
        The objective after every iteration; for mini-batches the mean over the batch before its
        dictionary step.
    n_iter : int
        Iterations made: passes over all samples, or mini-batches.
    status : {"converged", "max_iter", "time_limit", "callback"}
        Why learning ended.
    duality_gap : float
        What the codes' objective can at most be above its optimum at `components`, relative to
        `objective`; NaN without codes.
    kkt_violation : float
        The largest violation of a code's optimality conditions, in the unit of α; NaN without
        codes.
    stationarity : float
        The farthest that an atom would move in its own exact update at `codes`.
    statistics : Statistics or None
        Of the signals and their codes (online: with forgetting). None if a mask was given to
        `learn_dictionary`, which does not need them; `MaskedStatistics` can be made from the codes.
    """

    components: FloatArray
    codes: FloatArray | None
    objective: float
    history: NDArray[np.float64]
    n_iter: int
    status: Status
    duality_gap: float
    kkt_violation: float
    stationarity: float
    statistics: Statistics | None

    def _display(self) -> dict[str, str]:
        shown = {
            "components": extent(self.components),
            "codes": extent(self.codes),
            "status": f"{self.status} after {self.n_iter} iterations",
        }
        if self.codes is not None:
            shown["objective"] = f"{self.objective:.6g}"
            shown["relative duality gap"] = f"{self.duality_gap:.1e}"
            shown["KKT violation"] = f"{self.kkt_violation:.1e}"
        return shown

    @property
    def converged(self) -> bool:
        """Whether the stopping rule, rather than a limit, ended learning."""
        return self.status == "converged"
