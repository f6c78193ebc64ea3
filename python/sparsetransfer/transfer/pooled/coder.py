"""Pooled sparse codes of the frames of sequences as a scikit-learn estimator."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sparsetransfer._domains import new_domains
from sparsetransfer._validation import FloatArray
from sparsetransfer.dictionary import MiniBatchDictionaryLearning, learn_dictionary_online
from sparsetransfer.dictionary.learner import as_generator
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso_pooled
from sparsetransfer.sparse_coding.pooled import PoolingStatistic, arrange, check_pooling
from sparsetransfer.transfer.pooled.file import FittedArrays
from sparsetransfer.transfer.pooled.sequences import WhitenedSequences

__all__ = ["CODES_VERSION", "PooledSparseCoder"]

CODES_VERSION = 2
"""Version of the codes: it must be raised whenever equal frames and parameters may give other bits
than before, as caches find codes by it. 2: the same bits for any number of BLAS threads."""

_EPOCHS = 2
_FRAMES_AT_A_TIME = 32_768


class PooledSparseCoder(WhitenedSequences, TransformerMixin, FittedArrays):  # type: ignore[misc]
    r"""Represent sequences by pooled sparse codes of their frames.

    The frames of every domain are standardised by that domain's means and standard deviations,
    projected onto the directions of largest variance and whitened, and scaled to unit length. A
    dictionary is learned on unlabelled frames of all domains; the lasso codes of the frames of a
    sequence are pooled to one row (self-taught learning [1]_, [2]_).

    Parameters
    ----------
    n_components : int, default=1024
        Number of atoms of a dictionary.
    alpha : float, default=0.2
        Weight of the l1 norm of the codes, > 0; for frames of unit length.
    n_whitened : int, default=128
        Dimensions that are kept of the frames, at most; fewer where the frames have lower rank.
    pooling : sequence of {"mean", "rms", "max"}, default=("mean",)
        Statistics of the codes over the frames of a sequence.
    split_sign : bool, default=True
        Whether positive and negative parts of the codes are pooled apart. Otherwise their
        magnitudes are pooled, in half as many columns.
    power : float, default=0.5
        Exponent of the pooled values, in (0, 1]: 0.5 is the square root.
    n_dictionaries : int, default=1
        Dictionaries, learned from different seeds. Their columns stand side by side, see
        `view_widths_`: one dictionary alone moves a classifier's recall by half a point.
    max_frames : int, default=60000
        Frames that dictionaries are learned on, at most; as many of each domain as it has.
    random_state : int, numpy.random.Generator or None, default=None
        Source of the drawn frames and of the first dictionaries.
    n_jobs : int, optional
        Number of threads. The result is the same, bit for bit, for any number.

    Attributes
    ----------
    components_ : numpy.ndarray of shape (n_dictionaries, n_components, n_whitened)
        The dictionaries; atoms are none longer than one.
    whitening_ : numpy.ndarray of shape (n_features, n_whitened)
        The map of standardised frames.
    domains_ : numpy.ndarray of int, shape (n_domains,)
        The fitted domains.
    means_, scales_ : numpy.ndarray of shape (n_domains, n_features)
        What frames of each domain are standardised by.
    view_widths_ : list of int
        Columns of every dictionary, as `MultiView` takes them to average their posteriors.
    n_features_in_ : int
        Number of features of a frame.

    See Also
    --------
    sparsetransfer.sparse_coding.lasso_pooled : The kernel on arrays.
    sparsetransfer.classification.MultiView : Averages the posteriors of several views.
    TransferSparseCoding : Codes of samples with a maximum mean discrepancy (MMD) term.

    Notes
    -----
    With :math:`a_t` the code of frame t, a column of the mean is
    :math:`(\frac1T \sum_t \max(\pm a_{jt}, 0))^p`.

    There is no MMD term. Where pooled codes are z-scored per corpus, as the studies of this package
    do, their means are equal and a linear MMD term of the pooled codes is zero by construction.
    Methods that act beyond the means take the pooled codes as features: `CORAL` (second moments,
    which gains one to two points of recall on them), `JDAR` and `ImplicitDistributionAlignment`
    (class-conditional means, which gain on some pairs of corpora and lose as much on others). Kernels
    on pooled codes gain nothing.

    Sequences are read one at a time and more than once: once for the moments, once for the drawn
    frames, once for the codes. Anything with a length and numbered items serves, as a list or a
    `SequenceTable` of files.

    References
    ----------
    .. [1] R. Raina, A. Battle, H. Lee, B. Packer, A. Y. Ng, "Self-taught learning: transfer
       learning from unlabeled data", ICML 2007. doi:10.1145/1273496.1273592
    .. [2] J. Yang, K. Yu, Y. Gong, T. Huang, "Linear spatial pyramid matching using sparse coding
       for image classification", CVPR 2009. doi:10.1109/CVPR.2009.5206757

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.transfer import PooledSparseCoder
    >>> rng = np.random.default_rng(0)
    >>> sequences = [rng.normal(size=(length, 8)) for length in (30, 50, 40, 60)]
    >>> coder = PooledSparseCoder(16, n_whitened=6, random_state=0)
    >>> codes = coder.fit_transform(sequences, sample_domain=[1, 1, -1, -1])
    >>> codes.shape
    (4, 32)
    """

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012
    __metadata_request__partial_fit = {"sample_domain": True}  # noqa: RUF012
    __metadata_request__transform = {"sample_domain": True}  # noqa: RUF012

    def __init__(
        self,
        n_components: int = 1024,
        *,
        alpha: float = 0.2,
        n_whitened: int = 128,
        pooling: Sequence[PoolingStatistic] = ("mean",),
        split_sign: bool = True,
        power: float = 0.5,
        n_dictionaries: int = 1,
        max_frames: int = 60_000,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.n_whitened = n_whitened
        self.pooling = pooling
        self.split_sign = split_sign
        self.power = power
        self.n_dictionaries = n_dictionaries
        self.max_frames = max_frames
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Sequence[ArrayLike],
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
    ) -> Self:
        """Learn standardisation, whitening and dictionaries from unlabelled frames.

        Parameters
        ----------
        X : sequence of array_like of shape (n_frames, n_features)
            The sequences of all domains, of any lengths from 1. float32 is kept where the first
            one has it; all else becomes float64.
        y : array_like of shape (n_sequences,), optional
            Labels; only which of them are masked is read, and only without `sample_domain`: then
            the sequences of masked label are the target.
        sample_domain : array_like of shape (n_sequences,), int, optional
            Positive for a source, negative for a target. Without it and without masked labels all
            sequences form one domain.

        Returns
        -------
        PooledSparseCoder
            Itself.

        Raises
        ------
        ValueError
            If there is no sequence, or one is empty, not finite or of another width (named by its
            number), if all frames are equal, or a parameter is out of range.
        DomainError
            If `sample_domain` has no source or no target.
        """
        self._check_parameters()
        rng = as_generator(self.random_state)
        domains = self._domains(X, y, sample_domain)
        lengths = self._first_moments(X, domains)
        frames = self._gather(X, domains, lengths, rng)
        self._generator = rng
        self._learners: list[MiniBatchDictionaryLearning] = []
        self.components_ = np.stack(
            [
                learn_dictionary_online(
                    frames,
                    self.n_components,
                    alpha=self.alpha,
                    n_epochs=_EPOCHS,
                    return_codes=False,
                    rng=child,
                    n_jobs=self.n_jobs,
                ).components
                for child in rng.spawn(self.n_dictionaries)
            ]
        )
        return self

    def partial_fit(
        self,
        X: Sequence[ArrayLike],
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
    ) -> Self:
        """Learn from more sequences, which need not fit into memory with the former ones.

        The means and standard deviations of the domains run on over all calls; the whitening is
        that of the first call, which should have frames of every domain. Every call is one
        mini-batch of the dictionaries, of `max_frames` frames at most.

        Parameters
        ----------
        X, y, sample_domain
            As in `fit`. A call may have sequences of one domain only.

        Returns
        -------
        PooledSparseCoder
            Itself.

        Raises
        ------
        ValueError
            As in `fit`.
        """
        self._check_parameters()
        first = not hasattr(self, "components_")
        if sample_domain is None:
            domains = self._domains(X, y, None)
        else:
            domains = new_domains(sample_domain, len(X)).astype(np.int64)
        if first:
            lengths = self._first_moments(X, domains)
            self._generator = as_generator(self.random_state)
            self._learners = []
        else:
            if not hasattr(self, "_moments"):
                raise ValueError("a coder that was loaded has no statistics to learn on: use fit")
            # A copy: sequences that are refused leave everything as it was.
            moments = copy.deepcopy(self._moments)
            lengths = self._add_moments(X, domains, moments)
            self._keep_moments(moments)
        frames = self._gather(X, domains, lengths, self._generator)
        if not self._learners:
            starts = [None] * self.n_dictionaries if first else list(self.components_)
            self._learners = [
                MiniBatchDictionaryLearning(
                    self.n_components,
                    alpha=self.alpha,
                    init="samples",
                    dict_init=start,
                    random_state=child,
                    n_jobs=self.n_jobs,
                )
                for start, child in zip(
                    starts, self._generator.spawn(self.n_dictionaries), strict=True
                )
            ]
        for learner in self._learners:
            learner.partial_fit(frames)
        self.components_ = np.stack([learner.components_ for learner in self._learners])
        return self

    def transform(
        self, X: Sequence[ArrayLike], *, sample_domain: ArrayLike | None = None
    ) -> FloatArray:
        """Pool the sparse codes of the frames of each sequence.

        Parameters
        ----------
        X : sequence of array_like of shape (n_frames, n_features)
            Sequences of fitted domains.
        sample_domain : array_like of shape (n_sequences,), int, optional
            The domain of each sequence. By default all are of the target, or of the one domain
            that was fitted.

        Returns
        -------
        numpy.ndarray of shape (n_sequences, n_columns)
            For every dictionary and statistic in turn: the positive parts of all atoms, then the
            negative ones.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        DomainError
            If a domain was not fitted: it has no means to be standardised by.
        ValueError
            If a sequence cannot be used; it is named by its number.

        Warns
        -----
        ConvergenceWarning
            If some codes did not converge; once, with the count.
        """
        check_is_fitted(self, "components_")
        places = self._transform_domains(sample_domain, len(X))
        out = np.empty((len(X), sum(self.view_widths_)), self._dtype)
        worst, unconverged, begin = 0.0, 0, 0
        while begin < len(X):
            parts = [self._whitened(X, begin, int(places[begin]))]
            while begin + len(parts) < len(X) and sum(map(len, parts)) < _FRAMES_AT_A_TIME:
                index = begin + len(parts)
                parts.append(self._whitened(X, index, int(places[index])))
            rows = slice(begin, begin + len(parts))
            out[rows], kkt, failed = self._pool(parts)
            worst, unconverged, begin = max(worst, kkt), unconverged + failed, rows.stop
        if unconverged:
            warnings.warn(
                f"{unconverged} codes did not converge: largest violation of the optimality "
                f"conditions {worst / self.alpha:.2g} alpha",
                ConvergenceWarning,
                stacklevel=2,
            )
        return out

    def _pool(self, parts: list[FloatArray]) -> tuple[FloatArray, float, int]:
        """Return the columns of some sequences, and what their codes reached."""
        frames, lengths = np.concatenate(parts), [len(part) for part in parts]
        columns, worst, unconverged = [], 0.0, 0
        for dictionary in self.components_:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                pooled = lasso_pooled(
                    frames,
                    lengths,
                    dictionary,
                    self.alpha,
                    pooling=self.pooling,
                    n_jobs=self.n_jobs,
                )
            columns.append(arrange(pooled.values, self.pooling, self.split_sign, self.power))
            worst = max(worst, float(pooled.kkt_violation.max()))
            unconverged += int(pooled.n_unconverged.sum())
        return np.hstack(columns), worst, unconverged

    def fit_transform(
        self,
        X: Sequence[ArrayLike],
        y: ArrayLike | None = None,
        *,
        sample_domain: ArrayLike | None = None,
    ) -> FloatArray:
        """Fit, and return the pooled codes of the fitted sequences.

        Parameters
        ----------
        X, y, sample_domain
            As in `fit`.

        Returns
        -------
        numpy.ndarray of shape (n_sequences, n_columns)
            As `transform` gives it.
        """
        self.fit(X, y, sample_domain=sample_domain)
        return self.transform(X, sample_domain=self._domains(X, y, sample_domain))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return a name for every column: dictionary, statistic, atom and sign."""
        check_is_fitted(self, "components_")
        signs = ("+", "-") if self.split_sign else ("",)
        return np.array(
            [
                f"dictionary{number}_{statistic}_{atom}{sign}"
                for number in range(len(self.components_))
                for statistic in check_pooling(self.pooling)
                for sign in signs
                for atom in range(self.components_.shape[1])
            ],
            dtype=object,
        )

    @property
    def view_widths_(self) -> list[int]:
        """Columns of every dictionary."""
        signs = 2 if self.split_sign else 1
        n_dictionaries, n_components, _ = self.components_.shape
        return [len(check_pooling(self.pooling)) * signs * n_components] * n_dictionaries
