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
_SPREADS = {"iqr": ("p25", "p75"), "range": ("p5", "p95")}


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
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    squared = centred * centred
    variance = squared.mean(axis=1)
    std = np.sqrt(variance)
    flat = std <= 1e-9 * np.maximum(1.0, np.abs(mean))
    scale = np.where(flat, np.inf, std)
    third, fourth = (np.einsum("ij,ij->i", squared, power) for power in (centred, squared))
    n_frames = values.shape[1]
    result: dict[str, NDArray[np.float64]] = {"mean": mean, "std": std}
    result["skewness"] = third / n_frames / scale**3
    result["kurtosis"] = np.log1p(fourth / n_frames / scale**4)
    if "mean_abs" in functionals:
        result["mean_abs"] = np.abs(values).mean(axis=1)
    levels = {name: level for name, level in _PERCENTILES.items() if _needs(functionals, name)}
    quantiles = np.percentile(values, list(levels.values()), axis=1)
    result |= dict(zip(levels, quantiles, strict=True))
    for name, (low, high) in _SPREADS.items():
        if name in functionals:
            result[name] = result[high] - result[low]
    if "slope" in functionals:
        result["slope"] = _rise(centred)
    return np.stack([result[name] for name in functionals], axis=1)


def _needs(functionals: tuple[str, ...], percentile: str) -> bool:
    """Tell whether a percentile is asked for or part of a spread that is."""
    return percentile in functionals or any(
        name in functionals and percentile in ends for name, ends in _SPREADS.items()
    )


def _rise(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rise of the regression line over all frames."""
    n_frames = centred.shape[1]
    if n_frames == 1:
        return np.zeros(len(centred))
    time = np.linspace(-0.5, 0.5, n_frames)
    return np.asarray(centred @ time / (time @ time))
