"""Hyper-parameters chosen without target labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._validation import check_choice
from sparsetransfer.classification.scorers import importance_weights
from sparsetransfer.evaluation.data.folds import speaker_folds
from sparsetransfer.evaluation.scoring.metrics import unweighted_average_recall

__all__ = ["RULES", "Choice", "Rule", "choose", "select"]

Rule = Literal["source", "reverse", "importance"]
"""How candidates are scored; see `select`."""

RULES: tuple[str, ...] = get_args(Rule)

Predict = Callable[[NDArray[Any]], NDArray[np.str_]]
Fit = Callable[[NDArray[Any], NDArray[np.str_], Mapping[str, Any]], Predict]
"""From rows, labels and a candidate to a function that labels rows."""

Guess = Callable[[Mapping[str, Any], NDArray[np.intp], NDArray[np.intp]], NDArray[np.str_]]
"""From a candidate, training rows and held-out rows to labels of the held-out rows."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, out of what, and by which scores.

    `rule`: how candidates were scored. `candidates`: the candidates, the most regularised first.
    `scores`: validated UAR of every candidate, 0..1. `chosen`: position of the chosen candidate.
    `at_edge`: whether it is the first or the last of several.
    """

    rule: str
    candidates: tuple[Mapping[str, Any], ...]
    scores: tuple[float, ...]
    chosen: int
    at_edge: bool

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The chosen candidate."""
        return self.candidates[self.chosen]

    @property
    def score(self) -> float:
        """The validated UAR of the chosen candidate."""
        return self.scores[self.chosen]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "rule": self.rule,
            "parameters": dict(self.parameters),
            "validated_uar": self.score,
            "at_edge_of_grid": self.at_edge,
            "candidates": [dict(candidate) for candidate in self.candidates],
            "scores": list(self.scores),
        }


