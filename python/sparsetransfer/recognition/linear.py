"""A fitted recogniser for single recordings: features, linear machine, calibrated probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sparsetransfer
from sparsetransfer._linalg import matmul
from sparsetransfer._messages import listing
from sparsetransfer.evaluation.data.dataset import Dataset, common_classes
from sparsetransfer.evaluation.data.folds import speaker_folds
from sparsetransfer.evaluation.methods.classifiers import FAMILIES, tune
from sparsetransfer.evaluation.protocol.protocol import C_GRID
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.recognition.calibration import Adjustment

__all__ = ["LinearRecogniser", "Window", "aggregate_windows", "fit_recogniser", "recognise"]

_EPSILON = 1e-12
_SHORTEST = 0.025
"""Length of a frame in seconds: what is shorter has no descriptors."""
_LEAST_HOP = 0.001
"""Seconds between windows; less would be answers without end."""
_SILENCE = 2.0**-15
"""A signal that moves no farther, one step of 16 bits, is silence."""


@dataclass(frozen=True)
class Window:
    """Probabilities of the emotions in a stretch of a recording.

    `start`, `end`: in seconds from the beginning of the file. `probabilities`: one per class of the
    recogniser, summing to 1. `flags`: why they are doubtful, if they are. `speech`: fraction of the
    stretch that is speech by its energy, as `speech_share` measures it.
    """

    start: float
    end: float
    probabilities: tuple[float, ...]
    flags: tuple[str, ...] = ()
    speech: float = math.nan


@dataclass(frozen=True, eq=False)
class LinearRecogniser:
    r"""A linear machine on z-scored features, with calibrated probabilities.

    - `classes`: the k emotions.
    - `feature_set`: name of the feature set, as in `features.feature_set`.
    - `feature_set_id`: its name and version.
    - `mean`, `spread` (d,): mean and standard deviation of the training rows; the latter positive.
    - `coefficients` (k, d): of the machine, for z-scored features.
    - `intercepts` (k,): of the machine.
    - `calibration` (k + 1,): slope, then one offset per class: probabilities are
      :math:`\operatorname{softmax}(a f + b)` of the decision values f.
    - `about`: what it was fitted on and how, as plain JSON values.
    """

    classes: tuple[str, ...]
    feature_set: str
    feature_set_id: str
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    calibration: NDArray[np.float64]
    about: dict[str, Any]

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of every class.

        `features` (n, d): rows of the feature set, before any normalisation. Returns (n, k): rows
        sum to 1.
        """
        standard = (features - self.mean) / self.spread
        decisions = matmul(standard, self.coefficients.T) + self.intercepts
        return _softmax(self.calibration[0] * decisions + self.calibration[1:])

    def adjusted(self, adjustment: Adjustment) -> LinearRecogniser:
        """Return the recogniser whose probabilities are the adjusted ones of this."""
        calibration = adjustment.slope * self.calibration
        calibration[1:] += adjustment.offsets
        return replace(self, calibration=calibration)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _decisions(classifier: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(classifier.decision_function(rows))
    # Two classes share one machine; the first one is its negative.
    return np.column_stack([-values, values]) if values.ndim == 1 else values


def _calibrate(decisions: NDArray[np.float64], truth: NDArray[np.intp]) -> NDArray[np.float64]:
    """Fit slope and offsets by maximum likelihood, every class with the same weight."""
    from scipy.optimize import minimize

    n_classes = decisions.shape[1]
    weights = 1.0 / np.bincount(truth, minlength=n_classes)[truth] / n_classes
    target = np.eye(n_classes)[truth]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shares = _softmax(values[0] * decisions + values[1:])
        chosen = shares[np.arange(len(truth)), truth]
        rest = weights[:, None] * (shares - target)
        gradient = np.append((rest * decisions).sum(), rest.sum(axis=0))
        # The offsets have one degree of freedom too many; a trace of ridge settles it.
        ridge = 1e-6 * values[1:]
        value = -(weights * np.log(np.maximum(chosen, _EPSILON))).sum()
        return float(value + 0.5 * ridge @ values[1:]), gradient + np.append(0.0, ridge)

    start = np.append(1.0, np.zeros(n_classes))
    bounds = [(1e-3, 1e3)] + [(-50.0, 50.0)] * n_classes
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def fit_recogniser(
    domains: Sequence[Dataset], feature_set: str, *, n_folds: int = 5, seed: int = 0
) -> LinearRecogniser:
    """Fit a recogniser on labelled corpora.

    Parameters
    ----------
    domains : sequence of Dataset
        Labelled corpora with one feature set.
    feature_set : str
        Name of that feature set, by which recordings will be described.
    n_folds : int, default=5
        Speaker-disjoint folds for the cost and for the calibration.
    seed : int, default=0
        Seed of the folds.

    Returns
    -------
    LinearRecogniser
        A linear SVM whose cost is chosen as by `tune`, with `classes` and `probabilities` of rows.

    Raises
    ------
    CorpusError
        If corpora do not fit together, or speakers do not allow disjoint folds.

    Notes
    -----
    Features are z-scored by the mean and deviation of all training rows, so that a recording can be
    recognised alone. Probabilities are calibrated on decisions about speakers that were held out;
    all emotions are taken to be equally frequent.
    """
    names = {domain.feature_sets[0] for domain in domains}
    if len(names) != 1 or len({domain.feature_names for domain in domains}) != 1:
        raise CorpusError(f"corpora have other features: {listing(sorted(names))}")
    classes = tuple(sorted({label for domain in domains for label in domain.counts()}))
    if len(domains) > 1:
        classes = common_classes(domains)
    rows = np.vstack([domain.features for domain in domains])
    labels = np.concatenate([domain.labels for domain in domains])
    speakers = np.concatenate([domain.speaker_keys for domain in domains])
    kept = np.isin(labels, classes)
    rows, labels, speakers = rows[kept], labels[kept], speakers[kept]
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 1e-12 * np.maximum(np.abs(mean), 1.0), spread, 1.0)
    scaled = (rows - mean) / spread
    tuned = tune("svm", scaled, labels, speakers, c_grid=C_GRID, n_folds=n_folds, seed=seed)
    held_out = np.empty((len(labels), len(classes)))
    for train, test in speaker_folds(labels, speakers, n_folds=n_folds, seed=seed):
        if set(labels[train].tolist()) != set(classes):
            raise CorpusError("every class needs several speakers: a fold trains on fewer classes")
        part = FAMILIES["svm"].make(tuned.choice.parameters, seed)
        part.fit(scaled[train] * tuned.scale, labels[train])
        held_out[test] = _decisions(part, scaled[test] * tuned.scale)
    machine = tuned.classifier
    coefficients, intercepts = machine.coef_ * tuned.scale, machine.intercept_
    if len(classes) == 2:
        coefficients = np.vstack([-coefficients, coefficients])
        intercepts = np.append(-intercepts, intercepts)
    return LinearRecogniser(
        classes=classes,
        feature_set=feature_set,
        feature_set_id=names.pop(),
        mean=mean,
        spread=spread,
        coefficients=coefficients,
        intercepts=intercepts,
        calibration=_calibrate(held_out, np.searchsorted(classes, labels)),
        about={
            "library_version": sparsetransfer.__version__,
            "corpora": {domain.name: domain.counts() for domain in domains},
            "n_speakers": len(set(speakers.tolist())),
            "choice": tuned.choice.as_dict(),
        },
    )


