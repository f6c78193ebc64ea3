"""Functionals: what is said of a descriptor over a whole utterance."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.features.descriptors.contours import percentiles

__all__ = [
    "CHALLENGE_FUNCTIONALS",
    "DELTA_FUNCTIONALS",
    "FUNCTIONALS",
    "PITCH_FUNCTIONALS",
    "apply",
    "columns",
]

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

CHALLENGE_FUNCTIONALS = (
    "mean",
    "std",
    "skewness",
    "kurtosis",
    "min",
    "max",
    "span",
    "argmin",
    "argmax",
    "slope",
    "offset",
    "line_error",
)
"""The twelve functionals of the Interspeech 2009 emotion challenge."""

_PERCENTILES = {"p5": 5.0, "p25": 25.0, "p50": 50.0, "p75": 75.0, "p95": 95.0}
_SPREADS = {"iqr": ("p25", "p75"), "range": ("p5", "p95")}
_EXTREMA = {"min", "max", "span", "argmin", "argmax"}
_LINE = {"slope", "offset", "line_error"}


def columns(
    descriptors: Mapping[str, str], functionals: Sequence[str], *, delta: bool = False
) -> dict[str, str]:
    """Name the functionals of descriptors, or of their derivatives, and their units."""
    suffix, per = ("_delta", ", per second") if delta else ("", "")
    return {
        f"{name}{suffix}_{what}": unit(what, of + per)
        for name, of in descriptors.items()
        for what in functionals
    }


def unit(functional: str, of: str) -> str:
    """Return the unit of a functional: that of the descriptor for location, scale and slope."""
    share = "0 (first frame) to 1 (last)"
    own = {
        "skewness": "1",
        "kurtosis": "ln(1 + fourth standardised moment)",
        "argmin": share,
        "argmax": share,
        "line_error": f"({of}) squared",
    }
    return own.get(functional, of)


def apply(values: NDArray[np.float64], functionals: tuple[str, ...]) -> NDArray[np.float64]:
    r"""Compute functionals of every row.

    - `values` (n_rows, n_frames): finite, at least one frame.
    - `functionals`: names out of ``mean``, ``std``, ``skewness``, ``kurtosis``, ``min``, ``max``,
      ``span`` (max - min), ``argmin``, ``argmax``, ``p5``, ``p25``, ``p50``, ``p75``, ``p95``,
      ``iqr`` (p75 - p25), ``range`` (p95 - p5), ``slope``, ``offset``, ``line_error``,
      ``curvature``, ``mean_abs``.

    Returns (n_rows, len(functionals)): finite. Shape statistics of a constant row are 0.

    ``slope`` is the least-squares line's rise from the first to the last frame, so it does not
    depend on how long the utterance is; ``offset`` is the line's value at the first frame and
    ``line_error`` the mean square of what it leaves. ``curvature`` is how far the least-squares
    parabola's ends lie above its middle, beyond the line. ``argmin`` and ``argmax`` say where the
    (first) extremum is, 0 for the first and 1 for the last frame. ``kurtosis`` is
    :math:`\ln(1 + m_4 / m_2^2)`, which keeps single outliers from ruling a linear classifier.
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
    result |= _quantiles(values, functionals)
    if _EXTREMA & set(functionals):
        result |= _extrema(values)
    if _LINE & set(functionals):
        result |= _line(centred, mean, variance)
    if "curvature" in functionals:
        result["curvature"] = _curvature(centred)
    return np.stack([result[name] for name in functionals], axis=1)


def _quantiles(
    values: NDArray[np.float64], functionals: tuple[str, ...]
) -> dict[str, NDArray[np.float64]]:
    """Return the percentiles that are asked for, and the spreads between them."""
    levels = {name: level for name, level in _PERCENTILES.items() if _needs(functionals, name)}
    if not levels:
        return {}
    result = dict(zip(levels, percentiles(values, list(levels.values())), strict=True))
    for name, (low, high) in _SPREADS.items():
        if name in functionals:
            result[name] = result[high] - result[low]
    return result


def _needs(functionals: tuple[str, ...], percentile: str) -> bool:
    """Return whether a percentile is requested or needed by a requested spread."""
    return percentile in functionals or any(
        name in functionals and percentile in ends for name, ends in _SPREADS.items()
    )


def _extrema(values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the extrema and where they are."""
    last = max(values.shape[1] - 1, 1)
    low, high = values.min(axis=1), values.max(axis=1)
    return {
        "min": low,
        "max": high,
        "span": high - low,
        "argmin": values.argmin(axis=1) / last,
        "argmax": values.argmax(axis=1) / last,
    }


def _line(
    centred: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return rise, begin and mean squared error of the regression line over all frames."""
    n_frames = centred.shape[1]
    if n_frames == 1:
        return {"slope": np.zeros_like(mean), "offset": mean, "line_error": variance}
    time = np.linspace(-0.5, 0.5, n_frames)
    power = time @ time
    rise = np.asarray(centred @ time / power)
    explained = rise**2 * (power / n_frames)
    return {
        "slope": rise,
        "offset": mean - 0.5 * rise,
        "line_error": np.maximum(variance - explained, 0.0),
    }


def _curvature(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bend of the least-squares parabola: its ends' height above its middle."""
    n_frames = centred.shape[1]
    if n_frames < 3:
        return np.zeros(len(centred))
    # orthogonal to the constant, and by symmetry to the line
    bend = np.linspace(-1.0, 1.0, n_frames) ** 2
    bend -= bend.mean()
    return np.asarray(centred @ bend / (bend @ bend))
