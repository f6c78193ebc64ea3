"""The feature set "functionals": descriptors of every frame, and their statistics."""

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer import _core
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import (
    SAMPLE_RATE,
    centred,
    log_energy,
    mean_square,
    zero_crossings,
)
from sparsetransfer.features.descriptors.pitch import fundamental, periodicity
from sparsetransfer.features.descriptors.spectral import (
    cepstrum,
    flux,
    mel_filters,
    spectral_contrast,
)
from sparsetransfer.features.descriptors.spectrum import power_spectrum, spectral_floor
from sparsetransfer.features.sets.base import CONTOURS, UtteranceStatistics
from sparsetransfer.features.sets.prosody import (
    PITCH,
    TEMPO,
    VOICED,
    pitch_statistics,
    tempo_statistics,
)
from sparsetransfer.features.sets.statistics import DELTA_FUNCTIONALS, FUNCTIONALS

__all__ = ["DESCRIPTORS", "Frames", "Functionals", "describe"]

_GRID = Grid()
_WINDOW = 400  # 25 ms
_N_FFT = 512
_N_MELS = 26
_N_MFCC = 12
_N_BANDS = 13
_CONTRAST_BANDS = 5
_CONTRAST_FMIN = 125.0

_SHAPE = {
    "zero_crossings": "sign changes per sample",
    "centroid": "ln(Hz)",
    "bandwidth": "ln(Hz)",
    "rolloff": "ln(Hz)",
    "flatness": "ln(geometric / arithmetic mean of power)",
    "flux": "distance of unit-sum mel amplitude spectra",
}

DESCRIPTORS: dict[str, str] = (
    {"log_energy": "ln(RMS), full scale 1"}
    | {f"mfcc{i}": "ln(mel power), orthonormal DCT" for i in range(1, _N_MFCC + 1)}
    | _SHAPE
    | {f"contrast{i}": "dB" for i in range(1, _CONTRAST_BANDS + 2)}
    | {f"mel{i}": "ln(mel power) minus its mean over bands" for i in range(1, _N_BANDS + 1)}
    | {"voicing": "correlation over one period, 0 to 1"}
)
"""Name and unit of every descriptor, in the order of the rows of `Frames.values`."""


@dataclasses.dataclass(frozen=True)
class Frames:
    """Descriptors of one recording.

    `values` (len(DESCRIPTORS), n_frames): one row per descriptor. `f0` (n_frames,): fundamental
    frequency in Hz; a guess where ``voicing`` is low. `hop`: distance of the frames in seconds.
    """

    values: NDArray[np.float64]
    f0: NDArray[np.float64]
    hop: float

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        row: NDArray[np.float64] = self.values[list(DESCRIPTORS).index(name)]
        return row


def describe(signal: NDArray[np.float32]) -> Frames:
    """Compute the low-level descriptors of a signal.

    `signal` (n_samples,): at `SAMPLE_RATE`, at least one finite sample. A constant offset is
    removed. Returns: the descriptors every 10 ms, all finite. Scaling the signal by a factor shifts
    ``log_energy`` by its logarithm and leaves the others as they are.

    Frames are 25 ms long (Hann window, 512-point transform), 40 ms for ``voicing`` and the
    fundamental frequency. MFCC 1 to 12 come from 26 mel bands between 50 and 8000 Hz by an
    orthonormal DCT; the 13 bands ``mel`` are means of two neighbours of them. ``rolloff`` is the
    frequency below which lies 85 % of the power; ``contrast`` compares peaks with valleys in
    octave bands from 125 Hz. Memory is bounded by the block size of the time grid.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000).astype(np.float32)
    >>> frames = describe(tone)
    >>> bool(np.allclose(frames.f0[5:-5], 200, rtol=0.01))
    True
    """
    signal = centred(signal)
    pieces = list(_GRID.blocks(signal))
    energies = np.concatenate([mean_square(piece, _GRID, _WINDOW) for piece in pieces])
    loudest = float(energies.max())
    parts = [_describe_piece(piece, loudest) for piece in pieces]
    mels = np.concatenate([part.mels for part in parts], axis=1)
    values = np.vstack(
        [
            log_energy(energies)[None],
            cepstrum(np.log(mels), _N_MFCC),
            np.concatenate([part.shape for part in parts], axis=1),
            flux(mels)[None],
            np.concatenate([part.contrast for part in parts], axis=1),
            _relative_bands(mels),
            np.concatenate([part.voicing for part in parts])[None],
        ]
    )
    f0 = np.concatenate([part.f0 for part in parts])
    return Frames(values, f0, _GRID.hop / SAMPLE_RATE)