def _weighted_confusion(
    truth: NDArray[np.str_],
    predictions: NDArray[np.str_],
    classes: Sequence[str],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    table = np.zeros((len(classes), len(classes)))
    rows, columns = np.searchsorted(classes, truth), np.searchsorted(classes, predictions)
    np.add.at(table, (rows, columns), weights)
    return table


def _closest(scores: Sequence[float], errors: Sequence[float], ranks: Sequence[float]) -> int:
    """Return the candidate of least rank whose score is within one standard error of the best."""
    top = int(np.argmax(scores))
    good = [at for at, score in enumerate(scores) if score >= scores[top] - errors[top]]
    return min(good, key=lambda at: (ranks[at], at))


def _standard_error(tables: Sequence[NDArray[np.float64]]) -> float:
    """Return the standard error of the UAR over folds, or of independent rows where that is larger.

    Few speakers give few folds, whose spread may be small by chance. Rows of one speaker resemble
    each other, so that the error is hardly ever below that of independent ones.
    """
    single = [float(unweighted_average_recall(table)) for table in tables]
    over_folds = np.std(single, ddof=1) / np.sqrt(len(single))
    pooled = np.sum(tables, axis=0)
    counts = pooled.sum(axis=1)
    known = counts > 0
    recalls = np.diag(pooled)[known] / counts[known]
    of_rows = np.sqrt(np.sum(recalls * (1 - recalls) / counts[known])) / known.sum()
    return float(max(over_folds, of_rows))


def select(
    candidates: Sequence[Mapping[str, Any]],
    fit: Fit,
    features: NDArray[Any],
    labels: NDArray[np.str_],
    speakers: NDArray[np.str_],
    *,
    target: NDArray[np.float64] | None = None,
    rule: Rule = "source",
    ranks: Sequence[float] | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> Choice:
    """Choose a candidate on labelled source rows and unlabelled target rows.

    - `candidates`: parameters to try, the most regularised first.
    - `fit`: ``fit(rows, labels, candidate)`` returns a function that labels rows.
    - `features` (n, d): source rows.
    - `labels`, `speakers` (n,): their labels and speakers.
    - `target` (n_target, d): unlabelled rows of the target; the rules "reverse" and "importance"
      need them.
    - `rule`: how a candidate is scored. In all rules source speakers are held out fold by fold.
      "source": a model of the other speakers labels the held-out rows. "importance": the same,
      every held-out row weighted by `importance_weights`. "reverse": the model of the other
      speakers labels the target, a second model is fitted to these labels, and that one labels the
      held-out rows.
    - `ranks`: which of candidates that are as good is taken: the one of the least rank. The order
      of `candidates` by default.
    - `n_folds`: speaker-disjoint folds.
    - `seed`: seed of the folds.

    Returns: the candidate and the record of the choice. Raises ValueError if there is no candidate,
    the rule is unknown or lacks its target rows. Raises CorpusError if speakers do not allow
    disjoint folds.

    Confusions are pooled over the folds before recalls are averaged, because a fold of one speaker
    may lack a class. Among the candidates whose UAR is within one standard error of the best one's
    [1]_ the one of the least rank is taken. The error is that over the folds, but not less than that
    of independent rows: two speakers give two folds, which may agree by chance. No label of the
    target enters, in any rule.

    References
    ----------
    .. [1] L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, "Classification and Regression
       Trees", Wadsworth, 1984, section 3.4.3.
    .. [2] E. Zhong, W. Fan, Q. Yang, O. Verscheure, J. Ren, "Cross validation framework to choose
       amongst models and datasets for transfer learning", ECML PKDD 2010 (reverse validation).
       https://doi.org/10.1007/978-3-642-15939-8_35
    .. [3] M. Sugiyama, M. Krauledat, K.-R. Müller, "Covariate shift adaptation by importance
       weighted cross validation", Journal of Machine Learning Research 8:985-1005, 2007.
    """
    if not candidates:
        raise ValueError("candidates must hold at least one mapping of parameters, got none")
    check_choice(rule, "rule", RULES)
    if rule != "source" and target is None:
        raise ValueError(f"the rule {rule!r} needs unlabelled rows of the target")
    weights = None
    if rule == "importance" and target is not None:
        weights = importance_weights(features, target)

    def guess(
        candidate: Mapping[str, Any], train: NDArray[np.intp], test: NDArray[np.intp]
    ) -> NDArray[np.str_]:
        predict = fit(features[train], labels[train], candidate)
        if rule == "reverse" and target is not None:
            predict = _reversed(predict, fit, target, candidate)
        return predict(features[test])

    return choose(
        candidates,
        guess,
        labels,
        speakers,
        rule=rule,
        ranks=ranks,
        weights=weights,
        n_folds=n_folds,
        seed=seed,
    )


def choose(
    candidates: Sequence[Mapping[str, Any]],
    guess: Guess,
    labels: NDArray[np.str_],
    speakers: NDArray[np.str_],
    *,
    rule: Rule,
    ranks: Sequence[float] | None = None,
    weights: NDArray[np.float64] | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> Choice:
    """Choose a candidate by its answers on speakers that were held out.

    `candidates`, `labels`, `speakers`, `ranks`, `n_folds`, `seed`: as in `select`. `guess`:
    ``guess(candidate, train, test)`` learns from some rows of the source and labels others. `rule`:
    what `guess` does, for the record. `weights` (n,): positive weights of the source rows; all one
    by default. Returns: the candidate and the record of the choice, as by `select`.

    Examples
    --------
    >>> import numpy as np
    >>> labels, speakers = np.tile(["anger", "sadness"], 6), np.repeat(["a", "b", "c"], 4)
    >>> def guess(candidate, train, test):
    ...     return labels[test] if candidate["C"] == 1.0 else np.full(len(test), "anger")
    >>> choose(
    ...     [{"C": 0.1}, {"C": 1.0}], guess, labels, speakers, rule="source", n_folds=3
    ... ).parameters
    {'C': 1.0}
    """
    folds = speaker_folds(labels, speakers, n_folds=n_folds, seed=seed)
    classes = sorted(set(labels.tolist()))
    weights = np.ones(len(labels)) if weights is None else weights
    scores, errors = [], []
    for candidate in candidates:
        tables = [
            _weighted_confusion(labels[test], guess(candidate, train, test), classes, weights[test])
            for train, test in folds
        ]
        scores.append(float(unweighted_average_recall(np.sum(tables, axis=0))))
        errors.append(_standard_error(tables))
    best = _closest(scores, errors, range(len(candidates)) if ranks is None else ranks)
    return Choice(
        rule=rule,
        candidates=tuple(candidates),
        scores=tuple(scores),
        chosen=best,
        at_edge=len(candidates) > 1 and best in (0, len(candidates) - 1),
    )


def _reversed(
    predict: Predict, fit: Fit, target: NDArray[np.float64], candidate: Mapping[str, Any]
) -> Predict:
    guessed = predict(target)
    only = set(guessed.tolist())
    if len(only) > 1:
        return fit(target, guessed, candidate)
    # A model that sees one class in the target brings no second one back.
    return lambda rows: np.full(len(rows), next(iter(only)))
