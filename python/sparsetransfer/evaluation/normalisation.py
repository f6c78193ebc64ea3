"""Normalisation of features within one corpus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["standardise"]


def standardise(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give every column zero mean and unit variance within one corpus.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Rows of one corpus, of all its speakers.

    Returns
    -------
    ndarray of shape (n, d)
        Centred columns, divided by their standard deviation. A column that is constant up to
        rounding becomes zero, instead of blown-up rounding noise.

    Notes
    -----
    No labels are used. Afterwards the means of all corpora are zero, so that a *linear* MMD
    between the features of two corpora vanishes by construction.
    """
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    rounding = 8 * np.finfo(np.float64).eps * np.abs(features).max(axis=0)
    constant = spread <= rounding
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))
