"""Log-mel spectrograms: sequences of frames for models that want them."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._linalg import single_threaded_blas
from sparsetransfer._networks.front_end import BANDS, FILTER_BANK, RATE, filter_bank
from sparsetransfer._validation import check_flags
from sparsetransfer.features.descriptors.contours import smoothed, speech_stretch
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import SAMPLE_RATE, centred, log_energy, mean_square
from sparsetransfer.features.descriptors.spectral import mel_filters
from sparsetransfer.features.descriptors.spectrum import power_spectrum, spectral_floor

__all__ = ["FilterBank", "LogMel"]

_GRID = Grid()
_WINDOW = 400  # 25 ms
_N_FFT = 512
_LOWEST = 50.0  # Hz
_MEL_RANGE = (1, 80)  # more bands than that have filters without a bin at 512 points


class LogMel:
    r"""Logarithms of mel bands, one row per 10 ms.

    Parameters
    ----------
    n_mels : int, default=64
        Number of bands between 50 and 8000 Hz, 1 to 80.
    trim : bool, default=False
        Whether to leave out the silence at both ends: what comes before the first and after the
        last frame within 30 dB of the loud ones (95th percentile of the energy), as functionals do.
        Its duration is a property of the corpus, and models of another corpus trip
        over it.

    Attributes
    ----------
    id : str
        Name, number of bands, ``trimmed`` and version; the version changes whenever any value may.
    sample_rate : int
        Rate of the signals in Hz.
    names : tuple of str
        Name of every column: ``mel<i>``.
    units : tuple of str
        Unit of every column: ln(mel power), full scale 1.
    parameters : dict of str to str
        What the values depend on.

    Raises
    ------
    ValueError
        If `n_mels` is not in its range.

    Notes
    -----
    Nothing is normalised: scaling the signal by a factor adds twice its logarithm to every value.
    """

    sample_rate: ClassVar[int] = SAMPLE_RATE
    parameters: ClassVar[dict[str, str]] = {
        "frames": "25 ms every 10 ms, centred",
        "spectrum": "Hann window, 512 points",
        "mel": "bands 50-8000 Hz, Slaney scale and norm, power",
        "floor": "100 dB below the loudest frame",
    }

    def __init__(self, n_mels: int = 64, *, trim: bool = False) -> None:
        check_flags(trim=trim)
        least, most = _MEL_RANGE
        if not least <= n_mels <= most:
            raise ValueError(f"n_mels must be from {least} to {most}, got {n_mels}")
        self.id = f"log-mel-{n_mels}-trimmed-2" if trim else f"log-mel-{n_mels}-2"
        self.trim = trim
        self.names = tuple(f"mel{i}" for i in range(1, n_mels + 1))
        self.units = ("ln(mel power), full scale 1",) * n_mels

    @single_threaded_blas()  # the last bits follow the number of threads
    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the spectrogram of one utterance.

        Parameters
        ----------
        signal : ndarray of float32, shape (n_samples,)
            Mono signal at `sample_rate`, full scale 1, at least one finite sample.

        Returns
        -------
        ndarray of float32, shape (1 + n_samples // 160, len(names))
            Finite; fewer rows, at least one, with `trim`.
        """
        signal = centred(signal)
        pieces = list(_GRID.blocks(signal))
        mean_squares = np.concatenate([mean_square(piece, _GRID, _WINDOW) for piece in pieces])
        floor = spectral_floor(float(mean_squares.max()), "hann", _WINDOW)
        filters = mel_filters(_N_FFT, len(self.names), _LOWEST)
        parts = []
        for piece in pieces:
            power = power_spectrum(piece, _GRID, _N_FFT, length=_WINDOW) + floor
            parts.append(np.log(filters @ power).T)
        values = np.concatenate(parts).astype(np.float32)
        if not self.trim:
            return values
        return values[speech_stretch(smoothed(log_energy(mean_squares)[None])[0])]


class FilterBank:
    """Kaldi's log mel filter bank, the input of the speaker network CAM++ (the extra "speaker").

    Attributes
    ----------
    id : str
        Name, number of bands and version.
    sample_rate : int
        Rate of the signals in Hz: 16000.
    names : tuple of str
        Name of every column: ``fbank<i>``.
    units : tuple of str
        Unit of every column: ln(mel energy).
    parameters : dict of str to str
        What the values depend on.

    Notes
    -----
    The mean of each band over the recording is removed, and with it the recording's level.
    """

    id: ClassVar[str] = FILTER_BANK
    sample_rate: ClassVar[int] = RATE
    names: ClassVar[tuple[str, ...]] = tuple(f"fbank{i}" for i in range(1, BANDS + 1))
    units: ClassVar[tuple[str, ...]] = ("ln(mel energy)",) * BANDS
    parameters: ClassVar[dict[str, str]] = {
        "frames": "25 ms every 10 ms, within the signal",
        "spectrum": "Povey window, pre-emphasis 0.97, 512 points",
        "mel": "80 bands from 20 Hz to 8000 Hz, power",
        "mean": "removed per recording",
    }

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the filter bank of one utterance.

        Parameters
        ----------
        signal : ndarray of float32, shape (n_samples,)
            Mono signal at `sample_rate`, full scale 1, at least one finite sample. Less than a
            tenth of a second is continued by zeros.

        Returns
        -------
        ndarray of float32, shape (1 + (n_samples - 400) // 160, 80)
            Finite.

        Raises
        ------
        ModuleNotFoundError
            If kaldi-native-fbank is not installed.
        """
        return filter_bank(signal)
