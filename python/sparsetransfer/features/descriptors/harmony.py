"""Pitch classes of a spectrum and the tonal centroid of their energies."""

import functools

import numpy as np
from numpy.typing import NDArray

__all__ = ["chroma_filters", "tonal_centroid"]

_CLASSES = 12
_LOWEST_A = 27.5  # Hz
_CENTRE = 5.0  # octaves above the lowest A
_WIDTH = 2.0  # octaves


@functools.cache
def chroma_filters(n_fft: int, sample_rate: int) -> NDArray[np.float32]:
    r"""Make the filters that collect a power spectrum by pitch classes.

    `n_fft`: length of the transform in samples, even. `sample_rate`: in Hz. Returns (12, 1 + n_fft
    // 2): one row per pitch class from C on; shared, read-only.

    With the height :math:`h_k` of bin :math:`k` in semitones above 27.5 Hz, its difference
    :math:`\delta_{ck}` to pitch class :math:`c` taken into [-6, 6), and the distance
    :math:`b_k = \max(h_{k+1} - h_k, 1)` of neighbouring bins, the filters are
    :math:`\exp(-\frac12 (2 \delta_{ck} / b_k)^2)`, scaled to unit norm over the classes and
    weighted by :math:`\exp(-\frac12 ((h_k / 12 - 5) / 2)^2)`, which is largest at 880 Hz. The bin
    of 0 Hz, which has no pitch, counts as one and a half octaves below the first.

    References
    ----------
    D. P. W. Ellis: Chroma feature analysis and synthesis. 2007,
    https://www.ee.columbia.edu/~dpwe/resources/matlab/chroma-ansyn/.
    """
    bins = np.arange(1, n_fft) * (sample_rate / n_fft)
    height = _CLASSES * np.log2(bins / _LOWEST_A)
    height = np.concatenate([[height[0] - 1.5 * _CLASSES], height])
    spacing = np.append(np.maximum(np.diff(height), 1.0), 1.0)
    half = _CLASSES / 2
    away = (height - np.arange(_CLASSES)[:, None] + half) % _CLASSES - half
    bumps = np.exp(-0.5 * (2.0 * away / spacing) ** 2)
    bumps /= np.linalg.norm(bumps, axis=0)
    bumps *= np.exp(-0.5 * ((height / _CLASSES - _CENTRE) / _WIDTH) ** 2)
    from_c = np.roll(bumps, -3, axis=0)  # class 0 so far is A, three semitones below C
    filters: NDArray[np.float32] = from_c[:, : 1 + n_fft // 2].astype(np.float32)
    filters.flags.writeable = False
    return filters


def tonal_centroid(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Project pitch classes onto the circles of fifths, minor thirds and major thirds.

    `chroma` (12, n_frames): non-negative energies of the pitch classes from C on, not all 0 in any
    frame. Returns (6, n_frames): sine and cosine on each circle, between -1 and 1, and -1/2 and 1/2
    for major thirds.

    With the shares :math:`p_c` of the classes, the rows are :math:`r \sum_c p_c \sin(c \phi)` and
    :math:`r \sum_c p_c \cos(c \phi)` for :math:`(\phi, r)` of :math:`(7 \pi / 6, 1)`,
    :math:`(3 \pi / 2, 1)` and :math:`(2 \pi / 3, 1/2)`.

    References
    ----------
    C. Harte, M. Sandler, M. Gasser: Detecting harmonic change in musical audio. ACM AMCMM 2006,
    eq. 1 and 2, doi:10.1145/1178723.1178727.
    """
    rows = []
    for step, radius in ((7 / 6, 1.0), (3 / 2, 1.0), (2 / 3, 0.5)):
        angle = np.pi * step * np.arange(_CLASSES)
        rows += [radius * np.sin(angle), radius * np.cos(angle)]
    return np.asarray(np.array(rows) @ (chroma / chroma.sum(axis=0)))
