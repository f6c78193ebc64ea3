"""A sparse discriminant subspace in which neighbours across domains stay near: TSDSL."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import encode_source_labels, new_domains, require_labels, source_mask
from sparsetransfer._linalg import gram_matrix, inner, matmul
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_real,
    check_rows,
    resolve_threads,
)
from sparsetransfer.graph import laplacian, nearest_neighbours
from sparsetransfer.subspace.transformer import DomainTransformer
from sparsetransfer.transfer.problem import resolve_kkt_tol
from sparsetransfer.transfer.regression.base import relative_penalty
from sparsetransfer.transfer.regression.solver import (
    QuadraticProblem,
    refuse_underflow,
    warn_unconverged,
)

__all__ = ["TSDSL"]


class TSDSL(DomainTransformer):
    r"""Project on few features so that classes part and neighbours of the domains stay together.

    Parameters
    ----------
    graph : float, default=1.0
        Weight of the distances between neighbours across the domains, >= 0. It is relative to
        the mean squared residual of the source.
    n_neighbors : int, default=5
        Neighbours of every sample in the other domain; fewer where that has fewer samples.
    l21, ridge, kkt_tol, n_jobs
        As in `DoSL`.

    Attributes
    ----------
    projection_ : numpy.ndarray of shape (n_classes, n_features)
        What centred samples are projected on; zeros are exact.
    mean_ : numpy.ndarray of shape (n_features,)
        Mean of the source.
    objective_, kkt_violation_, duality_gap_ : float
        Of the projection.
    history_ : numpy.ndarray
        The objective while it was solved; it never rises.
    n_iter_ : int
        Iterations of the solver.
    classes_, support_, converged_, n_features_in_, feature_names_in_
        As of `DoSL`.

    Notes
    -----
    .. math:: \min_P \tfrac{1}{2n_s}\|X_s P^\top - T\|_F^2
       + \tfrac{\beta}{2n}\operatorname{tr}(P X^\top L X P^\top) + \lambda\sum_r\|p_r\|_2
       + \tfrac{\rho}{2}\|P\|_F^2

    with targets :math:`T_{ic} = \sqrt{n_s/n_c} - \sqrt{n_c/n_s}` for the class of sample i and
    :math:`-\sqrt{n_c/n_s}` otherwise, for which least squares is linear discriminant analysis
    [2]_, and L the normalised Laplacian of the graph that joins samples with their nearest
    neighbours in the other domain. The equations of [1]_ could not be read; it combines
    discriminant learning, a row-sparse projection and a nearest-neighbour graph between corpora,
    and this convex form of the three is ours. It needs no orthogonality constraint, has exact
    zeros and a certificate.

    References
    ----------
    .. [1] W. Zhang, P. Song, "Transfer Sparse Discriminant Subspace Learning for Cross-Corpus
       Speech Emotion Recognition", IEEE/ACM Transactions on Audio, Speech, and Language
       Processing 28, 2020. https://doi.org/10.1109/TASLP.2019.2955252
    .. [2] J. Ye, "Least Squares Linear Discriminant Analysis", ICML 2007 (eq. 12).
       https://doi.org/10.1145/1273496.1273633

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import TSDSL, pack
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1, 2], 20)
    >>> source = rng.normal(size=(60, 6))
    >>> source[np.arange(60), labels] += 4
    >>> X, y, sample_domain = pack(source, labels, source + 0.1)
    >>> model = TSDSL(l21=0.3).fit(X, y, sample_domain=sample_domain)
    >>> model.transform(X).shape, model.support_.nonzero()[0]
    ((120, 3), array([0, 1, 2]))
    """

    def __init__(
        self,
        *,
        graph: float = 1.0,
        n_neighbors: int = 5,
        l21: float = 0.02,
        ridge: float = 0.01,
        kkt_tol: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.graph = graph
        self.n_neighbors = n_neighbors
        self.l21 = l21
        self.ridge = ridge
        self.kkt_tol = kkt_tol
        self.n_jobs = n_jobs

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Find the projection.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of both domains.
        y : array_like of shape (n_samples,)
            Labels of the source; those of the target are not read. Without `sample_domain`,
            masked labels (-1, NaN, None) stand for the target.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target.

        Returns
        -------
        TSDSL
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, `X` is not finite or `y` is missing.
        DomainError
            If `sample_domain` lacks source or target, or a source sample has no label.

        Warns
        -----
        DomainWarning
            If there is one domain only; this is sparse discriminant analysis then.
        ConvergenceWarning
            If the projection does not reach `kkt_tol`.
        """
        given: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32])
        threads = resolve_threads(self.n_jobs)
        labels = require_labels(y, len(given), "TSDSL")
        domains = self._fit_domains(labels, sample_domain, len(given))
        source = source_mask(domains, len(given))
        self.classes_, codes = encode_source_labels(labels, source)
        rows = given.astype(np.float64)
        mean = rows[source].mean(axis=0)
        rows -= mean
        refuse_underflow(rows)
        problem = self._problem(rows, source, codes, threads)
        penalty = relative_penalty(
            problem.linear, l21=check_real(self.l21, "l21", minimum=0, maximum=1)
        )
        tolerance = resolve_kkt_tol(self.kkt_tol, given.dtype)
        found = problem.solve(penalty, kkt_tol=tolerance, threads=threads)
        found = problem.rounded(found, penalty, given.dtype, kkt_tol=tolerance, threads=threads)
        self.projection_ = found.coef
        self.mean_ = mean.astype(given.dtype)
        self.support_ = np.any(found.coef != 0, axis=0)
        self.objective_ = found.objective
        self.history_ = found.history
        self.kkt_violation_ = found.kkt_violation
        self.duality_gap_ = found.duality_gap
        self.n_iter_ = max(1, found.n_iter)
        self.converged_ = found.converged
        self._n_features_out = len(self.classes_)
        if not found.converged:
            warn_unconverged(found, stacklevel=3)
        return self

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Project samples; both domains share the projection.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.
        sample_domain : array_like of shape (n_samples,), int, optional
            Checked, without effect on the result.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_classes)
            The projected samples.
        """
        check_is_fitted(self, "projection_")
        rows: FloatArray = check_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        new_domains(sample_domain, len(rows))
        return np.asarray(matmul(rows - self.mean_, self.projection_.T), dtype=rows.dtype)

    def _problem(
        self,
        rows: NDArray[np.float64],
        source: NDArray[np.bool_],
        codes: NDArray[np.int64],
        threads: int,
    ) -> QuadraticProblem:
        labelled = rows[source]
        n_source = len(labelled)
        sizes = np.bincount(codes)
        targets = np.eye(len(sizes))[codes] * np.sqrt(n_source / sizes) - np.sqrt(sizes / n_source)
        quadratic = gram_matrix(labelled.T) / n_source
        ridge = check_real(self.ridge, "ridge", minimum=0) * float(np.trace(quadratic))
        quadratic[np.diag_indices_from(quadratic)] += ridge
        n_neighbors = check_integer(self.n_neighbors, "n_neighbors", minimum=1)
        if check_real(self.graph, "graph", minimum=0) > 0 and not source.all():
            joined = laplacian(_graph_across(rows, source, n_neighbors, threads), normalized=True)
            quadratic += self.graph / len(rows) * np.asarray(matmul(rows.T, joined @ rows))
        return QuadraticProblem(
            quadratic, matmul(targets.T, labelled) / n_source, inner(targets, targets) / n_source
        )

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that labels are required."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _graph_across(
    rows: NDArray[np.float64], source: NDArray[np.bool_], n_neighbors: int, threads: int
) -> sparse.csr_array:
    """Join every sample with its nearest neighbours in the other domain, weight 1."""
    first, second = np.flatnonzero(source), np.flatnonzero(~source)
    links = []
    for here, there in ((first, second), (second, first)):
        count = min(n_neighbors, len(there))
        near, _ = nearest_neighbours(rows[there], count, query=rows[here], n_jobs=threads)
        links.append((np.repeat(here, count), there[near.ravel()]))
    starts, ends = (np.concatenate(parts) for parts in zip(*links, strict=True))
    graph = sparse.coo_array((np.ones(len(starts)), (starts, ends)), shape=(len(rows),) * 2)
    graph = graph.tocsr()
    graph.data[:] = 1.0
    return graph.maximum(graph.T).tocsr()
