"""Whether two methods differ, on one target and over several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._validation import check_generator
from sparsetransfer.evaluation.scoring.metrics import (
    confusion_matrix,
    texts,
    unweighted_average_recall,
)

__all__ = ["holm", "mcnemar", "permutation_test", "signed_rank_test"]

_EXACT_SPEAKERS = 12
"""Up to so many speakers all exchanges are enumerated."""


def permutation_test(
    truth: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    speakers: ArrayLike,
    classes: Sequence[str],
    *,
    rng: np.random.Generator | int,
    n_resamples: int = 1000,
) -> float:
    """Test whether two methods have the same UAR, exchanging their answers speaker by speaker.

    Parameters
    ----------
    truth : array-like of shape (n,), str
        True labels.
    first, second : array-like of shape (n,), str
        Labels predicted by the two methods.
    speakers : array-like of shape (n,), str
        Speaker of each row. Answers about one speaker are exchanged together, because they are not
        independent.
    classes : sequence of str
        All labels that may occur.
    rng : numpy.random.Generator or int
        Source of the draws, or a seed, with more than 12 speakers.
    n_resamples : int, default=1000
        Draws.

    Returns
    -------
    float
        Two-sided p-value in (0, 1]. Up to 12 speakers it is exact; otherwise it counts the
        observed difference among the draws, so that it is never zero. With S speakers it cannot be
        smaller than 2 / 2^S.

    Notes
    -----
    Under the null hypothesis the two answers about a speaker could as well stand under each other's
    name. Cost O(n + n_resamples · speakers · k²).

    References
    ----------
    E. W. Noreen, *Computer-Intensive Methods for Testing Hypotheses*, Wiley, 1989 (approximate
    randomisation).

    Examples
    --------
    >>> import numpy as np
    >>> speakers = np.repeat(["s1", "s2", "s3", "s4"], 2)
    >>> truth, right = ["a", "b"] * 4, ["a", "b"] * 4
    >>> permutation_test(
    ...     truth, right, ["b", "a"] * 4, speakers, ["a", "b"], rng=np.random.default_rng(0)
    ... )  # 2 of the 2**4 exchanges are as extreme
    0.125
    """
    true, *answers, said = texts(truth=truth, first=first, second=second, speakers=speakers)
    names, owner = np.unique(said, return_inverse=True)
    one, two = (
        np.stack(
            [
                confusion_matrix(true[owner == s], rows[owner == s], classes)
                for s in range(len(names))
            ]
        )
        for rows in answers
    )
    exact = len(names) <= _EXACT_SPEAKERS
    if exact:
        flips = (np.arange(2 ** len(names))[:, None] >> np.arange(len(names))) & 1
    else:
        flips = check_generator(rng).integers(0, 2, size=(n_resamples, len(names)))
    change = np.tensordot(flips, two - one, axes=1)
    total_one, total_two = one.sum(axis=0), two.sum(axis=0)
    differences = np.abs(
        unweighted_average_recall(total_one + change)
        - unweighted_average_recall(total_two - change)
    )
    observed = abs(
        float(unweighted_average_recall(total_one) - unweighted_average_recall(total_two))
    )
    # Equal differences come out of other sums, with other rounding.
    as_large = int((differences >= observed - 1e-12).sum())
    return as_large / len(flips) if exact else (1 + as_large) / (1 + n_resamples)


def mcnemar(truth: ArrayLike, first: ArrayLike, second: ArrayLike) -> float:
    """Test whether two methods err equally often, by the exact test of McNemar.

    Parameters
    ----------
    truth : array-like of shape (n,), str
        True labels.
    first, second : array-like of shape (n,), str
        Labels predicted by the two methods.

    Returns
    -------
    float
        Two-sided p-value, 0..1; 1 if there is no row that only one method gets right.

    Raises
    ------
    ValueError
        If the lengths differ, or a label is missing.

    Notes
    -----
    Of the rows that exactly one method gets right, under the null hypothesis either is right in
    half: a binomial test. Rows of one speaker are not independent, so that the test promises too
    much where errors come in clusters; `permutation_test` does not.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12:153-157, 1947. https://doi.org/10.1007/BF02295996

    Examples
    --------
    >>> truth, first, second = "aaaaaa", "aaaaaa", "bbbbbb"
    >>> mcnemar(list(truth), list(first), list(second))  # 2 / 2**6: six of six for the first
    0.03125
    """
    from scipy.stats import binomtest

    true, one, two = texts(truth=truth, first=first, second=second)
    right_one, right_two = one == true, two == true
    only_one, only_two = int((right_one & ~right_two).sum()), int((right_two & ~right_one).sum())
    if only_one + only_two == 0:
        return 1.0
    return float(binomtest(only_one, only_one + only_two).pvalue)


def signed_rank_test(differences: ArrayLike) -> float:
    """Test whether differences over several tasks are centred on zero, by Wilcoxon's test.

    `differences` (n,): one difference per task. Returns: two-sided p-value, 0..1; differences of
    zero are left out, and it is 1 if nothing is left. Exact up to 50 differences without ties.

    Pairs of corpora that share a corpus are not independent; the p-value is then a guide.

    References
    ----------
    F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1(6):80-83, 1945.
    https://doi.org/10.2307/3001968

    J. Demšar, "Statistical comparisons of classifiers over multiple data sets", Journal of Machine
    Learning Research 7:1-30, 2006.

    Examples
    --------
    >>> signed_rank_test([0.1, 0.2, 0.3, 0.4, 0.5])  # all signs alike: 2 / 2**5
    0.0625
    """
    from scipy.stats import wilcoxon

    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not len(values):
        return 1.0
    return float(wilcoxon(values, zero_method="wilcox").pvalue)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values, so that the chance of any false alarm stays at the level of one test.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6(2):65-70, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    result = np.empty_like(values)
    result[order] = adjusted
    return result
