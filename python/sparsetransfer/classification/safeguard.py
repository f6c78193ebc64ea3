"""Adapt to a target only where unlabelled evidence says that it helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import read_source_labels
from sparsetransfer._labels import MaskedClassifierMixin, check_groups
from sparsetransfer._validation import check_generator, check_integer, check_real, check_rows
from sparsetransfer.classification.evidence import (
    PairedDifference,
    agreement_rise,
    group_tie_rise,
)
from sparsetransfer.classification.multi_view import MultiView, View, view_columns
from sparsetransfer.classification.refits import Refits

__all__ = ["Safeguard", "SafeguardDecision"]

_ROUNDS = 3


@dataclass(frozen=True)
class SafeguardDecision:
    """Whether a target was adapted to, and on what evidence.

    `adapted`: the decision. `reason`: why, in a sentence. `threshold`: standard errors from which a
    rise counts. `agreement`: agreement of views that were adapted apart; None with a single view or
    without a target. `group_tie`: how closely labels follow speakers; None where that was not asked
    or cannot be. `evidence`: further figures, which do not decide.
    """

    adapted: bool
    reason: str
    threshold: float
    agreement: PairedDifference | None
    group_tie: PairedDifference | None
    evidence: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "adapted": self.adapted,
            "reason": self.reason,
            "threshold": self.threshold,
            "agreement": None if self.agreement is None else self.agreement.as_dict(),
            "group_tie": None if self.group_tie is None else self.group_tie.as_dict(),
            "evidence": dict(self.evidence),
        }


def decide(
    agreement: PairedDifference | None, group_tie: PairedDifference | None, threshold: float
) -> tuple[bool, str]:
    """Apply the rule of `Safeguard` to its two statistics.

    `agreement`: of views adapted apart. `group_tie`: of labels to speakers. `threshold`: standard
    errors from which a rise counts. Returns `adapt`: whether to adapt. `reason`: why.
    """
    if agreement is None:
        return False, "one view cannot be checked against another"
    if agreement.z <= threshold:
        return False, (
            "views adapted apart do not agree clearly more than before "
            f"({agreement.before:.3f} to {agreement.after:.3f}, z = {agreement.z:.1f})"
        )
    if group_tie is not None and group_tie.z > threshold:
        return False, (
            "labels follow speakers more closely than before "
            f"({group_tie.before:.3f} to {group_tie.after:.3f}, z = {group_tie.z:.1f})"
        )
    return True, (
        "views adapted apart agree more than before "
        f"({agreement.before:.3f} to {agreement.after:.3f}, z = {agreement.z:.1f})"
    )


def _chosen_has(name: str) -> Any:
    def check(self: Safeguard) -> bool:
        model = getattr(self, "estimator_", None) or self.cautious or MultiView()
        getattr(model, name)
        return True

    return available_if(check)


class Safeguard(MaskedClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Choose between a cautious and an adaptive classifier without target labels.

    Pseudo-labels help on some targets and destroy others, and recall on the source does not tell
    which. Two questions to the unlabelled target do:

    1. Every view is adapted on its own. **Do views come to agree more** (`agreement_rise`)? They
       can only find the same labels by finding what they have in common.
    2. Where speakers are known and acted every class: **do labels keep away from speakers**
       (`group_tie_rise`)? Speakers are what views have in common besides the class.

    The adaptive classifier is used if the rise in 1 exceeds `threshold` standard errors and the
    rise in 2 does not; in doubt it is not.

    Parameters
    ----------
    cautious : estimator, optional
        Classifier for targets that are not adapted to; by default a `MultiView` of `views`.
    adaptive : estimator, optional
        Classifier that trusts pseudo-labels, of the same classes; by default a `MultiView` of
        `views` with 3 rounds of self-training. Both are cloned, and take `sample_domain` in `fit`
        or masked labels (-1).
    views : sequence of int, or of slice or array of int, optional
        Columns of each view as in `view_columns`. With one view nothing is ever adapted.
    threshold : float, default=1.645
        Standard errors from which a rise counts, >= 0; the default is a one-sided test at 5 %.
    n_resamples : int, default=3
        Resamples of the source for the evidence on stability, >= 0. They do not decide.
    random_state : int or numpy.random.Generator, optional
        Draws the resamples.

    Attributes
    ----------
    decision_ : SafeguardDecision
        The decision with its evidence.
    estimator_ : estimator
        The fitted classifier that was chosen; its classes are numbers into `classes_`.
    classes_ : ndarray of shape (n_classes,)
        Labels of the source, sorted.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if the fitted data had string names.

    Notes
    -----
    Classifiers with a parameter `views` are fitted on one view with ``views=None``, and with the
    view's own entry of `encoders`.

    Besides, these are recorded in ``decision_.evidence`` and decide nothing: the share of labels
    that adaptation changes; the distance of the class shares from uniform before and after (prior
    drift, total variation); the share of the variance of the target between classes before and
    after; the recall on the source of a classifier trained on the pseudo-labelled target (reverse
    validation); the recall at which a classifier tells the domains apart; and the share of labels
    that stay when source rows are drawn anew.

    The cost is one cautious and one adaptive fit on all columns, one of each per view, and one of
    each per resample.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 50)
    >>> source = rng.normal(size=(100, 8)) + labels[:, None]
    >>> X, y, sample_domain = pack(source, labels, rng.normal(size=(80, 8)))
    >>> guard = Safeguard(views=[4, 4], random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> guard.decision_.adapted  # a target without classes
    False
    """

    __metadata_request__fit = {"sample_domain": True, "sample_group": True}  # noqa: RUF012

    def __init__(
        self,
        cautious: Any = None,
        adaptive: Any = None,
        *,
        views: Sequence[View] | None = None,
        threshold: float = 1.645,
        n_resamples: int = 3,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.cautious = cautious
        self.adaptive = adaptive
        self.views = views
        self.threshold = threshold
        self.n_resamples = n_resamples
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_domain: ArrayLike | None = None,
        sample_group: ArrayLike | None = None,
    ) -> Safeguard:
        """Fit both classifiers, weigh the evidence and keep one.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of all domains; the columns of all views side by side.
        y : array_like of shape (n,)
            Labels of the source rows; those of target rows are ignored.
        sample_domain : array_like of shape (n,), int, optional
            Positive for rows of a source, negative for rows of a target; by default rows with a
            masked label are the target. Without a target nothing is adapted.
        sample_group : array_like of shape (n,), optional
            Speaker of each row; those of target rows are looked at.

        Returns
        -------
        Safeguard
            Itself.

        Raises
        ------
        DomainError
            If the label of a source row is unknown.
        ValueError
            If there is one class only, or a parameter is out of range.
        """
        rows = check_rows(self, X, dtype=np.float64)
        threshold = check_real(self.threshold, "threshold", minimum=0.0)
        check_integer(self.n_resamples, "n_resamples", minimum=0)
        known = read_source_labels(y, sample_domain, len(rows), type(self).__name__)
        self.classes_, codes, source = known.classes, known.codes, known.source
        columns = view_columns(self.views, rows.shape[1])
        numbers = np.full(len(rows), -1)
        numbers[source] = codes
        domains = np.where(source, 1, -1) if sample_domain is None else np.asarray(sample_domain)
        fitted = Refits(rows, numbers, source, domains)
        cautious = MultiView(self.views) if self.cautious is None else self.cautious
        adaptive = MultiView(self.views, rounds=_ROUNDS) if self.adaptive is None else self.adaptive
        self.estimator_ = fitted.of(cautious)
        if source.all() or len(columns) < 2:
            reason = decide(None, None, threshold)[1]
            if source.all():
                reason = "there is no target to adapt to"
            self.decision_ = SafeguardDecision(False, reason, threshold, None, None, {})
            return self
        daring = fitted.of(adaptive)
        before, after = fitted.labels(self.estimator_), fitted.labels(daring)
        agreement = agreement_rise(
            fitted.labels_apart(cautious, columns), fitted.labels_apart(adaptive, columns)
        )
        tie = None
        if sample_group is not None:
            groups = check_groups(sample_group, "sample_group", ~source, "target row")
            tie = group_tie_rise(before, after, groups[~source], n_classes=len(self.classes_))
        adapted, reason = decide(agreement, tie, threshold)
        evidence = fitted.evidence(before, after, len(self.classes_))
        evidence |= self._stability(fitted, cautious, adaptive, before, after)
        self.decision_ = SafeguardDecision(adapted, reason, threshold, agreement, tie, evidence)
        if adapted:
            self.estimator_ = daring
        return self

    def _stability(
        self,
        fitted: Refits,
        cautious: Any,
        adaptive: Any,
        before: NDArray[np.intp],
        after: NDArray[np.intp],
    ) -> dict[str, float]:
        if not self.n_resamples:
            return {}
        rng = check_generator(self.random_state, "random_state")
        draws = [fitted.resampled(rng) for _ in range(self.n_resamples)]
        return {
            f"stability_{when}": float(
                np.mean([np.mean(draw.labels(draw.of(model)) == labels) for draw in draws])
            )
            for when, model, labels in (
                ("before", cautious, before),
                ("after", adaptive, after),
            )
        }

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label target rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of the target, fitted or not.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.classes_[np.asarray(self.estimator_.predict(rows), dtype=np.intp)])

    @_chosen_has("predict_proba")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities of target rows.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Rows of the target, fitted or not.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.estimator_.predict_proba(rows), dtype=np.float64)
