"""The sizes and dictionaries on which coders are compared."""

import numpy as np

SIZES = {  # features, atoms, signals
    "64x256": (64, 256, 100_000),
    "128x512": (128, 512, 50_000),
    "384x512": (384, 512, 20_000),
    "384x1024": (384, 1024, 20_000),
    "988x1024": (988, 1024, 5_000),
    "1582x2048": (1582, 2048, 2_000),
}


def unit_rows(array):
    return np.ascontiguousarray(array / np.linalg.norm(array, axis=1, keepdims=True))


def gaussian(rng, features, atoms, signals):
    D = unit_rows(rng.standard_normal((atoms, features)))
    X = unit_rows(rng.standard_normal((signals, features)))
    return X, D


def spectral(rng, features, atoms, signals):
    """Stand-in for stacked log-mel frames: smooth, positive, nearly parallel."""
    total = atoms + signals
    bands = 32
    modes = rng.standard_normal((bands, features))
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 3.0) ** 2)
    modes = np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), 1, modes)
    weights = rng.standard_normal((total, bands)) * np.linspace(1.0, 0.2, bands)
    frames = 12 + weights @ modes / np.sqrt(bands) + 0.3 * rng.standard_normal((total, features))
    frames = unit_rows(frames)
    order = rng.permutation(total)
    return frames[order[:signals]].copy(), frames[order[signals:]].copy()


KINDS = {"gaussian": gaussian, "spectral": spectral}


def penalty_for(code, X, D, share):
    """The alpha at which `code(X, D, alpha)` has the wanted share of non-zeros."""
    low, high = 0.0, np.abs(X @ D.T).max()
    for _ in range(25):
        alpha = np.sqrt(max(low, 1e-6 * high) * high)
        if np.mean(code(X, D, alpha) != 0) > share:
            low = alpha
        else:
            high = alpha
    return float(alpha)
