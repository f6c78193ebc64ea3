"""Regression to labels under which the domains look alike: DoSL, JDAR, TRaSL and AKTLR."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sparsetransfer._linalg import matmul
from sparsetransfer._validation import FloatArray, check_integer, check_real
from sparsetransfer.transfer.problem import resolve_kkt_tol
from sparsetransfer.transfer.regression.base import (
    ClassWeight,
    LabelRegression,
    TransferRows,
    class_coupling,
    relative_penalty,
)
from sparsetransfer.transfer.regression.solver import QuadraticProblem

__all__ = ["AKTLR", "JDAR", "DoSL", "TRaSL"]


class _AlignedRegression(LabelRegression):
    """One convex problem, solved again while pseudo-labels change.

    A published method is a choice of its terms: those that a subclass lacks as parameters keep the
    values below and are absent.
    """

    conditional: float = 0.0
    l1: float = 0.0
    l21: float = 0.0
    group: float = 0.0
    groups: ArrayLike | None = None
    max_rounds: int = 10

    def _fit_rows(self, data: TransferRows, threads: int) -> FloatArray:
        conditional = check_real(self.conditional, "conditional", minimum=0)
        rounds = check_integer(self.max_rounds, "max_rounds", minimum=1)
        term = data.fit_term(data.targets)
        self._add_fixed_terms(term.quadratic, data, threads)
        fixed = QuadraticProblem(term.quadratic, term.linear, term.energy)
        groups = self.groups
        if self.group > 0 and groups is None:
            groups = np.arange(data.rows.shape[1])
        penalty = relative_penalty(
            fixed.linear,
            l1=check_real(self.l1, "l1", minimum=0, maximum=1),
            l21=check_real(self.l21, "l21", minimum=0, maximum=1),
            group=check_real(self.group, "group", minimum=0, maximum=1),
            groups=groups,
        )
        tolerance = resolve_kkt_tol(self.kkt_tol, data.dtype)
        problem = fixed
        fit = problem.solve(penalty, kkt_tol=tolerance, threads=threads)
        self.n_iter_ = 1
        used = np.zeros(0, np.int64)
        target = data.rows[~data.source]
        while conditional > 0 and data.domains is not None and self.n_iter_ <= rounds:
            guesses = (matmul(target, fit.coef.T) + data.prior).argmax(axis=1)
            if np.array_equal(guesses, used):
                break
            used = guesses
            coupling = class_coupling(data, data.domains, used)
            problem = QuadraticProblem(
                fixed.quadratic + conditional * data.mean_term(coupling),
                fixed.linear,
                fixed.energy,
            )
            fit = problem.solve(penalty, init=fit.coef, kkt_tol=tolerance, threads=threads)
            self.n_iter_ += 1
        self.pseudo_labels_ = self.classes_[used]
        self.history_ = fit.history
        fit = problem.rounded(fit, penalty, data.dtype, kkt_tol=tolerance, threads=threads)
        self.support_ = np.any(fit.coef != 0, axis=0)
        self._certify(fit)
        return fit.coef


class DoSL(_AlignedRegression):
    r"""Regress labels on few features, with like means of both domains (DoSL-type).

    Parameters
    ----------
    mmd : float, default=10.0
        Weight of the squared distance between the regressed means of the domains, >= 0. It is
        relative to the mean squared residual of the source.
    l21 : float, default=0.02
        Weight of the sum over features of the norm of their coefficients, between 0 and 1: a
        fraction of the weight that alone would make every coefficient zero.
    ridge : float, default=0.01
        Weight of half the squared norm of the coefficients, >= 0, in units of the mean squared
        length of the centred source samples.
    class_weight : {"balanced", None} or dict, default="balanced"
        Whether all classes or all samples of the source count alike, or weights by label.
    kkt_tol : float, optional
        KKT violation, relative to the sparse penalties, at which to stop: 1e-6 by default in
        float64, 1e-3 in float32.
    n_jobs : int, optional
        Threads, as in `sparsetransfer.get_num_threads`; -1 means all. No effect on the result.

    Attributes
    ----------
    coef_ : numpy.ndarray of shape (n_classes, n_features)
        Coefficients; zeros are exact.
    intercept_ : numpy.ndarray of shape (n_classes,)
        Intercepts.
    classes_ : numpy.ndarray of shape (n_classes,)
        Labels of the source, sorted.
    support_ : numpy.ndarray of shape (n_features,), bool
        Features with a coefficient that is not zero.
    objective_, kkt_violation_, duality_gap_ : float
        Of the returned coefficients, for the last round's problem.
    converged_ : bool
        Whether `kkt_tol` was met.
    history_ : numpy.ndarray
        The objective of the last round's problem, which never rises.
    n_iter_ : int
        Rounds made: 1, and 1 more for every change of pseudo-labels.
    pseudo_labels_ : numpy.ndarray of shape (n_target,)
        The labels that the conditional term used last; empty without.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

    Notes
    -----
    With weights :math:`w_i` of sum 1 and one-hot labels :math:`y_i`,

    .. math:: \min_W \tfrac12 \sum_{i\in s} w_i \|y_i - W x_i\|^2
       + \tfrac{\mu}{2}\|W(\bar x_s - \bar x_t)\|^2 + \lambda\sum_r\|w_r\|_2
       + \tfrac{\rho}{2}\|W\|_F^2,

    where :math:`w_r` are the coefficients of feature r: convex, with a unique solution for
    :math:`\rho > 0`. The equation of [1]_ could not be read: this is our formulation of its
    description, a regression to labels with a domain-adaptive term. With ``mmd=0`` it is a
    multi-task lasso (elastic net) of the source alone.

    References
    ----------
    .. [1] N. Liu, Y. Zong, B. Zhang, L. Liu, J. Chen, G. Zhao, J. Zhu, "Unsupervised Cross-Corpus
       Speech Emotion Recognition Using Domain-Adaptive Subspace Learning", ICASSP 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import DoSL, pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 20)
    >>> source = rng.normal(size=(40, 5)) + 3 * labels[:, None] * [1, 1, 0, 0, 0]
    >>> target = source + [0, 9, 0, 0, 0]
    >>> X, y, sample_domain = pack(source, labels, target)
    >>> model = DoSL(mmd=100.0).fit(X, y, sample_domain=sample_domain)
    >>> float(model.score(target, labels)) > 0.9
    True
    """

    def __init__(
        self,
        *,
        mmd: float = 10.0,
        l21: float = 0.02,
        ridge: float = 0.01,
        class_weight: ClassWeight = "balanced",
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.mmd = mmd
        self.l21 = l21
        self.ridge = ridge
        self.class_weight = class_weight
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs


class JDAR(_AlignedRegression):
    r"""Regress labels on few features, with like means of domains and of classes (JDAR).

    Parameters
    ----------
    mmd : float, default=1.0
        As in `DoSL`.
    conditional : float, default=1.0
        Weight of the squared distances between the regressed means of every class, >= 0, with
        pseudo-labels for the target. The method is made of them; 0 leaves them out.
    max_rounds : int, default=10
        Most rounds of pseudo-labels; without `conditional` there are none.
    l21, ridge, class_weight, kkt_tol, n_jobs
        As in `DoSL`.

    Attributes
    ----------
    coef_, intercept_, classes_, support_, objective_, kkt_violation_, duality_gap_, converged_
        As of `DoSL`.
    history_, n_iter_, pseudo_labels_, n_features_in_, feature_names_in_
        As of `DoSL`.

    Notes
    -----
    .. math:: \min_W \tfrac12 \sum_{i\in s} w_i \|y_i - W x_i\|^2
       + \tfrac{\mu}{2}\|W(\bar x_s - \bar x_t)\|^2
       + \tfrac{\nu}{2}\sum_c\|W(\bar x_{s,c} - \bar x_{t,c})\|^2
       + \lambda\sum_r\|w_r\|_2 + \tfrac{\rho}{2}\|W\|_F^2.

    [1]_ has one strength for both distances (:math:`\mu = \nu`) and no ridge, as far as its
    objective is known from a public note; classes of the target are pseudo-labels. Each round is
    convex and solved to its certificate. The first round leaves the classes out; the rounds end
    when pseudo-labels repeat. Pseudo-labels that are wrong are reinforced: mind the risk.

    References
    ----------
    .. [1] J. Zhang, L. Jiang, Y. Zong, W. Zheng, L. Zhao, "Cross-Corpus Speech Emotion Recognition
       Using Joint Distribution Adaptive Regression", ICASSP 2021, pages 3790-3794.
    """

    def __init__(
        self,
        *,
        mmd: float = 1.0,
        conditional: float = 1.0,
        l21: float = 0.02,
        ridge: float = 0.01,
        max_rounds: int = 10,
        class_weight: ClassWeight = "balanced",
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.mmd = mmd
        self.conditional = conditional
        self.l21 = l21
        self.ridge = ridge
        self.max_rounds = max_rounds
        self.class_weight = class_weight
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs


class TRaSL(_AlignedRegression):
    r"""Regress labels with sparse entries and features, like means and a graph (TRaSL-type).

    Parameters
    ----------
    laplacian : float, default=0.0
        Weight of the smoothness of the scores on the cosine neighbour graph of all samples, >= 0.
    n_neighbors : int, default=5
        Neighbours of a sample in that graph.
    l1 : float, default=0.01
        Weight of the sum of absolute coefficients, between 0 and 1: a fraction of the weight that
        alone would make every coefficient zero.
    l21 : float, default=0.01
        As in `DoSL`.
    mmd, ridge, class_weight, kkt_tol, n_jobs
        As in `DoSL`.

    Attributes
    ----------
    coef_, intercept_, classes_, support_, objective_, kkt_violation_, duality_gap_, converged_
        As of `DoSL`.
    history_, n_iter_, pseudo_labels_, n_features_in_, feature_names_in_
        As of `DoSL`.

    Notes
    -----
    .. math:: \min_W \tfrac12 \sum_{i\in s} w_i \|y_i - W x_i\|^2
       + \tfrac{\mu}{2}\|W(\bar x_s - \bar x_t)\|^2
       + \tfrac{\gamma}{2n}\operatorname{tr}(W X^\top L X W^\top)
       + \lambda_1\|W\|_1 + \lambda_2\sum_r\|w_r\|_2 + \tfrac{\rho}{2}\|W\|_F^2

    with L the normalised Laplacian of the neighbours in both domains. The equations of [1]_, and
    of its forerunner with :math:`\ell_1` and :math:`\ell_{2,1}` terms [2]_, could not be read:
    this is our formulation of their descriptions, a projection from features to labels under
    which the domains are alike.

    References
    ----------
    .. [1] "Transfer Subspace Learning for Unsupervised Cross-Corpus Speech Emotion Recognition",
       IEEE Access 9, 2021. https://doi.org/10.1109/ACCESS.2021.3094355
    .. [2] "Target-Adapted Subspace Learning for Cross-Corpus Speech Emotion Recognition", IEICE
       Transactions on Information and Systems E102-D(12), 2019.
    """

    def __init__(
        self,
        *,
        mmd: float = 10.0,
        laplacian: float = 0.0,
        n_neighbors: int = 5,
        l1: float = 0.01,
        l21: float = 0.01,
        ridge: float = 0.01,
        class_weight: ClassWeight = "balanced",
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.mmd = mmd
        self.laplacian = laplacian
        self.n_neighbors = n_neighbors
        self.l1 = l1
        self.l21 = l21
        self.ridge = ridge
        self.class_weight = class_weight
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs


class AKTLR(_AlignedRegression):
    r"""Regress labels on few groups of features and few entries inside them (AKTLR-type).

    Parameters
    ----------
    conditional : float, default=0.0
        Weight of the squared distances between the regressed means of every class, >= 0, with
        pseudo-labels for the target. Off by default.
    l1 : float, default=0.01
        Weight of the sum of absolute coefficients, between 0 and 1: a fraction of the weight that
        alone would make every coefficient zero.
    group : float, default=0.02
        Weight of the sum over groups of features of the norm of their coefficients, between 0 and
        1: a fraction of the weight that alone would make every coefficient zero. A group counts
        with the root of its number of features.
    groups : array_like of shape (n_features,), optional
        A label of the group of every feature, say its acoustic descriptor; by default every
        feature is a group of its own.
    max_rounds : int, default=10
        Most rounds of pseudo-labels; without `conditional` there are none.
    mmd, ridge, class_weight, kkt_tol, n_jobs
        As in `DoSL`.

    Attributes
    ----------
    coef_, intercept_, classes_, support_, objective_, kkt_violation_, duality_gap_, converged_
        As of `DoSL`.
    history_, n_iter_, pseudo_labels_, n_features_in_, feature_names_in_
        As of `DoSL`.

    Notes
    -----
    .. math:: \min_W \tfrac12 \sum_{i\in s} w_i \|y_i - W x_i\|^2
       + \tfrac{\mu}{2}\|W(\bar x_s - \bar x_t)\|^2
       + \tfrac{\nu}{2}\sum_c\|W(\bar x_{s,c} - \bar x_{t,c})\|^2
       + \lambda_1\|W\|_1 + \lambda_3\sum_g\sqrt{p_g}\,\|W_g\|_F + \tfrac{\rho}{2}\|W\|_F^2.

    Groups are those of acoustic parameters, as the functionals of one descriptor. The text of
    [1]_ that could be read names the two scales of sparsity, groups and the elements inside them,
    not the equation: this is our formulation.

    References
    ----------
    .. [1] Y. Zhao, Y. Zong, H. Lian, C. Lu, J. Shi, W. Zheng, "Towards Domain-Specific Cross-Corpus
       Speech Emotion Recognition Approach", 2023. https://arxiv.org/abs/2312.06466

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import AKTLR, pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 20)
    >>> source = rng.normal(size=(40, 6)) + 3 * labels[:, None] * [1, 1, 0, 0, 0, 0]
    >>> X, y, sample_domain = pack(source, labels, source)
    >>> model = AKTLR(mmd=0.0, group=0.5, groups=["f0", "f0", "mfcc", "mfcc", "hnr", "hnr"])
    >>> model.fit(X, y, sample_domain=sample_domain).support_
    array([ True,  True, False, False, False, False])
    """

    def __init__(
        self,
        *,
        mmd: float = 10.0,
        conditional: float = 0.0,
        l1: float = 0.01,
        group: float = 0.02,
        groups: ArrayLike | None = None,
        ridge: float = 0.01,
        max_rounds: int = 10,
        class_weight: ClassWeight = "balanced",
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.mmd = mmd
        self.conditional = conditional
        self.l1 = l1
        self.group = group
        self.groups = groups
        self.ridge = ridge
        self.max_rounds = max_rounds
        self.class_weight = class_weight
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs
