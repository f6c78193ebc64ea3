"""Non-negative matrix factorisation of two domains with like codes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, check_non_negative

from sparsetransfer import _core
from sparsetransfer._validation import FloatArray, check_real, check_rows
from sparsetransfer.transfer.estimator.base import DomainCoder
from sparsetransfer.transfer.estimator.coder import TransferSparseCoding
from sparsetransfer.transfer.estimator.options import (
    NeighbourGraph,
    Optimisation,
    Regularisation,
)
from sparsetransfer.transfer.estimator.preparation import atom_count

__all__ = ["TransferNMF"]


class TransferNMF(DomainCoder):
    r"""Factorise non-negative samples of two domains so that their mean codes are alike.

    Parameters
    ----------
    n_components : int, optional
        Number of parts, at most the number of samples; by default 32, or as many as there are
        samples.
    alpha : float, default=0.01
        Weight of the sum of the codes, > 0, in units of the root mean square length of the
        samples.
    mmd : float, default=10.0
        Scale-free weight :math:`\hat\mu` of the squared distance of the domains' mean codes, >= 0.
    laplacian : float, default=0.0
        Weight of the smoothness of the codes on the cosine neighbour graph of all samples, >= 0.
    n_neighbors : int, default=5
        Neighbours of a sample in that graph.
    max_iter : int, default=1000
        Most alternations of codes and parts.
    tol : float, default=1e-5
        Relative decrease of the objective per alternation, averaged over the last ten, at which to
        stop.
    random_state : int, RandomState or Generator, optional
        Chooses the samples the parts start from.
    n_jobs : int, optional
        Threads, as in `sparsetransfer.get_num_threads`; -1 means all. No effect on the result.

    Attributes
    ----------
    components_ : numpy.ndarray of shape (n_components, n_features)
        Parts: non-negative, in the unit ball.
    codes_ : numpy.ndarray of shape (n_samples, n_components)
        Codes of the fitted samples: non-negative, zeros exact.
    objective_ : float
        The objective at the end.
    history_ : numpy.ndarray
        The objective after every alternation; it never rises.
    n_iter_ : int
        Alternations made.
    kkt_violation_, duality_gap_ : float
        Of the codes for the returned parts.
    converged_ : bool
        Whether the objective settled and the codes met a violation of 1e-3 `alpha`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

    See Also
    --------
    TransferSparseCoding : The same without signs fixed, and with more options.

    Notes
    -----
    With samples as columns and the Laplacian L of the neighbour graph,

    .. math:: \min_{D,S\ge0} \tfrac12\|X - DS\|_F^2 + \alpha\|S\|_1
       + \tfrac\mu2\|\bar s_s - \bar s_t\|^2 + \tfrac\gamma2 \operatorname{tr}(S L S^\top),
       \qquad \|d_j\| \le 1.

    The presentation [1]_ describes factorisation with the maximum mean discrepancy between the
    coefficients of two corpora; its equations could not be read and this formulation is ours. The
    multiplicative updates usual for it creep near the optimum and never reach zeros; here codes
    are solved to a certificate and parts by block coordinates.

    References
    ----------
    .. [1] P. Song, S. Ou, W. Zheng, Y. Jin, L. Zhao, "Speech Emotion Recognition Using Transfer
       Non-Negative Matrix Factorization", ICASSP 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import TransferNMF
    >>> X = np.abs(np.random.default_rng(0).normal(size=(40, 6)))
    >>> model = TransferNMF(4, random_state=0)
    >>> codes = model.fit_transform(X, sample_domain=np.repeat([1, -1], 20))
    >>> codes.shape, bool(codes.min() >= 0), bool(model.components_.min() >= 0)
    ((40, 4), True, True)
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 0.01,
        mmd: float = 10.0,
        laplacian: float = 0.0,
        n_neighbors: int = 5,
        max_iter: int = 1000,
        tol: float = 1e-5,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.mmd = mmd
        self.laplacian = laplacian
        self.n_neighbors = n_neighbors
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Learn parts and codes.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Non-negative samples of both domains.
        y : array_like of shape (n_samples,), optional
            Only which labels are masked (-1, NaN, None) is looked at, and only without
            `sample_domain`.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target.

        Returns
        -------
        TransferNMF
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, or `X` is not finite or has negative entries.
        DomainError
            If `sample_domain` lacks source or target.

        Warns
        -----
        DomainWarning
            If there is one domain only and `mmd` > 0.
        ConvergenceWarning
            If the objective did not settle to `tol` within `max_iter` alternations, or the final
            codes do not reach their tolerance.
        """
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32])
        check_non_negative(rows, "TransferNMF (input X)")
        check_real(self.laplacian, "laplacian", minimum=0)
        alpha = check_real(self.alpha, "alpha", minimum=0, strict=True)
        with np.errstate(over="ignore"):
            length = float(np.sqrt(np.mean(np.square(rows, dtype=np.float64).sum(axis=1))))
        if not np.isfinite(length):
            raise _core.NumericalError("the squares of X overflow: divide X by its largest norm")
        self._coder = TransferSparseCoding(
            atom_count(self.n_components, len(rows), most=32),
            alpha=alpha * (length if length > 0 else 1.0),
            mmd=self.mmd,
            graph=NeighbourGraph(self.laplacian, self.n_neighbors),
            regularisation=Regularisation(positive_code=True, positive_dict=True),
            # alpha is small against the samples: this is still 1e-5 of their length.
            optimisation=Optimisation(kkt_tol=1e-3),
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        self._coder.fit(rows, y, sample_domain=sample_domain)
        for name in (
            "components_",
            "codes_",
            "objective_",
            "history_",
            "n_iter_",
            "kkt_violation_",
            "duality_gap_",
            "converged_",
        ):
            setattr(self, name, getattr(self._coder, name))
        self._n_features_out = len(self.components_)
        return self

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Encode samples with parts and mean codes held fixed.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Non-negative samples of either domain.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target. By default all samples are target.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            Codes.
        """
        check_is_fitted(self, "components_")
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        check_non_negative(rows, "TransferNMF (input X)")
        return self._coder.transform(rows, sample_domain=sample_domain)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that samples must not be negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
