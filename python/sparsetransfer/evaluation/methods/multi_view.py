"""All feature sets of the study, one balanced ridge each, averaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.classification import MultiView, Safeguard, join_views
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows, chosen_views
from sparsetransfer.evaluation.methods.base import MethodOutput, Tuning
from sparsetransfer.evaluation.methods.fitted import (
    FitBeforePredict,
    FittedMethod,
    RowModel,
    class_scores,
    log_posteriors,
)
from sparsetransfer.evaluation.methods.settings import check_settings
from sparsetransfer.subspace import CORAL

__all__ = ["MultiViewMethod", "SafeguardedMultiViewMethod"]


class _OfViews(FitBeforePredict):
    """What methods share that read several views of a row."""

    name: str
    views: tuple[str, ...]
    adapts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "views", _checked(self.views))
        check_settings(self.name, type(self), self.settings())

    def settings(self) -> dict[str, Any]:
        """Return the parameters fixed in advance."""
        return super().settings() | {"views": list(self.views)}

    def obstacle(self) -> str:
        """Return an empty text: nothing keeps it from meeting new recordings."""
        return ""


@dataclass(frozen=True)
class MultiViewMethod(_OfViews):
    """Average of the balanced posteriors of one ridge per feature set.

    - `alpha`: penalty of the ridge, in units of the mean squared norm of the rows.
    - `temperature`: scale of the scores in the posteriors.
    - `rounds`: rounds of self-training.
    - `views`: names of the views, which need not be feature sets of the study; none for these.
    - `align`: whether the source gets the covariance of the target in each view, by `CORAL`.
    """

    name: str
    description: str
    alpha: float = 20.0
    temperature: float = 0.5
    rounds: int = 0
    views: tuple[str, ...] = ()
    align: bool = False

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit on `source` and the rows of `target`, label `target`."""
        rows, labels, domain, widths = stack(source, target, self.views)
        if self.align:
            # Rows of the target stay as they are, and so do those that come later.
            parts = np.split(rows, np.cumsum(widths)[:-1], axis=1)
            rows = np.hstack([CORAL().fit_transform(p, sample_domain=domain) for p in parts])
        model = MultiView(
            widths, alpha=self.alpha, temperature=self.temperature, rounds=self.rounds
        ).fit(rows, labels, sample_domain=domain)
        posteriors = model.target_posteriors_.mean(axis=0)
        output = MethodOutput(
            np.asarray(model.classes_[posteriors.argmax(axis=1)], dtype=np.str_),
            {"multi_view": view_diagnostics(model, self.views or source.views)},
        )
        return _fitted(model.classes_, output, log_posteriors(posteriors), model)


@dataclass(frozen=True)
class SafeguardedMultiViewMethod(_OfViews):
    """The average over views, self-trained where unlabelled evidence allows it.

    `alpha`, `temperature`, `views`: as in `MultiViewMethod`. `rounds`: rounds of self-training
    where the target is adapted to. `threshold`: standard errors from which a rise counts.
    `n_resamples`: resamples for the evidence on stability, which does not decide.
    """

    name: str
    description: str
    alpha: float = 20.0
    temperature: float = 0.5
    rounds: int = 3
    threshold: float = 1.645
    n_resamples: int = 3
    views: tuple[str, ...] = ()

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit on `source` and the rows of `target`, decide, label `target`."""
        rows, labels, domain, widths = stack(source, target, self.views)
        cautious, adaptive = (
            MultiView(widths, alpha=self.alpha, temperature=self.temperature, rounds=rounds)
            for rounds in (0, self.rounds)
        )
        guard = Safeguard(
            cautious,
            adaptive,
            views=widths,
            threshold=self.threshold,
            n_resamples=self.n_resamples,
            random_state=tuning.seed,
        )
        known = not (target.speakers == "").any()
        speakers = np.concatenate([source.speakers, target.speakers]) if known else None
        guard.fit(rows, labels, sample_domain=domain, sample_group=speakers)
        unknown = rows[len(source) :]
        output = MethodOutput(
            np.asarray(guard.predict(unknown), dtype=np.str_),
            {"safeguard": guard.decision_.as_dict()},
        )
        scores = class_scores(guard, unknown)
        return _fitted(guard.classes_, output, scores, guard.estimator_)


def _fitted(
    classes: NDArray[Any], output: MethodOutput, scores: NDArray[np.float64], model: MultiView
) -> FittedMethod:
    names = tuple(str(name) for name in classes)
    return FittedMethod(names, output, scores, RowModel((), model, every_view=True))


def stack(
    source: LabelledRows, target: UnlabelledRows, views: Sequence[str] = ()
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.int64], list[int]]:
    """Stack the named views, or all, side by side, and the target below the source.

    Returns `X` (n, d): rows of both domains. `y` (n,): labels, None for the target. `sample_domain`
    (n,): number of the source corpus, or a negative number for the target. `widths`: number of
    columns of each feature set.
    """
    known, widths = join_views(chosen_views(source, views))
    unknown, _ = join_views(chosen_views(target, views))
    labels = np.concatenate([source.labels.astype(object), np.full(len(target), None)])
    domain = np.concatenate(
        [source.corpora, np.full(len(target), -int(source.corpora.max()) - 1)]
    ).astype(np.int64)
    return np.vstack([known, unknown]), labels, domain, widths


def view_diagnostics(model: MultiView, names: Iterable[str]) -> dict[str, Any]:
    """Return how far the views agree on the target and how they were shifted, as JSON values."""
    votes = model.target_posteriors_.argmax(axis=2)
    pairs = [float(np.mean(a == b)) for a, b in combinations(votes, 2)]
    return {
        "views": len(votes),
        "further_views": list(names),
        "mean_agreement_of_two_views": float(np.mean(pairs)) if pairs else None,
        "prior_offsets": [
            dict(zip(model.classes_.tolist(), balance.offsets.tolist(), strict=True))
            for balance in model.balances_
        ],
    }


def _checked(views: Any) -> tuple[str, ...]:
    """Return names of views, which a study file gives as a list."""
    named = isinstance(views, (list, tuple)) and all(isinstance(v, str) and v for v in views)
    if not named or len(set(views)) != len(views):
        raise ValueError(f"views must be a list of names without repetition, got {views!r}")
    return tuple(views)
