"""What the sets of statistics over one utterance share."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._linalg import single_threaded_blas
from sparsetransfer.features.descriptors.contours import derivatives, smoothed, speech_stretch
from sparsetransfer.features.descriptors.level import SAMPLE_RATE
from sparsetransfer.features.sets.statistics import apply, columns

__all__ = ["CONTOURS", "UtteranceStatistics"]

CONTOURS = {
    "contours": "running mean of 3 frames; derivative by regression over 5",
    "stretch": "first to last frame within 30 dB of the 95th percentile of the energy",
    "floor": "80 dB below the loudest frame (energy), 100 dB (spectrum)",
}
"""Parameters of the contours that all sets summarise."""


class UtteranceStatistics:
    """Base of feature sets whose columns are statistics of contours over an utterance.

    `id`: name and version; the version changes whenever any value may. `sample_rate`: rate of the
    signals in Hz. `names`: name of every column: ``<descriptor>_<functional>``,
    ``<descriptor>_delta_<functional>``. `units`: unit of every column; derivatives are per second.
    `parameters`: what the values depend on.
    """

    id: ClassVar[str]
    sample_rate: ClassVar[int] = SAMPLE_RATE
    parameters: ClassVar[dict[str, str]]

    _descriptors: ClassVar[Mapping[str, str]]
    """Name and unit of the contours."""
    _static: ClassVar[tuple[str, ...]]
    """Functionals of the contours."""
    _delta: ClassVar[tuple[str, ...]]
    """Functionals of their derivatives."""
    _further: ClassVar[Mapping[str, str]] = {}
    """Name and unit of the columns after those of the contours."""

    def __init__(self) -> None:
        named = columns(self._descriptors, self._static)
        named |= columns(self._descriptors, self._delta, delta=True)
        named |= self._further
        self.names = tuple(named)
        self.units = tuple(named.values())

    @single_threaded_blas()  # the last bits follow the number of threads
    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the features of one utterance.

        `signal` (n_samples,): mono signal at `sample_rate`, full scale 1, at least one finite
        sample. Returns (len(names),): one finite value per column, whatever the signal: for silence
        and for less than three voiced frames the affected columns are 0.
        """
        return self._compute(signal)

    def _compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        raise NotImplementedError

    def _summarise(
        self, contours: NDArray[np.float64], hop: float
    ) -> tuple[NDArray[np.float64], slice]:
        """Return the columns of the smoothed contours, and where speech lasts."""
        values = smoothed(contours)
        part = speech_stretch(values[0])
        static = apply(values[:, part], self._static)
        delta = apply(derivatives(values, hop)[:, part], self._delta)
        return np.concatenate([static.ravel(), delta.ravel()]), part
