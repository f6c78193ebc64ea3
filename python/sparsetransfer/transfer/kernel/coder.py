"""Transfer sparse coding under the Gaussian MMD as a scikit-learn estimator."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import new_domains, resolve_domains
from sparsetransfer._former import warn_of_former
from sparsetransfer._validation import FloatArray, check_real, resolve_threads
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.mmd.bandwidths import Bandwidths, resolve_bandwidths
from sparsetransfer.sparse_coding import lasso
from sparsetransfer.transfer.encode import transfer_encode
from sparsetransfer.transfer.estimator.base import DomainCoder
from sparsetransfer.transfer.estimator.preparation import ONE_DOMAIN, atom_count, first_dictionary
from sparsetransfer.transfer.kernel.problem import KernelDictionary, kernel_learn
from sparsetransfer.transfer.kernel.witness import Witness
from sparsetransfer.transfer.learn import transfer_learn
from sparsetransfer.transfer.problem import describe_zero
from sparsetransfer.transfer.result import TransferDictionary

__all__ = ["KernelTransferSparseCoding"]


class KernelTransferSparseCoding(DomainCoder):
    r"""Learn one dictionary for source and target, with codes alike under Gaussian kernels.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms, at most the number of samples; by default 128, or as many as there are
        samples or rows of `dict_init`.
    alpha : float, default=0.02
        Weight of the l1 norm of the codes, > 0; for samples of unit length.
    mmd : float, default=60.0
        Scale-free weight of the squared Gaussian MMD of the codes, as in `kernel_encode`, >= 0.
    bandwidths : float, sequence of float, or {"median", "mean"}, default="median"
        The :math:`\sigma` of :math:`\exp(-\|s-t\|^2/(2\sigma^2))` between codes, > 0; several
        kernels are averaged. Words take them from the codes under the linear MMD at the start, as
        in `sparsetransfer.mmd.gaussian`, and five multiples of them; they stay fixed then.
    l2 : float, default=0.0
        Weight of half the squared norm of the codes, >= 0.
    positive_code : bool, default=False
        Whether codes are non-negative.
    dict_init : array_like of shape (n_components, n_features), optional
        The atoms to start from. By default distinct samples, scaled to unit length.
    max_iter : int, default=300
        Most alternations of codes and atoms.
    code_iter : int, default=10
        Most proximal gradient steps in each; the last codes, and those of `transform`, get 200
        times as many.
    tol : float, default=1e-3
        Stationarity violation of the codes, relative to `alpha`, at which to stop.
    objective_tol : float, default=1e-4
        Relative decrease of the objective per alternation, averaged over the last ten, at which to
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
        Codes of the fitted samples of both domains.
    objective_ : float
        The objective at the end.
    history_ : numpy.ndarray of shape (n_iter,)
        The objective after every alternation; it never rises.
    n_iter_ : int
        Alternations made.
    kkt_violation_ : float
        Distance of 0 from the subdifferential at `codes_`; compare with `alpha`. It tells a
        stationary point, not the global minimum.
    discrepancy_ : float
        The squared Gaussian MMD of `codes_`; 0 with one domain.
    bandwidths_ : tuple of float
        The widths in use; empty with one domain.
    converged_ : bool
        Whether the objective settled and the codes met `tol`.
    n_features_in_ : int
        Number of features of the fitted samples.
    feature_names_in_ : numpy.ndarray of shape (n_features,)
        Their names, if the fitted data had string names.

    See Also
    --------
    TransferSparseCoding : The linear kernel, convex in the codes and much faster.
    kernel_learn : The same on arrays.

    Notes
    -----
    The objective is that of `kernel_encode`, over codes and atoms in the unit ball. Codes start
    from those of the linear MMD. An iteration takes :math:`O(n^2 k)` operations: some thousands of
    samples are what it is for.

    `transform` codes samples one by one with the dictionary and the fitted codes held fixed: with
    the witness function :math:`w(s) = \frac1{n_s}\sum_j k(s, s_j) - \frac1{n_t}\sum_j k(s, t_j)` a
    new source sample adds :math:`\frac\mu{n_s} w(s)` to its objective, a target sample
    :math:`-\frac\mu{n_t} w(s)`, whose gradients are those of the MMD at the fitted codes: a fitted
    code is a stationary point of its sample, though not always the one that is found, from the
    codes without the term. The formulation is ours; the linear one is published.

    References
    ----------
    A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola, "A kernel two-sample test", Journal
    of Machine Learning Research 13:723-773, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import KernelTransferSparseCoding
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(30, 6)), rng.normal(0.5, 1, size=(30, 6))])
    >>> domain = np.repeat([1, -1], 30)
    >>> coder = KernelTransferSparseCoding(8, alpha=0.1, random_state=0)
    >>> codes = coder.fit_transform(X, sample_domain=domain)
    >>> codes.shape, bool(coder.kkt_violation_ <= 1e-3 * coder.alpha)
    ((60, 8), True)
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 0.02,
        mmd: float = 60.0,
        bandwidths: Bandwidths = "median",
        l2: float = 0.0,
        positive_code: bool = False,
        dict_init: ArrayLike | None = None,
        max_iter: int = 300,
        code_iter: int = 10,
        tol: float = 1e-3,
        objective_tol: float = 1e-4,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.mmd = mmd
        self.bandwidths = bandwidths
        self.l2 = l2
        self.positive_code = positive_code
        self.dict_init = dict_init
        self.max_iter = max_iter
        self.code_iter = code_iter
        self.tol = tol
        self.objective_tol = objective_tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def stationarity_violation_(self) -> float:
        """The former name of `kkt_violation_`."""
        warn_of_former("stationarity_violation_", "kkt_violation_")
        return self.kkt_violation_

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, sample_domain: ArrayLike | None = None
    ) -> Self:
        """Learn the dictionary and the codes of all samples.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples of source and target. float32 is kept, all else becomes float64.
        y : array_like of shape (n_samples,), optional
            Without `sample_domain` the samples of masked label (-1, NaN, None) are the target;
            else not read.
        sample_domain : array_like of shape (n_samples,), int, optional
            Positive for source, negative for target. Without it and without masked labels all
            samples form one domain and the MMD term is zero.

        Returns
        -------
        KernelTransferSparseCoding
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
            If the objective did not settle to `objective_tol` within `max_iter` alternations, or
            the final codes do not reach `tol`.
        """
        signals = self._signals(X, reset=True)
        threads = resolve_threads(self.n_jobs)
        mmd = check_real(self.mmd, "mmd", minimum=0)
        domains = resolve_domains(
            y, sample_domain, len(signals), alone=ONE_DOMAIN if mmd > 0 else ""
        )
        n_components = atom_count(self.n_components, len(signals), self.dict_init)
        start = first_dictionary(signals, n_components, self.dict_init, self.random_state)
        self.bandwidths_: tuple[float, ...] = ()
        self._source = None if domains is None else domains > 0
        if self._source is None:
            self._fit_one_domain(signals, start, threads)
        else:
            self._fit_two_domains(signals, start, self._source, threads)
        self.n_iter_ = len(self.history_)
        self._n_features_out = len(self.components_)
        if self._source is not None and not self.codes_.any():
            warnings.warn(describe_zero(self.alpha), ConvergenceWarning, stacklevel=2)
        return self

    def _fit_one_domain(self, signals: FloatArray, start: FloatArray, threads: int) -> None:
        learned = transfer_learn(
            signals,
            start,
            alpha=self.alpha,
            mmd=0.0,
            l2=self.l2,
            positive_code=self.positive_code,
            max_iter=self.max_iter,
            tol=self.objective_tol,
            kkt_tol=self.tol,
            n_jobs=threads,
        )
        self._keep(learned, 0.0)

    def _fit_two_domains(
        self, signals: FloatArray, start: FloatArray, source: NDArray[np.bool_], threads: int
    ) -> None:
        domains = np.where(source, 1, -1)
        linear = transfer_encode(
            signals,
            start / np.maximum(np.linalg.norm(start, axis=1, keepdims=True), 1),
            domains,
            alpha=self.alpha,
            mmd=self.mmd,
            l2=self.l2,
            positive_code=self.positive_code,
            n_jobs=threads,
        ).codes
        self.bandwidths_ = self._widths(linear[source], linear[~source])
        learned = kernel_learn(
            signals,
            start,
            domains,
            alpha=self.alpha,
            mmd=self.mmd,
            bandwidths=self.bandwidths_,
            l2=self.l2,
            positive_code=self.positive_code,
            code_init=linear,
            max_iter=self.max_iter,
            code_iter=self.code_iter,
            tol=self.tol,
            objective_tol=self.objective_tol,
            n_jobs=threads,
        )
        self._keep(learned, learned.codes.discrepancy)

    def _keep(self, learned: KernelDictionary | TransferDictionary, discrepancy: float) -> None:
        self.components_ = learned.components
        self.codes_ = learned.codes.codes
        self.objective_ = learned.codes.objective
        self.history_ = learned.history
        self.kkt_violation_ = learned.codes.kkt_violation
        self.discrepancy_ = discrepancy
        self.converged_ = learned.converged and learned.codes.converged

    def _widths(self, source: FloatArray, target: FloatArray) -> tuple[float, ...]:
        if isinstance(self.bandwidths, str) and not (source.any() or target.any()):
            return (1.0,)  # alpha lets no code leave zero, and any width does
        return tuple(resolve_bandwidths(self.bandwidths, None, source, target))

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
        DomainError
            If a domain is 0.

        Warns
        -----
        ConvergenceWarning
            If codes do not reach `tol`.
        """
        check_is_fitted(self, "components_")
        given = self._signals(X, reset=False)
        is_source = new_domains(sample_domain, len(given)) > 0
        signals = given.astype(np.float64)
        components = self.components_.astype(np.float64)
        codes = lasso(
            signals,
            components,
            self.alpha,
            l2=self.l2,
            positive_code=self.positive_code,
            n_jobs=self.n_jobs,
        ).codes
        worst = 0.0
        if self._source is not None:
            worst = Witness(self.codes_, self._source, self.bandwidths_).solve(
                signals,
                components,
                codes,
                is_source,
                alpha=self.alpha,
                mmd=self.mmd,
                l2=self.l2,
                positive_code=self.positive_code,
                tol=self.tol * self.alpha,
                max_iter=200 * self.code_iter,
                dtype=self.components_.dtype,
            )
        if worst > self.tol * self.alpha:
            warnings.warn(
                f"codes stopped at a stationarity violation of {worst / self.alpha:.2g} alpha; "
                "raise code_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        return codes.astype(self.components_.dtype, copy=False)
