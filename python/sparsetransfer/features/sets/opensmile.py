"""Feature sets of openSMILE, through its own Python package (the extra "opensmile")."""

from __future__ import annotations

import functools
import logging
import warnings
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import missing_extra
from sparsetransfer._validation import check_choice
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    from opensmile import Smile

__all__ = ["OPENSMILE_SETS", "OpenSmile"]

_log = logging.getLogger(__name__)

OPENSMILE_SETS: dict[str, str] = {
    "opensmile-compare2016": "ComParE_2016",
    "opensmile-egemaps": "eGeMAPSv02",
    "opensmile-emobase": "emobase",
    "opensmile-gemaps": "GeMAPSv01b",
    "opensmile-is09": "IS09",
    "opensmile-is10": "IS10",
    "opensmile-is11": "IS11",
    "opensmile-is12": "IS12",
    "opensmile-is13": "IS13",
}
"""Names here and the names openSMILE's package has for its sets."""

_LICENCE = (
    "openSMILE is not open source: audEERING's research licence allows non-commercial use only, "
    "which covers features extracted with it; see the licence of the package 'opensmile'"
)


class OpenSmile:
    """Functionals of one of openSMILE's standard sets, computed by openSMILE itself.

    - `name`: one of `OPENSMILE_SETS`. GeMAPS and eGeMAPS are taken in their latest versions.
    - `id`: the name with the version of the package that computes it.
    - `sample_rate`: rate of the signals in Hz.
    - `names`: openSMILE's name of every column.
    - `units`: "openSMILE": its documentation tells.
    - `parameters`: the set and the licence.

    Raises ValueError if `name` is no such set. Raises ModuleNotFoundError if the extra
    ``opensmile`` is not installed.

    openSMILE is not open source. Its licence allows non-commercial use only; the first set made in
    a process logs that.

    References
    ----------
    F. Eyben, M. Wöllmer, B. Schuller: openSMILE: the Munich versatile and fast open-source audio
    feature extractor. ACM Multimedia 2010, doi:10.1145/1873951.1874246.
    """

    sample_rate: ClassVar[int] = 16000

    def __init__(self, name: str) -> None:
        check_choice(name, "name", OPENSMILE_SETS)
        self._set = OPENSMILE_SETS[name]
        self.id = f"{name}-{_version()}"
        self.names = tuple(_smile(self._set).feature_names)
        self.units = ("openSMILE",) * len(self.names)
        self.parameters = {"set": self._set, "licence": _LICENCE}

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the features of one utterance.

        `signal` (n_samples,): mono signal at `sample_rate`, full scale 1. Returns (len(names),):
        one finite value per column. Raises CorpusError if the signal is too short for openSMILE or
        gives values that are not finite.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Segment too short", category=UserWarning)
            frame = _smile(self._set).process_signal(signal, self.sample_rate)
        values = frame.to_numpy(dtype=np.float64)[0]
        if np.isnan(values).all():
            seconds = signal.size / self.sample_rate
            raise CorpusError(f"{seconds:.3f} s are too short for openSMILE's {self._set}")
        return np.asarray(values)


@functools.cache
def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("opensmile")
    except metadata.PackageNotFoundError as error:
        raise missing_extra("a feature set of openSMILE", "opensmile") from error


@functools.cache
def _smile(name: str) -> Smile:
    """Return the extractor of this process: it cannot be pickled and takes a while to make."""
    import opensmile

    _state_licence()
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[name],
        feature_level=opensmile.FeatureLevel.Functionals,
    )


@functools.cache
def _state_licence() -> None:
    _log.warning(_LICENCE)
