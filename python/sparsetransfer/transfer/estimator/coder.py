"""Transfer sparse coding as a scikit-learn estimator."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsetransfer._domains import new_domains, resolve_domains
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_matrix,
    check_real,
    resolve_threads,
)
from sparsetransfer.distributed import Chunks, Engine
from sparsetransfer.graph.functional import Weights
from sparsetransfer.transfer.couplings import Contrast, MeanCoupling
from sparsetransfer.transfer.estimator.chunked import learn_chunks
from sparsetransfer.transfer.estimator.minibatch import TransferStream, takes_batches
from sparsetransfer.transfer.estimator.preparation import (
    ONE_DOMAIN,
    ClassCoupling,
    atom_count,
    first_dictionary,
    source_labels,
)
from sparsetransfer.transfer.inductive import GraphExtension, MeanPull, encode_shifted
from sparsetransfer.transfer.learn import DictionaryUpdate, alternate, warn_unsettled
from sparsetransfer.transfer.problem import Solver, warn_unconverged
from sparsetransfer.transfer.result import TransferDictionary, TransferProgress

__all__ = ["TransferSparseCoding"]


class TransferSparseCoding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
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
    contrast : {"pooled", "pairs", "all"}, default="pooled"
        With several sources or targets: draw together the mean codes of all source and all target
        samples, of every source and every target, or of every domain and every other.
    conditional : float, default=0.0
        Weight of the class-conditional terms relative to the marginal one, >= 0; 1 is joint
        distribution adaptation. It needs source labels in `y` and pseudo-labels of the target,
        which can help or harm much: see the notes.
    class_weight : {None, "prior"}, default=None
        Weight of a class in them: equal, or its share of the source samples.
    n_rounds : int, default=0
        How often to estimate pseudo-labels from the codes and to learn on.
    classifier : classifier, optional
        What estimates them, fitted on the source's codes; the nearest neighbour by default.
    soft_labels : bool, default=False
        Whether it gives probabilities (`predict_proba`) rather than classes.
    laplacian : float, default=0.0
        Weight :math:`\gamma` of the graph term, >= 0.
    n_neighbors : int, default=5
        Neighbours of a sample in the graph.
    graph_weights : {"cosine", "binary", "heat"}, default="cosine"
        Weights of the graph's edges.
    normalized_laplacian : bool, default=False
        Whether the graph Laplacian is scaled by the degrees on both sides.
    l2 : float, default=0.0
        Weight of half the squared norm of the codes, >= 0.
    positive_code : bool, default=False
        Whether codes are non-negative.
    positive_dict : bool, default=False
        Whether atoms are non-negative.
    label : float, default=0.0
        Weight of the supervised term by which the source's labels in `y` shape atoms and codes,
        >= 0, as in `transfer_learn`.
    label_l2 : float, default=1.0
        Weight of half the squared norm of its map, > 0.
    solver : {"auto", "fista", "newton", "admm", "gauss-seidel"}, default="auto"
        How the codes are solved for, as in `transfer_encode`; "gauss-seidel" is the published
        alternation.
    dictionary_update : {"block_coordinate", "lagrange_dual"}, default="block_coordinate"
        How the atoms move, as in `transfer_learn`.
    dict_init : array_like of shape (n_components, n_features), optional
        The atoms to start from. By default distinct samples, scaled to unit length.
    max_iter : int, default=1000
        Most iterations of codes and dictionary.
    tol : float, default=1e-5
        Relative decrease of the objective per iteration, averaged over the last ten, at which to
        stop.
    kkt_tol : float, optional
        KKT violation of the final codes relative to `alpha`: 1e-6 by default for float64, 1e-3
        for float32.
    callback : callable, optional
        Called with a `TransferProgress` after every iteration; a true return value stops.
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
        Whether the objective settled and the codes met `kkt_tol`.
    mean_difference_ : numpy.ndarray of shape (n_components,)
        Mean source code minus mean target code; zeros with one domain.
    pseudo_labels_ : numpy.ndarray of shape (n_target,), or None
        The most likely classes the class-conditional terms used.
    label_classes_ : numpy.ndarray of shape (n_classes,), or None
        The classes of the supervised term.
    label_map_ : numpy.ndarray of shape (n_classes, n_components), or None
        Its map from codes to classes.
    n_features_in_ : int
        Number of features of the fitted samples.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

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
    squared distance between the mean source and the mean target code, and L the graph Laplacian
    of the nearest neighbours. For fixed atoms the codes are solved to their true optimum, which
    `kkt_violation_` and `duality_gap_` certify. The letter [2]_ does not print its equation where
    it could be read; this is the formulation of [1]_, whose MMD term it describes in words.

    With `conditional` > 0 the M of this objective is :math:`M_0 + w \sum_c \omega_c M_c` [3]_. Every
    estimate of the pseudo-labels changes it; `history_` is that of the last. Wrong pseudo-labels
    draw wrong samples together: on speech corpora they have gained 29 points of recall for some
    targets and lost 32 for others, and nothing in the objective tells which.

    `fit_transform` returns the codes of the fitted samples. `transform` codes samples one by one
    with the dictionary, the mean codes and the fitted codes of the graph's neighbours held fixed; a sample that was fitted gets the code it had (if that was its only optimal one: `l2` > 0
    or a graph make sure of it; and without class-conditional terms, whose pull on a new sample is
    the mean pull on its domain, and without the supervised term, since
    new samples have no labels).

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

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012
    __metadata_request__partial_fit = {"sample_domain": True}  # noqa: RUF012
    __metadata_request__transform = {"sample_domain": True}  # noqa: RUF012

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 0.02,
        mmd: float = 60.0,
        contrast: Contrast = "pooled",
        conditional: float = 0.0,
        class_weight: str | None = None,
        n_rounds: int = 0,
        classifier: ClassifierMixin | None = None,
        soft_labels: bool = False,
        laplacian: float = 0.0,
        n_neighbors: int = 5,
        graph_weights: Weights = "cosine",
        normalized_laplacian: bool = False,
        l2: float = 0.0,
        positive_code: bool = False,
        positive_dict: bool = False,
        label: float = 0.0,
        label_l2: float = 1.0,
        solver: Solver = "auto",
        dictionary_update: DictionaryUpdate = "block_coordinate",
        dict_init: ArrayLike | None = None,
        max_iter: int = 1000,
        tol: float = 1e-5,
        kkt_tol: float | None = None,
        callback: Callable[[TransferProgress], bool | None] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.mmd = mmd
        self.contrast = contrast
        self.conditional = conditional
        self.class_weight = class_weight
        self.n_rounds = n_rounds
        self.classifier = classifier
        self.soft_labels = soft_labels
        self.laplacian = laplacian
        self.n_neighbors = n_neighbors
        self.graph_weights = graph_weights
        self.normalized_laplacian = normalized_laplacian
        self.l2 = l2
        self.positive_code = positive_code
        self.positive_dict = positive_dict
        self.label = label
        self.label_l2 = label_l2
        self.solver = solver
        self.dictionary_update = dictionary_update
        self.dict_init = dict_init
        self.max_iter = max_iter
        self.tol = tol
        self.kkt_tol = kkt_tol
        self.callback = callback
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
            Samples of source and target. float32 is kept, all else becomes float64. Chunks are read
            one by one, know their domains, and leave no `codes_`; see the notes.
        y : array_like of shape (n_samples,), optional
            Class labels. Those of the source are read if `conditional` > 0, those of the target
            never. Without `sample_domain` the samples of masked label (-1, NaN, None) are the
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
        On chunks the same problem is solved by `sparsetransfer.distributed.learn`, whose path to
        its optimum is another: exact codes in every alternation, and no extrapolation. Every chunk
        has a graph of its own, without edges to other chunks, which `transform` does not extend to
        new samples; class-conditional terms take the classes and pseudo-labels that the chunks
        bring (`Chunks.with_labels`). What needs all samples at once (estimated pseudo-labels, the
        supervised term) is refused.
        """
        if isinstance(X, Chunks):
            if pseudo_labels is not None:
                raise ValueError(
                    "chunks bring their own pseudo-labels (Chunks.with_labels); give no "
                    "pseudo_labels"
                )
            return self._fit_chunks(X, y, sample_domain, engine)
        if engine is not None:
            raise ValueError("engine codes chunks; give X as sparsetransfer.distributed.Chunks")
        signals: FloatArray = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        threads = resolve_threads(self.n_jobs, "n_jobs")
        self.__dict__.pop("_stream", None)
        n_components = atom_count(self.n_components, len(signals), self.dict_init)
        check_real(self.laplacian, "laplacian", minimum=0)
        mmd = check_real(self.mmd, "mmd", minimum=0)
        domains = resolve_domains(
            y, sample_domain, len(signals), alone=ONE_DOMAIN if mmd > 0 else ""
        )
        self._graph = None
        if self.laplacian > 0:
            self._graph = GraphExtension(
                signals.copy(),
                self.n_neighbors,
                self.graph_weights,
                self.normalized_laplacian,
                threads,
            )
        classes, probabilities = self._class_coupling(domains, y, pseudo_labels)
        coupling = None if classes is None else classes.coupling(probabilities)
        start = first_dictionary(signals, n_components, self.dict_init, self.random_state)
        labels = source_labels(y, domains)
        learned = self._learn(signals, start, coupling, None, labels, threads)
        for _ in range(self.n_rounds):
            if classes is None or classes.conditional == 0:
                break
            before, probabilities = probabilities, classes.estimate(learned.codes.codes)
            if before is not None and np.array_equal(before, probabilities):
                break
            coupling = classes.coupling(probabilities)
            learned = self._learn(
                signals, learned.components, coupling, learned.codes.codes, labels, threads
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
        self.pseudo_labels_ = (
            None if classes is None or probabilities is None else classes.most_likely(probabilities)
        )
        self.label_classes_ = learned.classes
        self.label_map_ = learned.label_map
        self._pull = MeanPull(domains, coupling, mmd, self.codes_)
        self._n_features_out = len(self.components_)
        return self

    def _fit_chunks(
        self,
        chunks: Chunks,
        y: ArrayLike | None,
        sample_domain: ArrayLike | None,
        engine: Engine | None,
    ) -> Self:
        if y is not None or sample_domain is not None:
            raise ValueError("chunks know their domains; give neither y nor sample_domain")
        learned, pulls = learn_chunks(self, chunks, engine)
        for name in ("_stream", "codes_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        self.components_ = learned.components
        self.objective_ = learned.objective
        self.history_ = learned.history
        self.n_iter_ = learned.n_iter
        self.kkt_violation_ = learned.kkt_violation
        self.duality_gap_ = learned.duality_gap
        self.converged_ = learned.converged
        self.mean_difference_ = learned.offset
        self.pseudo_labels_ = self.label_classes_ = self.label_map_ = None
        self._graph = None
        self._pull = MeanPull.of_sides(pulls, self.components_.dtype)
        self._n_features_out = len(self.components_)
        self.n_features_in_ = chunks.n_features
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
            Itself; `codes_` are those of this batch, and `transform` codes under the running means.

        Raises
        ------
        AttributeError
            If a parameter asks for a graph, class-conditional terms, several domains or labels,
            which need all samples at once, for another solver or update of the atoms, or for a
            callback: the method is not there then.
        ValueError
            If a parameter is out of range or `X` is not finite.

        Notes
        -----
        The MMD term is that of all samples seen, with the codes of earlier batches fixed, so that
        a batch is solved and certified like a whole set. Earlier batches fade as the atoms move
        on, and memory does not depend on their number. `fit` begins anew.
        """
        first = not hasattr(self, "_stream")
        signals: FloatArray = validate_data(
            self, X, dtype=[np.float64, np.float32], order="C", reset=first
        )
        mmd = check_real(self.mmd, "mmd", minimum=0)
        domains = None if sample_domain is None else new_domains(sample_domain, len(signals))
        if first:
            n_components = atom_count(self.n_components, len(signals), self.dict_init)
            self._stream = TransferStream(
                first_dictionary(signals, n_components, self.dict_init, self.random_state)
            )
        dtype = self._stream.components.dtype
        found = self._stream.step(
            signals.astype(dtype, copy=False),
            domains,
            alpha=check_real(self.alpha, "alpha", minimum=0, strict=True),
            mmd=mmd,
            l2=check_real(self.l2, "l2", minimum=0),
            positive=self.positive_code,
            positive_dict=self.positive_dict,
            kkt_tol=self.kkt_tol,
            threads=resolve_threads(self.n_jobs, "n_jobs"),
        )
        self.codes_ = found.codes
        self.kkt_violation_ = found.kkt_violation
        self.components_ = self._stream.components
        self.mean_difference_ = self._stream.mean_difference().astype(dtype)
        self._graph = None
        self._pull = MeanPull.of_sides(self._stream.pulls(mmd), dtype)
        self._n_features_out = len(self.components_)
        return self

    def _class_coupling(
        self, domains: NDArray[np.int64] | None, y: ArrayLike | None, given: ArrayLike | None
    ) -> tuple[ClassCoupling | None, NDArray[np.float64] | None]:
        conditional = check_real(self.conditional, "conditional", minimum=0)
        rounds = check_integer(self.n_rounds, "n_rounds", minimum=0)
        if conditional > 0 and given is None and rounds == 0:
            raise ValueError(
                f"conditional={conditional} needs pseudo_labels of the target, or n_rounds > 0 to "
                "estimate them"
            )
        if domains is None:
            return None, None
        classes = ClassCoupling(
            domains,
            y,
            conditional=conditional,
            contrast=self.contrast,
            class_weight=self.class_weight,
            classifier=self.classifier,
            soft_labels=self.soft_labels,
        )
        if conditional == 0 or given is None:
            return classes, None
        return classes, classes.check_pseudo_labels(given)

    def _learn(
        self,
        signals: FloatArray,
        dictionary: FloatArray,
        coupling: MeanCoupling | None,
        codes: FloatArray | None,
        labels: NDArray[Any] | None,
        threads: int,
    ) -> TransferDictionary:
        return alternate(
            signals,
            dictionary,
            coupling=coupling,
            alpha=self.alpha,
            mmd=self.mmd,
            laplacian=self.laplacian,
            graph=None if self._graph is None else self._graph.laplacian,
            l2=self.l2,
            positive=self.positive_code,
            positive_dict=self.positive_dict,
            label=self.label,
            label_l2=self.label_l2,
            y=labels,
            solver=self.solver,
            dictionary_update=self.dictionary_update,
            code_init=codes,
            max_iter=self.max_iter,
            tol=self.tol,
            kkt_tol=self.kkt_tol,
            callback=self.callback,
            n_threads=threads,
        )

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
        given: FloatArray = validate_data(
            self, X, dtype=[np.float64, np.float32], order="C", reset=False
        )
        signals = given.astype(self.components_.dtype, copy=False)
        threads = resolve_threads(self.n_jobs, "n_jobs")
        linear = self._pull.of(sample_domain, len(signals))
        ridge = None
        if self._graph is not None:
            links, diagonal = self._graph.rows(signals, threads)
            linear = linear + self.laplacian * (links @ self.codes_)
            ridge = self.laplacian * diagonal
        found = encode_shifted(
            signals,
            self.components_,
            linear,
            ridge,
            alpha=self.alpha,
            l2=self.l2,
            positive=self.positive_code,
            kkt_tol=self.kkt_tol,
            threads=threads,
        )
        if not found.converged:
            warn_unconverged(found, self.alpha)
        return found.codes

    def inverse_transform(self, codes: ArrayLike) -> FloatArray:
        """Return the signals that codes stand for, ``codes @ components_``.

        Parameters
        ----------
        codes : array_like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
            Signals.
        """
        check_is_fitted(self, "components_")
        checked = check_matrix(codes, "codes", n_features=len(self.components_))
        return np.asarray(matmul(checked, self.components_))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that precision is preserved."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
