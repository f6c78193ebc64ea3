"""What a study shows, in two sentences that follow from its tests."""

from __future__ import annotations

import math

from sparsetransfer.evaluation import Study, rank_methods
from sparsetransfer.evaluation.study.ranking import MethodStanding, Ranking
from sparsetransfer.reporting.tables import points_interval

__all__ = ["verdict"]

_LEVEL = 0.05
_FLOOR = "majority"
_REFUSED = "The figures of single tasks and the reasons stand below."


def verdict(study: Study) -> tuple[str, str]:
    """State whether a method is better than the baseline, and what that rests on.

    Parameters
    ----------
    study : Study
        Results of an evaluation.

    Returns
    -------
    tuple of (str, str)
        Two sentences in plain text. A difference counts where the p-value of `rank_methods`,
        adjusted by Holm, is below 0.05.
    """
    ranking = rank_methods(study)
    best = ranking.standings[0]
    if math.isnan(best.uar):
        return ("Every method refused a task, so that none has a mean UAR.", _REFUSED)
    if not ranking.baseline:
        return (
            f"{best.method} has the highest mean UAR, {_percent(best.uar)}{_range(best.interval)}.",
            "The tuned linear SVM is not among the methods, so that no gain can be stated.",
        )
    reference = next(part for part in ranking.standings if part.method == ranking.baseline)
    if math.isnan(reference.uar):
        return ("The tuned linear SVM refused a task, so that no gain can be stated.", _REFUSED)
    compared = [
        part
        for part in ranking.standings
        if part.method not in (ranking.baseline, _FLOOR) and not math.isnan(part.gain)
    ]
    if not compared:
        level = f"{_percent(reference.uar)}{_range(reference.interval)}"
        return (
            f"The tuned linear SVM has a UAR of {level}.",
            "No other method was evaluated that could be compared with it.",
        )
    return _first(compared, reference), _second(compared, ranking, study)


def _first(compared: list[MethodStanding], reference: MethodStanding) -> str:
    svm = f"the tuned linear SVM ({_percent(reference.uar)})"
    better = [part for part in compared if part.gain > 0 and part.p_value < _LEVEL]
    best = max(better or compared, key=lambda part: part.gain)
    gain = f"{100 * best.gain:+.1f} points{_range(best.gain_interval, signed=True)}"
    if better:
        return (
            f"{best.method} recognises {_percent(best.uar)} of the emotions (UAR), {gain} against "
            f"{svm}: a gain that is distinguishable from zero ({_p(best.p_value)} after Holm)."
        )
    p_value = "" if math.isnan(best.p_value) else f", {_p(best.p_value)} after Holm"
    return (
        f"No method is distinguishably better than {svm}; {best.method} comes to {gain}{p_value}."
    )


def _second(compared: list[MethodStanding], ranking: Ranking, study: Study) -> str:
    better, worse = (
        sum(part.p_value < _LEVEL and sign * part.gain > 0 for part in compared) for sign in (1, -1)
    )
    number = len(compared)
    counts = (
        f"Of {number} method{'s' * (number > 1)}, {better} {'is' if better == 1 else 'are'} better "
        f"than it, {worse} worse and {number - better - worse} not distinguishable from it"
    )
    return f"{counts}; {_basis(ranking, study)}."


def _basis(ranking: Ranking, study: Study) -> str:
    if ranking.test == "tasks":
        corpora = len(study.protocol.design.names)
        return (
            f"tested over {ranking.n_tasks} tasks of {corpora} corpora, which are not independent"
        )
    if not ranking.n_speakers:
        return "speakers are not known, so that nothing could be tested"
    where = "the target" if ranking.n_tasks == 1 else f"{ranking.n_tasks} tasks"
    basis = f"tested over the {ranking.n_speakers} speakers of {where}"
    smallest = (len(ranking.standings) - 1) * 2.0 / 2**ranking.n_speakers
    return basis if smallest < _LEVEL else f"{basis}, too few for any difference to be significant"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _range(bounds: tuple[float, float], *, signed: bool = False) -> str:
    low, high = bounds
    if math.isnan(low):
        return ""
    return f" ({points_interval(bounds) if signed else f'{100 * low:.1f} to {100 * high:.1f}'})"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
