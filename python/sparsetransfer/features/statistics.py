"""Functionals: what is said of a descriptor over a whole utterance."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["DELTA_FUNCTIONALS", "FUNCTIONALS", "PITCH_FUNCTIONALS", "apply", "unit"]

FUNCTIONALS = ("mean", "std", "skewness", "kurtosis", "p5", "p95", "slope")
"""Functionals of a descriptor."""

DELTA_FUNCTIONALS = ("std", "skewness", "kurtosis", "p5", "p95", "mean_abs")
"""Functionals of the time derivative of a descriptor."""

PITCH_FUNCTIONALS = (
    "mean",
    "std",
    "skewness",
    "kurtosis",
    "p5",
    "p25",
    "p50",
    "p75",
    "p95",
    "iqr",
    "range",
    "slope",
)
"""Functionals of the fundamental frequency."""

_PERCENTILES = {"p5": 5.0, "p25": 25.0, "p50": 50.0, "p75": 75.0, "p95": 95.0}


def unit(functional: str, of: str) -> str:
    """
    Name the unit of a functional.

    Parameters
    ----------
    functional : str
        Name of a functional.
    of : str
        Unit of the descriptor.

    Returns
    -------
    str
        The same unit for location, scale and slope (change over the utterance), none for shape.
    """
    return {"skewness": "1", "kurtosis": "ln(1 + fourth standardised moment)"}.get(functional, of)


def apply(values: NDArray[np.float64], functionals: tuple[str, ...]) -> NDArray[np.float64]:
    r"""
    Compute functionals of every row.

    Parameters
    ----------
    values : ndarray of float64, shape (n_rows, n_frames)
        Finite, at least one frame.
    functionals : tuple of str
        Names out of ``mean``, ``std``, ``skewness``, ``kurtosis``, ``p5``, ``p25``, ``p50``,
        ``p75``, ``p95``, ``iqr`` (p75 - p25), ``range`` (p95 - p5), ``slope``, ``mean_abs``.

    Returns
    -------
    ndarray of float64, shape (n_rows, len(functionals))
        Finite. Shape statistics of a constant row are 0.

    Notes
    -----
    ``slope`` is the least-squares line's rise from the first to the last frame, so it does not
    depend on how long the utterance is. ``kurtosis`` is :math:`\ln(1 + m_4 / m_2^2)`, which keeps
    single outliers from ruling a linear classifier.
    """
    mean = values.mean(axis=1, keepdims=True)
    centred = values - mean
    variance = np.mean(centred**2, axis=1)
    std = np.sqrt(variance)
    flat = std <= 1e-9 * np.maximum(1.0, np.abs(mean[:, 0]))
    scale = np.where(flat, np.inf, std)[:, None]
    result: dict[str, NDArray[np.float64]] = {"mean": mean[:, 0], "std": std}
    standard = centred / scale
    result["skewness"] = np.mean(standard**3, axis=1)
    result["kurtosis"] = np.log1p(np.mean(standard**4, axis=1))
    result["mean_abs"] = np.mean(np.abs(values), axis=1)
    levels = np.percentile(values, list(_PERCENTILES.values()), axis=1)
    result |= dict(zip(_PERCENTILES, levels, strict=True))
    result["iqr"] = result["p75"] - result["p25"]
    result["range"] = result["p95"] - result["p5"]
    result["slope"] = _rise(centred)
    return np.stack([result[name] for name in functionals], axis=1)


def _rise(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rise of the regression line over all frames."""
    n_frames = centred.shape[1]
    if n_frames == 1:
        return np.zeros(len(centred))
    time = np.linspace(-0.5, 0.5, n_frames)
    return np.asarray(centred @ time / (time @ time))