@dataclasses.dataclass(frozen=True)
class _Piece:
    """Descriptors of one block, before what needs neighbouring blocks."""

    mels: NDArray[np.float64]
    shape: NDArray[np.float64]
    contrast: NDArray[np.float64]
    voicing: NDArray[np.float64]
    f0: NDArray[np.float64]


def _describe_piece(piece: NDArray[np.float32], loudest: float) -> _Piece:
    """Compute everything that depends on single frames; `loudest` is the largest mean square."""
    power = power_spectrum(piece, _GRID, _N_FFT, length=_WINDOW)
    power += spectral_floor(loudest, "hann", _WINDOW)
    f0 = fundamental(piece, _GRID, SAMPLE_RATE)
    crossings = zero_crossings(piece, _GRID, _WINDOW)
    contrast = spectral_contrast(np.sqrt(power), SAMPLE_RATE, _CONTRAST_FMIN, _CONTRAST_BANDS)
    return _Piece(
        mels=(mel_filters(_N_FFT, _N_MELS, 50.0) @ power).astype(np.float64),
        shape=np.vstack([crossings[None], _spectral_shape(power)]),
        contrast=contrast,
        voicing=periodicity(piece, _GRID, f0, SAMPLE_RATE),
        f0=f0,
    )


def _spectral_shape(power: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ln centroid, ln bandwidth, ln rolloff and ln flatness of every frame."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, len(power), dtype=np.float32)
    total = power.sum(axis=0)
    centroid = frequencies @ power / total
    spread = np.maximum(frequencies**2 @ power / total - centroid**2, 0.0)
    below = _core.running_sums(power.T).T
    rolloff = frequencies[np.argmax(below >= 0.85 * total, axis=0)]
    offset = SAMPLE_RATE / _N_FFT  # one bin: the logarithm of a frequency of zero stays finite
    flatness = np.log(power).mean(axis=0) - np.log(total / len(power))
    rows = [
        np.log(centroid + offset),
        np.log(np.sqrt(spread) + offset),
        np.log(rolloff + offset),
        flatness,
    ]
    return np.asarray(rows, dtype=np.float64)


def _relative_bands(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log energy of pairs of mel bands, relative to the mean of the frame."""
    logs = np.log(mels)
    pairs = logs.reshape(_N_BANDS, _N_MELS // _N_BANDS, -1).mean(axis=1)
    return np.asarray(pairs - logs.mean(axis=0))


class Functionals(UtteranceStatistics):
    """Statistics of spectrum, energy, voice and tempo over one utterance.

    The descriptors of `describe` are smoothed over three frames, cut to the stretch from the
    first to the last frame within 30 dB of the loud ones (95th percentile of the energy), and
    summarised by `FUNCTIONALS`; their time derivatives (regression over five frames) by
    `DELTA_FUNCTIONALS`. The fundamental frequency is summarised on a semitone scale over voiced
    frames. Cutting away the silence at both ends matters most between corpora: how much of it a
    recording has is a property of the corpus.

    `id`, `sample_rate`, `names`, `units`, `parameters`: as of every `FeatureSet`; derivatives are
    named ``<descriptor>_delta_<functional>`` and are per second.

    Only ``log_energy`` depends on the recording level, and only in its location statistics.

    Examples
    --------
    >>> functionals = Functionals()
    >>> functionals.id, functionals.names[0], functionals.units[0]
    ('functionals-1', 'log_energy_mean', 'ln(RMS), full scale 1')
    """

    id: ClassVar[str] = "functionals-1"
    parameters: ClassVar[dict[str, str]] = {
        "frames": "25 ms every 10 ms, centred; 40 ms for f0 and voicing",
        "spectrum": "Hann window, 512 points",
        "mel": "26 bands 50-8000 Hz, Slaney scale and norm; 13 means of two, minus their mean",
        "mfcc": "1 to 12 of the 26 bands, power, orthonormal DCT, no lifter",
        "contrast": "peak against valley in 5 octave bands from 125 Hz and the rest",
        "rolloff": "frequency below which lies 85 % of the power",
        "f0": "YIN, 62.5-500 Hz, median of 5 frames, frames with voicing >= 0.6",
        **CONTOURS,
    }

    _descriptors = DESCRIPTORS
    _static = FUNCTIONALS
    _delta = DELTA_FUNCTIONALS
    _further = PITCH | TEMPO

    def _compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        frames = describe(signal)
        contours, part = self._summarise(frames.values, frames.hop)
        voiced = (frames["voicing"] >= VOICED)[part]
        return np.concatenate(
            [
                contours,
                pitch_statistics(frames.f0[part], voiced),
                tempo_statistics(voiced, len(frames.f0), frames.hop),
            ]
        )
