"""What a few labelled recordings of the target say of a recogniser that never saw the labels."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sparsetransfer._messages import listing
from sparsetransfer._validation import check_generator, check_integer, check_real
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.recognition.calibration import Adjustment, fit_adjustment

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus
    from sparsetransfer.recognition.recogniser import Recogniser
    from sparsetransfer.recognition.recordings.recognise import RecordingAnswer

__all__ = ["LabelledScore", "check_labels", "labels_needed", "score_labelled", "use_labels"]

_LEVELS = (0.025, 0.975)
_FOLDS = 50


@dataclass(frozen=True)
class LabelledScore:
    """Unweighted average recall (UAR) on a few labelled recordings, with its interval.

    Parameters
    ----------
    uar : float
        Mean recall of the classes that have a label, 0 to 1.
    low, high : float
        95 % credible interval of it.
    n_right : tuple of int
        Recordings of each class that were recognised.
    n_labels : tuple of int
        Labelled recordings of each class.
    """

    uar: float
    low: float
    high: float
    n_right: tuple[int, ...]
    n_labels: tuple[int, ...]


def score_labelled(
    truth: Sequence[str],
    predictions: Sequence[str],
    classes: Sequence[str],
    *,
    n_draws: int = 10_000,
    rng: np.random.Generator | int | None = None,
) -> LabelledScore:
    r"""Score predictions for a few labelled recordings.

    Parameters
    ----------
    truth, predictions : sequence of str
        Labels and predictions of the same recordings, out of `classes`; at least one.
    classes : sequence of str
        The classes; those without a label are left out of the mean.
    n_draws : int, default=10000
        Draws from the posterior distribution.
    rng : numpy.random.Generator or int, optional
        Draws them.

    Returns
    -------
    LabelledScore
        The score.

    Raises
    ------
    ValueError
        If there is no label, lengths differ, or a label is not among the classes.

    Notes
    -----
    The recall of class k has the posterior
    :math:`\operatorname{Beta}(c_k + 1, n_k - c_k + 1)` after :math:`c_k` of :math:`n_k` recordings
    were right; the interval is that of the mean of independent draws [1]_, widened to the estimate
    where every recording of the classes is right or wrong. It takes recordings as independent:
    labels of a few speakers say less.

    References
    ----------
    .. [1] K. H. Brodersen, C. S. Ong, K. E. Stephan, J. M. Buhmann, "The balanced accuracy and its
       posterior distribution", ICPR 2010, doi:10.1109/ICPR.2010.764.

    Examples
    --------
    >>> found = score_labelled(["a"] * 10 + ["b"] * 10, ["a"] * 15 + ["b"] * 5, "ab", rng=0)
    >>> found.uar, round(found.low, 1), round(found.high, 1)
    (0.75, 0.5, 0.9)
    """
    check_integer(n_draws, "n_draws", minimum=1)
    if not len(truth) or len(truth) != len(predictions):
        raise ValueError(
            f"truth and predictions must be as many, at least one, got {len(truth)} and "
            f"{len(predictions)}"
        )
    strange = sorted({*truth, *predictions} - {*classes})
    if strange:
        raise ValueError(f"labels must be among {', '.join(classes)}, got {listing(strange)}")
    known, found = np.asarray(truth), np.asarray(predictions)
    labels = np.array([np.sum(known == name) for name in classes])
    right = np.array([np.sum((known == name) & (found == name)) for name in classes])
    present = labels > 0
    uar = float(np.mean(right[present] / labels[present]))
    generator = check_generator(rng)
    alphas, betas = right[present] + 1, (labels - right)[present] + 1
    drawn = generator.beta(alphas, betas, (n_draws, int(present.sum()))).mean(axis=1)
    low, high = np.quantile(drawn, _LEVELS)
    return LabelledScore(
        uar,
        min(float(low), uar),
        max(float(high), uar),
        tuple(right.tolist()),
        tuple(labels.tolist()),
    )


def labels_needed(
    difference: float, disagreement: float = 0.2, *, power: float = 0.8, level: float = 0.05
) -> int:
    r"""Return how many labelled recordings tell the accuracies of two methods apart.

    Parameters
    ----------
    difference : float
        Difference of the accuracies, in (0, `disagreement`].
    disagreement : float, default=0.2
        Share of the recordings of which one method alone is right, at most 1.
    power : float, default=0.8
        Probability with which a difference of this size is found, in (0.5, 1).
    level : float, default=0.05
        Level of McNemar's test, two-sided, in (0, 1).

    Returns
    -------
    int
        Labelled recordings.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With :math:`\delta` the difference and :math:`\psi` the disagreement [1]_,

    .. math:: n = \bigl(z_{1-\alpha/2} \sqrt\psi + z_p \sqrt{\psi - \delta^2}\bigr)^2 / \delta^2.

    References
    ----------
    .. [1] R. J. Connor, "Sample size for testing differences in proportions for the paired-sample
       design", Biometrics 43 (1987), doi:10.2307/2531961.

    Examples
    --------
    >>> [labels_needed(points / 100) for points in (2, 5, 10)]
    [3923, 626, 155]
    """
    check_real(disagreement, "disagreement", minimum=0.0, strict=True)
    if not 0 < check_real(difference, "difference") <= disagreement <= 1:
        raise ValueError(
            f"difference must be in (0, disagreement] and disagreement at most 1, got {difference} "
            f"and {disagreement}"
        )
    if not (0.5 < power < 1 and 0 < level < 1):
        raise ValueError(f"power must be in (0.5, 1) and level in (0, 1), got {power} and {level}")
    root = float(norm.ppf(1 - level / 2)) * math.sqrt(disagreement)
    root += float(norm.ppf(power)) * math.sqrt(disagreement - difference**2)
    return math.ceil((root / difference) ** 2)


def check_labels(labelled: Corpus, files: Sequence[str]) -> None:
    """Check, before any work, that labels are about some whole recordings; else a CorpusError."""
    table = labelled.table
    if not table["start"].isna().all():
        raise CorpusError(f"{labelled.name}: labels must be about whole recordings, got segments")
    if {*map(os.path.realpath, files)}.isdisjoint(map(os.path.realpath, table["file"])):
        raise CorpusError(
            f"{labelled.name}: no label can be used: not among the recordings: {len(table)}; name "
            "the files as the recordings are named, relative to the manifest or absolute"
        )


def use_labels(
    recogniser: Recogniser, answers: Sequence[RecordingAnswer], labelled: Corpus
) -> tuple[list[RecordingAnswer], dict[str, int]]:
    """Score answers by the labels of a few recordings, and calibrate the recogniser by them.

    Parameters
    ----------
    recogniser : Recogniser
        Fitted; its probabilities are adjusted, and the score is in its ``about_["target_labels"]``.
    answers : sequence of RecordingAnswer
        Its answers.
    labelled : Corpus
        Whole recordings with labels, some of those that were answered.

    Returns
    -------
    answers : list of RecordingAnswer
        With the adjusted probabilities.
    unused : dict of str to int
        Labels that could not be used, by reason.

    Raises
    ------
    CorpusError
        If no label can be used, or labels are about parts of recordings.

    Notes
    -----
    The score is that of the answers as they were given, before the labels were looked at. What the
    calibration changes is estimated by cross-validation: each label is decided by an adjustment to
    the others. Nothing is trained, and recordings whose labels calibrated the recogniser before are
    not used again.
    """
    check_labels(labelled, [answer.file for answer in answers])
    table, classes = labelled.table, recogniser.classes_
    before = recogniser.about_.get("target_labels", {}).get("files", [])
    of_file = {os.path.realpath(answer.file): answer for answer in answers}
    rows, truth, digests = [], [], []
    unused: dict[str, int] = {}
    for file, label in zip(table["file"], table["label"], strict=True):
        answer = of_file.get(os.path.realpath(file))
        if answer is None:
            reason = "not among the recordings"
        elif answer.failure:
            reason = "not recognised"
        elif label not in classes:
            reason = f"{label} is no emotion of the model"
        elif (digest := _digest(file)) in before:
            reason = "calibrated the model already"
        else:
            rows.append(answer.probabilities)
            truth.append(label)
            digests.append(digest)
            continue
        unused[reason] = unused.get(reason, 0) + 1
    if not truth and "calibrated the model already" in unused:
        return list(answers), unused
    if not truth:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in unused.items())
        raise CorpusError(f"{labelled.name}: no label can be used: {reasons}")
    shares, codes = np.array(rows), np.array([classes.index(label) for label in truth])
    adjustment = fit_adjustment(shares, codes)
    score = score_labelled(truth, [classes[k] for k in shares.argmax(axis=1)], classes, rng=0)
    held_out = _held_out(shares, codes)
    after = score_labelled(truth, [classes[k] for k in held_out], classes, rng=0)
    recogniser.adjust(adjustment)
    recogniser.about_["target_labels"] = {
        **asdict(score),
        "accuracy": float(np.mean(shares.argmax(axis=1) == codes)),
        "calibrated": {"uar": after.uar, "accuracy": float(np.mean(held_out == codes))},
        "slope": adjustment.slope,
        "offsets": dict(zip(classes, adjustment.offsets.tolist(), strict=True)),
        "files": [*before, *digests],
    }
    return [_adjusted(answer, adjustment) for answer in answers], unused


def _held_out(shares: NDArray[np.float64], truth: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the decision about each recording after an adjustment to others."""
    fold = np.arange(len(truth)) % _FOLDS
    found = np.empty(len(truth), dtype=np.intp)
    for number in np.unique(fold):
        test = fold == number
        found[test] = fit_adjustment(shares[~test], truth[~test]).apply(shares[test]).argmax(axis=1)
    return found


def _adjusted(answer: RecordingAnswer, adjustment: Adjustment) -> RecordingAnswer:
    # The geometric mean over windows and the adjustment may change places.
    if answer.failure:
        return answer
    shares = [answer.probabilities, *(window.probabilities for window in answer.windows)]
    first, *rest = map(tuple, adjustment.apply(np.array(shares)).tolist())
    windows = zip(answer.windows, rest, strict=True)
    return replace(
        answer,
        probabilities=first,
        windows=tuple(replace(window, probabilities=found) for window, found in windows),
    )


def _digest(file: str) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]
