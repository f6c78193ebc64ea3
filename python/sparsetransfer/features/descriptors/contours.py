"""Operations on descriptor contours that feature sets share: smooth, cut, derive, bridge."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FEWEST_FRAMES",
    "bridged",
    "derivatives",
    "percentiles",
    "smoothed",
    "speech",
    "speech_share",
    "speech_stretch",
]

FEWEST_FRAMES = 3
"""Frames below which nothing is cut away and no statistic of a part is taken."""

_SPEECH_RANGE = 0.5 * np.log(10.0) * 3.0  # 30 dB, in ln(RMS)
_SPEECH_RISE = 0.5 * np.log(10.0) * 0.9  # 9 dB, in ln(RMS)
_REGRESSION = np.arange(-2.0, 3.0) / 10.0  # weights of five frames: t / (sum of t squared)


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute running means of rows over three frames; end values continue the rows."""
    padded = np.concatenate([values[:, :1], values, values[:, -1:]], axis=1)
    sums = padded[:, :-2] + padded[:, 1:-1]
    sums += padded[:, 2:]
    return np.asarray(sums / 3.0)


def derivatives(values: NDArray[np.float64], hop: float) -> NDArray[np.float64]:
    r"""Compute time derivatives by linear regression over five frames.

    `values` (n_rows, n_frames): one contour per row; continued by its end values. `hop`: distance
    of the frames in seconds. Returns (n_rows, n_frames): change per second.

    The slope of the least-squares line through :math:`x_{-2}, ..., x_2` is
    :math:`\sum_t t x_t / \sum_t t^2`: the Savitzky-Golay filter of order 1.
    """
    from scipy import ndimage

    slopes = ndimage.correlate1d(values, _REGRESSION, axis=1, mode="nearest")
    return np.asarray(slopes / hop)


def percentiles(values: NDArray[np.float64], levels: Sequence[float]) -> NDArray[np.float64]:
    r"""Compute percentiles of rows, linear between order statistics.

    `values` (n_rows, n_frames): finite, at least one frame. `levels`: between 0 and 100. Returns
    (len(levels), n_rows): the bits of `numpy.percentile`, whose general preparations take longer
    than to sort a short row.

    References
    ----------
    R. J. Hyndman, Y. Fan: Sample quantiles in statistical packages. The American Statistician
    50(4), 1996, definition 7, doi:10.1080/00031305.1996.10473566.
    """
    last = values.shape[1] - 1
    place = last * (np.array(levels) / 100)
    below = place.astype(np.intp)
    above = np.minimum(below + 1, last)
    ordered = np.sort(values, axis=1).T  # as fast as a selection of four places
    low, high, share = ordered[below], ordered[above], (place - below)[:, None]
    step = high - low
    return np.asarray(np.where(share >= 0.5, high - step * (1 - share), low + step * share))


def speech(log_energy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the frames that are loud enough to be speech.

    `log_energy` (n_frames,): ln(RMS) of every frame. Returns (n_frames,): frames within 30 dB of
    the 95th percentile; all of them if they are too few.
    """
    loud = log_energy >= percentiles(log_energy[None], [95.0])[0] - _SPEECH_RANGE
    return loud if loud.sum() >= FEWEST_FRAMES else np.ones_like(loud)


def speech_share(log_energy: NDArray[np.float64]) -> float:
    """Measure the fraction of a recording that is speech by its energy.

    `log_energy` (n_frames,): ln(RMS) of every frame, at least one. Returns: fraction of the frames
    that are `speech` and 9 dB above the 5th percentile, 0 to 1. The level of speech rises and falls
    by more within a second; that of noise, hum and tones does not, whose fraction is zero however
    loud they are.
    """
    rises = log_energy >= percentiles(log_energy[None], [5.0])[0] + _SPEECH_RISE
    return float(np.mean(rises & speech(log_energy)))


def speech_stretch(log_energy: NDArray[np.float64]) -> slice:
    """Find the frames from the first to the last one that is `speech`.

    `log_energy` (n_frames,): ln(RMS) of every frame. Returns: where speech lasts: how much silence
    a recording has at its ends is a property of the corpus, not of the speech.
    """
    first, last = np.flatnonzero(speech(log_energy))[[0, -1]]
    return slice(int(first), int(last) + 1)


def bridged(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Interpolate a contour linearly over frames where it is undefined.

    `values` (n_frames,): the contour. `known` (n_frames,): where it means something. Returns
    (n_frames,): interpolated between known frames, constant before the first and after the last of
    them; zero everywhere if fewer than `FEWEST_FRAMES` are known.
    """
    places = np.flatnonzero(known)
    if places.size < FEWEST_FRAMES:
        return np.zeros_like(values)
    return np.interp(np.arange(values.size), places, values[places])
