"""The sizes and dictionaries on which coders are compared.

Recordings and pictures are read below the folder that ``SPARSETRANSFER_DATA`` names: the corpus
``emodb``, and ``benchmarks`` with the MATLAB files of USPS and COIL of the transfer literature.
"""

import csv
import os
from pathlib import Path

import numpy as np

GRID = ("64x256", "128x512", "384x512", "384x1024", "988x1024", "1582x2048")
SIZES = {  # features, atoms, signals
    "64x256": (64, 256, 100_000),
    "128x512": (128, 512, 50_000),
    "384x512": (384, 512, 20_000),
    "384x1024": (384, 1024, 20_000),
    "988x1024": (988, 1024, 5_000),
    "1582x2048": (1582, 2048, 2_000),
    "5x8": (5, 8, 20_000),
    "16x64": (16, 64, 20_000),
    "10x1000": (10, 1_000, 500),
    "20x60": (20, 60, 3_000),
    "40x120": (40, 120, 3_000),
    "64x100": (64, 100, 3_000),
    "256x500": (256, 500, 3_000),
    "280x700": (280, 700, 3_000),
    "280x2000": (280, 2_000, 3_000),
    "250x3000": (250, 3_000, 300),
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


def frames(rng, features, atoms, signals):
    """Log-mel frames of EMO-DB, 40 bands, as many in a row as the features hold."""
    from sparsetransfer.audio import load
    from sparsetransfer.features.sets.spectrogram import LogMel

    folder = _data() / "emodb"
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        paths = [folder / row["path"] for row in csv.DictReader(file)]
    bands, rows = LogMel(40), []
    for path in rng.permutation(paths):
        mel = bands.compute(load(path, sample_rate=bands.sample_rate)).astype(np.float64)
        together = features // 40
        rows += [mel[i : i + together].ravel() for i in range(len(mel) - together + 1)]
        if len(rows) >= 2 * (atoms + signals):
            break
    return _split(rng, np.array(rows), atoms, signals)


def digits(rng, features, atoms, signals):
    """Handwritten digits of USPS, 16 by 16."""
    return _split(rng, _pictures("USPS_vs_MNIST.mat"), atoms, signals)


def patches(rng, features, atoms, signals):
    """Squares out of the objects of COIL, without their mean."""
    side = int(features**0.5)
    pictures = _pictures("COIL_1.mat").reshape(-1, 32, 32)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (side, side), axis=(1, 2))
    rows = windows[:, ::4, ::4].reshape(-1, features)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return _split(rng, rows[np.linalg.norm(rows, axis=1) > 0.1], atoms, signals)


def _data():
    folder = os.environ.get("SPARSETRANSFER_DATA")
    if not folder:
        raise FileNotFoundError("SPARSETRANSFER_DATA must name the folder of emodb and benchmarks")
    return Path(folder)


def digit_pair():
    """Digits of USPS and of MNIST, 16 by 16, as unit rows."""
    name = "USPS_vs_MNIST.mat"
    return [unit_rows(_pictures(name, part)) for part in ("X_src", "X_tar")]


def _pictures(name, part="X_src"):
    from scipy.io import loadmat

    return loadmat(_data() / "benchmarks" / name)[part].T.astype(np.float64)


def _split(rng, rows, atoms, signals):
    """Unit rows: some are the atoms, others the signals, fewer where there are not enough."""
    rows = unit_rows(rows[rng.permutation(len(rows))[: atoms + signals]])
    return rows[atoms:].copy(), rows[:atoms].copy()


KINDS = {"gaussian": gaussian, "spectral": spectral}
ALL_KINDS = KINDS | {"frames": frames, "digits": digits, "patches": patches}


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