def recognise(
    recogniser: LinearRecogniser, path: str, *, window: float = 4.0, hop: float = 2.0
) -> Iterator[Window]:
    """Recognise the emotions along a recording, one window at a time.

    Parameters
    ----------
    recogniser : LinearRecogniser
        The recogniser.
    path : str
        An audio file of any length.
    window : float, default=4.0
        Length of a window in seconds, > 0.
    hop : float, default=2.0
        Step between windows in seconds, > 0.

    Yields
    ------
    Window
        In order, with `start` and `end` in seconds, `probabilities` per class, `flags` and the
        fraction `speech`; the last one ends with the file. A file shorter than a window is one window.
        Windows of silence (no change by more than one step of 16 bits) are left out. Only one
        window is held in memory.

    Raises
    ------
    ValueError
        If `window` is below 0.025 s or `hop` below 0.001 s, or the feature set is another version now.
    CorpusError
        If the file cannot be read, or holds no signal: nothing but silence, or less than 25 ms.
    """
    from sparsetransfer import audio, features

    if not (_SHORTEST <= window < math.inf and _LEAST_HOP <= hop < math.inf):
        raise ValueError(
            f"window must be at least {_SHORTEST} s and hop at least {_LEAST_HOP} s, got {window} and {hop}"
        )
    described = features.feature_set(recogniser.feature_set)
    if described.id != recogniser.feature_set_id:
        raise ValueError(
            f"the model was fitted on {recogniser.feature_set_id}, this version computes "
            f"{described.id}; fit it again"
        )
    duration = audio.duration(path)
    last = max(0.0, duration - window)
    starts = [*np.arange(0.0, last, hop).tolist(), last]
    if duration < _SHORTEST:
        raise CorpusError(
            f"'{path}': {1000 * duration:.3g} ms are too short to recognise, expected at least "
            f"{1000 * _SHORTEST:g} ms"
        )
    silent = True
    for start in starts:
        end = min(start + window, duration)
        whole = start == 0.0 and end == duration
        signal = audio.load(
            path,
            sample_rate=described.sample_rate,
            start=None if whole else start,
            end=None if whole else end,
        )
        if np.ptp(signal) <= _SILENCE:
            continue
        silent = False
        values = np.asarray(described.compute(signal), dtype=np.float64)
        if not np.isfinite(values).all():
            raise CorpusError(f"'{path}': features of [{start:g}, {end:g}) s are not finite")
        shares = recogniser.probabilities(values[None])[0]
        yield Window(start, end, tuple(shares.tolist()))
    if silent:
        raise CorpusError(f"'{path}': nothing but silence, there is no speech to recognise")


def aggregate_windows(windows: Sequence[Window]) -> tuple[float, ...]:
    """Aggregate the windows of a file, at least one, to probabilities of the file.

    They are the normalised geometric mean, weighted by the length of the windows.
    """
    shares = np.maximum([part.probabilities for part in windows], _EPSILON)
    lengths = np.array([part.end - part.start for part in windows])
    mean = lengths @ np.log(shares) / lengths.sum()
    return tuple(_softmax(mean[None])[0].tolist())
