"""Transfer sparse coding as a scikit-learn estimator."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import resolve_domains
from sparsetransfer._validation import FloatArray, check_real, resolve_threads
from sparsetransfer.distributed import Chunks
from sparsetransfer.distributed.engine import Engine
from sparsetransfer.transfer.estimator.base import DomainCoder
from sparsetransfer.transfer.estimator.chunked import fit_chunks
from sparsetransfer.transfer.estimator.minibatch import fit_batch, takes_batches
from sparsetransfer.transfer.estimator.options import (
    DomainMatching,
    GroupedParameters,
    LabelTerm,
    NeighbourGraph,
    Optimisation,
    Regularisation,
    accept_former,
)
from sparsetransfer.transfer.estimator.preparation import ONE_DOMAIN
from sparsetransfer.transfer.estimator.rounds import learn_rounds
from sparsetransfer.transfer.inductive import GraphExtension, LinearTerm, encode_shifted
from sparsetransfer.transfer.learn import warn_unsettled
from sparsetransfer.transfer.problem import warn_unconverged

__all__ = ["TransferSparseCoding"]


class TransferSparseCoding(GroupedParameters, DomainCoder):
    r"""Learn one dictionary for source and target, with codes of like distribution.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms, at most the number of samples; by default 128, or as many as there are
        samples or rows of `dict_init`.
    alpha : float, default=0.02
        Weight of the l1 norm of the codes, > 0; for samples of unit length.
    mmd : float, default=60.0
        Scale-free weight :math:`\hat\mu` of the squared distance of the domains' mean codes,
        >= 0. Published weights correspond to :math:`\hat\mu = \mu (1/n_s + 1/n_t)`.
    matching : DomainMatching, optional
        Which mean codes are compared, and class-conditional terms; by default those of all source
        and all target samples.
    graph : NeighbourGraph, optional
        The graph of nearest neighbours along which codes are smooth; none by default.
    label_term : LabelTerm, optional
        The supervised term; none by default.
    regularisation : Regularisation, optional
        A squared norm of the codes, and signs of codes and atoms; none by default.
    optimisation : Optimisation, optional
        Initial atoms, solver, update of the atoms, tolerance of the codes and callback.
    max_iter : int, default=1000
        Most iterations of codes and dictionary.
    tol : float, default=1e-5
        Relative decrease of the objective per iteration, averaged over the last ten, at which to
        stop.
    random_state : int, RandomState or Generator, optional
        Chooses the samples the dictionary starts from.
    n_jobs : int, optional
        Threads, as in `sparsetransfer.get_num_threads`; -1 means all. No effect on the result.

    Attributes
    ----------
    components_ : numpy.ndarray of shape (n_components, n_features)
        The atoms, in the unit ball.
    codes_ : numpy.ndarray of shape (n_samples, n_components)
        Codes of the fitted samples of both domains; absent after a fit to chunks.
    objective_ : float
        The objective at the end.
    history_ : numpy.ndarray of shape (n_iter,)
        The objective after every iteration; it never rises.
    n_iter_ : int
        Iterations made.
    kkt_violation_ : float
        Largest KKT violation of `codes_`; compare with `alpha`.
    duality_gap_ : float
        Upper bound of the suboptimality of `codes_` for `components_`.
    converged_ : bool
        Whether the objective settled and the codes met `optimisation.kkt_tol`.
    mean_difference_ : numpy.ndarray of shape (n_components,)
        Mean source code minus mean target code; zeros with one domain.
    pseudo_labels_ : numpy.ndarray of shape (n_target,), or None
        The most likely classes the class-conditional terms used.
    label_classes_ : numpy.ndarray of shape (n_classes,), or None
        The classes of the supervised term.
    label_map_ : numpy.ndarray of shape (n_classes, n_components), or None
        Its map from codes to classes.
    n_features_in_, feature_names_in_
        Number of features of the fitted samples, and their names if these were strings.

    See Also
    --------
    sparsetransfer.transfer.transfer_learn : The same on arrays.

    Notes
    -----
    The objective is [1]_, [2]_

    .. math:: \tfrac12\|X - DS\|_F^2 + \alpha\|S\|_1 + \tfrac{l_2}2\|S\|_F^2
       + \tfrac\mu2 \operatorname{tr}(S M S^\top) + \tfrac\gamma2 \operatorname{tr}(S L S^\top),
       \qquad \|d_j\| \le 1

    with samples as columns, M the MMD matrix of the two domains, so that the second trace is the
    squared distance between the mean source and the mean target code (in words in [2]_), and L the
    graph Laplacian of the nearest neighbours. For fixed atoms the codes are solved to their true
    optimum, which `kkt_violation_` and `duality_gap_` certify.

    With class-conditional terms the M of this objective is :math:`M_0 + w \sum_c \omega_c M_c` [3]_. Every
    estimate of the pseudo-labels changes it; `history_` is that of the last. Wrong pseudo-labels
    draw wrong samples together: on speech corpora they have gained 29 points of recall for some
    targets and lost 32 for others, and nothing in the objective tells which.

    `transform` codes samples one by one with the dictionary, the mean codes and the fitted codes of the graph's neighbours held fixed; a
    sample that was fitted gets the code it had (if that was its only optimal one: an l2 norm or a
    graph make sure of it; and without class-conditional terms, of which a new sample gets the
    mean of its domain, and without the supervised term, since new samples have no labels).

    References
    ----------
    .. [1] M. Long, G. Ding, J. Wang, J. Sun, Y. Guo, P. S. Yu, "Transfer Sparse Coding for Robust
       Image Representation", CVPR 2013. https://doi.org/10.1109/CVPR.2013.59
    .. [2] P. Song, W. Zheng, R. Liang, "Speech Emotion Recognition Based on Sparse Transfer
       Learning Method", IEICE Transactions on Information and Systems E98-D(7), 2015.
       https://doi.org/10.1587/transinf.2015EDL8028
    .. [3] M. Long, J. Wang, G. Ding, J. Sun, P. S. Yu, "Transfer Feature Learning with Joint
       Distribution Adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import TransferSparseCoding, pack
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(30, 6)), rng.normal(0.5, 1, size=(30, 6))
    >>> X, y, sample_domain = pack(source, np.repeat([0, 1], 15), target)
    >>> coder = TransferSparseCoding(8, alpha=0.1, random_state=0)
    >>> codes = coder.fit_transform(X, y, sample_domain=sample_domain)
    >>> codes.shape, bool(coder.kkt_violation_ <= 1e-6 * coder.alpha)
    ((60, 8), True)
    """

    __metadata_request__partial_fit = {"sample_domain": True}  # noqa: RUF012

    @accept_former
    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 0.02,
        mmd: float = 60.0,
        matching: DomainMatching | None = None,
        graph: NeighbourGraph | None = None,
        label_term: LabelTerm | None = None,
        regularisation: Regularisation | None = None,
        optimisation: Optimisation | None = None,
        max_iter: int = 1000,
        tol: float = 1e-5,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.mmd = mmd
        self.matching = matching
        self.graph = graph
        self.label_term = label_term
        self.regularisation = regularisation
        self.optimisation = optimisation
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike | Chunks,
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
        pseudo_labels: ArrayLike | None = None,
        engine: Engine | None = None,
    ) -> Self:
        """Learn the dictionary and the codes of all samples.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), or sparsetransfer.distributed.Chunks
            Samples of source and target. float32 is kept, all else becomes float64. Chunks know
            their domains and leave no `codes_`; see the notes.
        y : array_like of shape (n_samples,), optional
            Class labels. Those of the source are read by class-conditional and supervised terms,
            those of the target never. Without `sample_domain` the samples of masked label (-1, NaN, None) are the
            target.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target. Without it and without masked labels all
            samples form one domain and the MMD term is zero.
        pseudo_labels : array_like of shape (n_samples,) or (n_samples, n_classes), optional
            Classes of the target's samples, or probabilities with one column per sorted class of
            the source, to begin with; rows of source samples are not read.
        engine : Engine, optional
            Where chunks are coded: ``sparsetransfer.distributed.Local()``, the default, or
            ``Cluster(client)``.

        Returns
        -------
        TransferSparseCoding
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, `X` is not finite or has fewer samples than
            `n_components`.
        DomainError
            If `sample_domain` lacks source or target.

        Warns
        -----
        DomainWarning
            If there is one domain only and `mmd` > 0.
        ConvergenceWarning
            If the objective did not settle to `tol` within `max_iter` iterations, or the final
            codes do not reach `kkt_tol`.

        Notes
        -----
        On chunks `sparsetransfer.distributed.learn` solves the same problem along another path:
        exact codes in every alternation, and no extrapolation. Every chunk has a graph of its own,
        which `transform` does not extend; classes and pseudo-labels are those of the chunks
        (`Chunks.with_labels`). What needs all samples at once is refused by name.
        """
        if isinstance(X, Chunks):
            given = {"y": y, "sample_domain": sample_domain, "pseudo_labels": pseudo_labels}
            return fit_chunks(self, X, engine, given)
        if engine is not None:
            raise ValueError("engine codes chunks; give X as sparsetransfer.distributed.Chunks")
        signals = self._signals(X, reset=True)
        threads = resolve_threads(self.n_jobs)
        self.__dict__.pop("_stream", None)
        mmd = check_real(self.mmd, "mmd", minimum=0)
        domains = resolve_domains(
            y, sample_domain, len(signals), alone=ONE_DOMAIN if mmd > 0 else ""
        )
        graph = self._group("graph")
        self._graph = None
        if check_real(graph.weight, "graph.weight", minimum=0) > 0:
            self._graph = GraphExtension(
                signals.copy(), graph.n_neighbors, graph.edge_weights, graph.normalized, threads
            )
        learned, coupling, self.pseudo_labels_ = learn_rounds(
            self, signals, domains, y, pseudo_labels, self._graph, threads
        )
        warn_unsettled(learned, self.alpha, self.max_iter)
        self.components_ = learned.components
        self.codes_ = learned.codes.codes
        self.objective_ = learned.codes.objective
        self.history_ = learned.history
        self.n_iter_ = learned.n_iter
        self.kkt_violation_ = learned.codes.kkt_violation
        self.duality_gap_ = learned.codes.duality_gap
        self.converged_ = learned.converged and learned.codes.converged
        difference = learned.codes.mean_difference
        self.mean_difference_ = (
            np.zeros(len(self.components_), signals.dtype) if difference is None else difference
        )
        self.label_classes_ = learned.classes
        self.label_map_ = learned.label_map
        self._linear_term = LinearTerm(domains, coupling, mmd, self.codes_)
        self._n_features_out = len(self.components_)
        return self

    @available_if(takes_batches)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Fit on a mini-batch: encode it, update the atoms and the running means of both domains.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of either domain, or of both. The first batch has at least `n_components`,
            unless there is `dict_init`.
        y : None
            Not read.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target; without it the batch has no MMD term.

        Returns
        -------
        TransferSparseCoding
            Itself; `codes_` are those of this batch, `transform` codes under the running means.

        Raises
        ------
        AttributeError
            If a parameter asks for what needs all samples at once, for another solver or update of
            the atoms, or for a callback: the method is not there then.
        ValueError
            If a parameter is out of range or `X` is not finite.

        Notes
        -----
        The MMD term is that of all samples seen, with the codes of earlier batches fixed, so that
        a batch is solved and certified like a whole set. Earlier batches fade as the atoms move on,
        memory does not depend on their number, and `max_iter` and `tol` have no part. `fit` begins
        anew.
        """
        return fit_batch(self, X, sample_domain)

    def fit_transform(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
        pseudo_labels: ArrayLike | None = None,
    ) -> FloatArray:
        """Fit and return the codes of the fitted samples.

        Parameters
        ----------
        X, y, sample_domain, pseudo_labels
            As in `fit`.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            A copy of `codes_`.

        Raises
        ------
        TypeError
            If `X` is `Chunks`, which leave no codes.
        """
        if isinstance(X, Chunks):
            raise TypeError(
                "fit_transform returns the codes of an array, and chunks leave none, got Chunks; "
                "call fit on them, and transform on every array"
            )
        fitted = self.fit(X, y, sample_domain=sample_domain, pseudo_labels=pseudo_labels)
        return fitted.codes_.copy()

    def transform(self, X: ArrayLike, *, sample_domain: ArrayLike | None = None) -> FloatArray:
        """Encode samples with everything learned held fixed.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of either domain.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target. By default all samples are target, as in
            prediction; no effect after a fit with one domain.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_components)
            Codes. The codes of one sample do not depend on the others.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        ValueError
            If `X` is not finite or its number of features differs from the fitted one.
        """
        check_is_fitted(self, "components_")
        signals = self._signals(X, reset=False).astype(self.components_.dtype, copy=False)
        threads = resolve_threads(self.n_jobs)
        linear = self._linear_term.of(sample_domain, len(signals))
        ridge = None
        if self._graph is not None:
            weight = self._group("graph").weight
            links, diagonal = self._graph.rows(signals, threads)
            linear = linear + weight * (links @ self.codes_)
            ridge = weight * diagonal
        regularisation = self._group("regularisation")
        found = encode_shifted(
            signals,
            self.components_,
            linear,
            ridge,
            alpha=self.alpha,
            l2=regularisation.l2,
            positive_code=regularisation.positive_code,
            kkt_tol=self._group("optimisation").kkt_tol,
            threads=threads,
        )
        if not found.converged:
            warn_unconverged(found, self.alpha)
        return found.codes
