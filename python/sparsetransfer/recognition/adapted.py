"""A method that was adapted to unlabelled recordings, with all that its answers are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.data.normalisation import Scaler, running_scaler
from sparsetransfer.evaluation.data.rows import UnlabelledRows
from sparsetransfer.evaluation.methods.fitted import RowModel
from sparsetransfer.recognition.calibration import Adjustment, Calibration
from sparsetransfer.recognition.novelty import Novelty

__all__ = ["AdaptedModel", "Answers"]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a recogniser says about recordings.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
        Of every class; rows sum to 1.
    fitted : ndarray of shape (n,), bool
        Whether the recording was one of the target that was adapted to.
    unlike : ndarray of shape (n,), bool
        Whether it is farther from all fitted recordings than held-out speakers are.
    distances : ndarray of shape (n,)
        Distance to the fitted recordings, divided by that threshold.
    views_disagree : ndarray of shape (n,), bool
        Whether no class has the votes of more than half of the feature sets; with one feature set
        never.
    """

    probabilities: NDArray[np.float64]
    fitted: NDArray[np.bool_]
    unlike: NDArray[np.bool_]
    distances: NDArray[np.float64]
    views_disagree: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AdaptedModel:
    """A fitted method, the normalisation of its target and the calibration of its scores.

    Parameters
    ----------
    classes : tuple of str
        The k emotions.
    feature_sets : tuple of str
        Names and versions.
    widths : tuple of int
        Columns of each feature set.
    scalers : tuple of Scaler
        Normalisation of the target, one per feature set.
    model : RowModel
        Scores of normalised rows.
    calibration : Calibration
        Probabilities from scores.
    novelty : Novelty
        What is unlike all that was fitted.
    keys : ndarray of shape (n_target, 16), uint8
        Hashes of the target's recordings, in ascending order.
    key_scores : ndarray of shape (n_target, k)
        Their scores, as an evaluation has them.
    about : dict
        What was fitted on what and how, as plain JSON values.

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """

    classes: tuple[str, ...]
    feature_sets: tuple[str, ...]
    widths: tuple[int, ...]
    scalers: tuple[Scaler, ...]
    model: RowModel
    calibration: Calibration
    novelty: Novelty
    keys: NDArray[np.uint8]
    key_scores: NDArray[np.float64]
    about: dict[str, Any]

    def __post_init__(self) -> None:
        n_classes, views = len(self.classes), len(self.feature_sets)
        names: tuple[Any, ...] = (*self.classes, *self.feature_sets)
        fine = (
            all(isinstance(name, str) and name for name in names)
            and 2 <= len(set(self.classes)) == n_classes
            and 1 <= views == len(self.widths) == len(self.scalers)
            and self.keys.dtype == np.uint8
            and self.keys.shape == (len(self.key_scores), 16)
            and self.key_scores.shape == (len(self.keys), n_classes)
            and self.calibration.confusion.shape == (n_classes, n_classes)
            and self.calibration.slope > 0
            and (self.calibration.offsets is None or self.calibration.offsets.shape == (n_classes,))
            and all(
                scaler.centre.shape == scaler.spread.shape == (width,)
                and (scaler.spread >= 0).all()
                for scaler, width in zip(self.scalers, self.widths, strict=True)
            )
        )
        if not fine:
            raise ValueError("the parts of the model do not fit together")

    def check(self) -> None:
        """Check that parts answer, by two rows of numbers.

        Raises
        ------
        ValueError
            If there is no finite answer.
        """
        rows = [np.vstack([np.zeros(width), np.ones(width)]) for width in self.widths]
        shares = self.answer(rows, None).probabilities
        if shares.shape != (2, len(self.classes)) or not np.isfinite(shares).all():
            raise ValueError("the parts of the model do not fit together")

    def answer(self, views: list[NDArray[np.float64]], keys: NDArray[np.uint8] | None) -> Answers:
        """Recognise recordings.

        Parameters
        ----------
        views : list of ndarray of shape (n, width)
            Rows of each feature set, before any normalisation.
        keys : ndarray of shape (n, 16), uint8, or None
            Hashes of the recordings: those that were fitted get the scores that they had then.

        Returns
        -------
        Answers
            One entry per row.
        """
        parts = [scaler.apply(view) for scaler, view in zip(self.scalers, views, strict=True)]
        rows = UnlabelledRows(
            parts[0],
            np.full(len(parts[0]), ""),
            dict(zip(self.feature_sets[1:], parts[1:], strict=True)),
        )
        scores = np.array(self.model.scores(rows))
        fitted = np.zeros(len(scores), dtype=np.bool_)
        if keys is not None and len(self.keys):
            place, fitted = self._find(keys)
            scores[fitted] = self.key_scores[place[fitted]]
        votes = self.model.view_posteriors(rows)
        distances = self.novelty.distances(np.hstack(parts)) / max(self.novelty.threshold, 1e-300)
        return Answers(
            probabilities=self.calibration.probabilities(scores),
            fitted=fitted,
            unlike=(distances > 1.0) & ~fitted,
            distances=distances,
            views_disagree=_disagreement(votes, len(scores)),
        )

    def adjusted(self, adjustment: Adjustment) -> AdaptedModel:
        """Return the model whose probabilities are the adjusted ones of this."""
        return replace(self, calibration=self.calibration.adjusted(adjustment))

    def with_rows(self, views: list[NDArray[np.float64]], keys: NDArray[np.uint8]) -> AdaptedModel:
        """Add recordings to those over which the target is normalised.

        Parameters
        ----------
        views : list of ndarray of shape (n, width)
            Rows of each feature set, before any normalisation.
        keys : ndarray of shape (n, 16), uint8
            Hashes of the recordings; those that were fitted are in the moments already.

        Returns
        -------
        AdaptedModel
            The model with other scalers.

        Raises
        ------
        ValueError
            If the target is not normalised by its mean and standard deviation.
        """
        scope = self.about["protocol"]["normalisation"]
        if scope != "corpus":
            raise ValueError(
                f"normalisation must be 'corpus' to run on over new recordings, got {scope!r}: fit "
                "again with all recordings"
            )
        new = ~self._find(keys)[1] if len(self.keys) else np.ones(len(keys), dtype=np.bool_)
        target = self.about["target"]
        count = target["recordings"] + target.get("later_recordings", 0)
        added = int(new.sum())
        if not added:
            return self
        later = {"later_recordings": target.get("later_recordings", 0) + added}
        return replace(
            self,
            scalers=tuple(
                running_scaler(scaler, count, view[new])
                for scaler, view in zip(self.scalers, views, strict=True)
            ),
            about=self.about | {"target": target | later},
        )

    def _find(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        known, asked = (
            np.ascontiguousarray(each).view("S16").ravel() for each in (self.keys, keys)
        )
        place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        return place, np.asarray((self.keys[place] == keys).all(axis=1))


def _disagreement(votes: NDArray[np.float64] | None, size: int) -> NDArray[np.bool_]:
    if votes is None or len(votes) < 2:
        return np.zeros(size, dtype=np.bool_)
    chosen = votes.argmax(axis=2)
    most = [np.bincount(column).max() for column in chosen.T]
    return np.asarray(2 * np.array(most, dtype=int) <= len(votes))
