"""The tuned linear classifier that stands in every table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from sparsetransfer.evaluation.folds import speaker_folds
from sparsetransfer.evaluation.metrics import confusion_matrix, unweighted_average_recall

__all__ = ["TunedSVM", "tune_linear_svm"]

_MAX_ITER = 10_000


@dataclass(frozen=True, eq=False)
class TunedSVM:
    """A linear SVM whose cost was chosen on source speakers.

    Parameters
    ----------
    svm : LinearSVC
        Fitted on all source rows, scaled by `scale`.
    scale : float
        Factor that gives the source rows unit mean energy.
    cost : float
        The chosen cost.
    recalls : tuple of float
        Speaker-disjoint cross-validated UAR of every cost of the grid, 0..1.
    uar : float
        The one of the chosen cost: what to expect *within* the source.
    at_edge : bool
        Whether the chosen cost is the first or last of the grid.
    """

    svm: LinearSVC
    scale: float
    cost: float
    recalls: tuple[float, ...]
    uar: float
    at_edge: bool

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.str_]:
        """Return the label of each row of `features` (n, d)."""
        return np.asarray(self.svm.predict(features * self.scale), dtype=np.str_)


def _fit(
    features: NDArray[np.float64], labels: NDArray[np.str_], cost: float, seed: int
) -> LinearSVC:
    # "auto" takes the dual where there are fewer rows than columns. Elsewhere coordinate descent on
    # the dual does not settle at large costs, and Newton's method on the primal does.
    svm = LinearSVC(
        C=cost, class_weight="balanced", dual="auto", max_iter=_MAX_ITER, random_state=seed
    )
    return svm.fit(features, labels)


def _most_regularised(recalls: list[float], errors: list[float]) -> int:
    """Return the first index whose recall is within one standard error of the best one's."""
    top = int(np.argmax(recalls))
    return int(np.flatnonzero(np.asarray(recalls) >= recalls[top] - errors[top])[0])


def tune_linear_svm(
    features: NDArray[np.float64],
    labels: NDArray[np.str_],
    speakers: NDArray[np.str_],
    *,
    c_grid: tuple[float, ...],
    n_folds: int,
    seed: int,
) -> TunedSVM:
    """Fit a linear SVM with the most regularised cost that is as good across source speakers.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Source rows.
    labels, speakers : ndarray of shape (n,), str
        Their labels and speakers.
    c_grid : tuple of float
        Costs to try, ascending.
    n_folds : int
        Speaker-disjoint folds.
    seed : int
        Seed of the folds and of the solver's coordinate order.

    Returns
    -------
    TunedSVM
        The machine refitted on all rows.

    Raises
    ------
    CorpusError
        If speakers do not allow disjoint folds.

    Notes
    -----
    One-versus-rest squared hinge loss, classes weighted inversely to their frequency. Rows are
    divided by the root of their mean squared norm, so that one grid fits z-scored features and
    sparse codes alike: a cost C here is C/d for d z-scored features. Scores are pooled over the
    folds before averaging recalls, because a fold of one speaker may lack a class.

    The smallest cost is taken whose recall is within one standard error, over the folds, of the
    best one's (the rule of Breiman et al., 1984, section 3.4.3). Within a corpus, recall hardly
    depends on the cost over several decades; across corpora it does, in favour of small ones.

    References
    ----------
    L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, "Classification and Regression Trees",
    Wadsworth, 1984.

    R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang, C.-J. Lin, "LIBLINEAR: a library for large
    linear classification", Journal of Machine Learning Research 9:1871-1874, 2008.
    """
    energy = float(np.mean(np.einsum("ij,ij->i", features, features)))
    scale = 1.0 / np.sqrt(energy) if energy > 0 else 1.0
    scaled = features * scale
    classes = sorted(set(labels.tolist()))
    folds = speaker_folds(labels, speakers, n_folds=n_folds, seed=seed)
    recalls = []
    errors = []
    for cost in c_grid:
        tables = []
        for train, test in folds:
            svm = _fit(scaled[train], labels[train], cost, seed)
            tables.append(confusion_matrix(labels[test], svm.predict(scaled[test]), classes))
        recalls.append(float(unweighted_average_recall(np.sum(tables, axis=0))))
        single = [float(unweighted_average_recall(table)) for table in tables]
        errors.append(float(np.std(single, ddof=1) / np.sqrt(len(single))))
    best = _most_regularised(recalls, errors)
    return TunedSVM(
        svm=_fit(scaled, labels, c_grid[best], seed),
        scale=scale,
        cost=c_grid[best],
        recalls=tuple(recalls),
        uar=recalls[best],
        at_edge=best in (0, len(c_grid) - 1),
    )
