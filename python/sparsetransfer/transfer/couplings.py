"""Which mean codes are drawn together: of domains, and of classes within them."""

from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._domains import check_domains
from sparsetransfer._former import former_keywords
from sparsetransfer._labels import class_values, label_array, labelled
from sparsetransfer._linalg import inner, lapack, matmul
from sparsetransfer._validation import check_choice, check_matrix, check_real, check_vector
from sparsetransfer.exceptions import DomainError

__all__ = ["DomainPairing", "MeanContrasts", "couple_classes", "couple_domains"]

DomainPairing: TypeAlias = Literal["pooled", "pairs", "all"]
_PAIRINGS = ("pooled", "pairs", "all")


@dataclass(frozen=True)
class MeanContrasts:
    r"""A weighted sum of squared distances between mean codes.

    Couplings of the same samples add up: ``couple_domains(d) + 0.5 * couple_classes(d, y)``.

    `columns` (n_samples, n_terms): one contrast :math:`m_q` per column: the weights of one mean
    minus those of another. `weights` (n_terms,): the weight :math:`\omega_q \ge 0` of every term.
    `pooled` (n_samples,): the contrast :math:`m` of all source with all target samples. It sets the
    scale.

    With strength :math:`\hat\mu` (the argument `mmd` of the solvers) and codes in the columns of
    S, the term is

    .. math:: \frac{\hat\mu}{2\|m\|^2} \sum_q \omega_q \|S m_q\|^2
       = \tfrac12 \operatorname{tr}(S M S^\top), \qquad
       M = \frac{\hat\mu}{\|m\|^2} \sum_q \omega_q m_q m_q^\top = E E^\top .

    M is never formed: the solvers take the factor E, of as many columns as M has rank.
    """

    columns: NDArray[np.float64]
    weights: NDArray[np.float64]
    pooled: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check that shapes agree."""
        columns = check_matrix(self.columns, "columns", dtype=np.float64)
        n_samples, n_terms = columns.shape
        object.__setattr__(self, "columns", columns)
        for name, size, minimum in (("weights", n_terms, 0.0), ("pooled", n_samples, None)):
            value = check_vector(
                getattr(self, name), name, size=size, dtype=np.float64, minimum=minimum
            )
            object.__setattr__(self, name, value)
        if not self.pooled.any():
            raise ValueError("pooled must not be zero: it sets the scale of the term")

    @property
    def n_samples(self) -> int:
        """Number of coupled samples."""
        return len(self.columns)

    def __add__(self, other: Self) -> "MeanContrasts":
        """Return the coupling with the terms of both; the samples and their scale must agree."""
        if not isinstance(other, MeanContrasts):
            return NotImplemented
        if not np.array_equal(self.pooled, other.pooled):
            raise ValueError("couplings add up only for the same domains and sample weights")
        return MeanContrasts(
            np.hstack([self.columns, other.columns]),
            np.concatenate([self.weights, other.weights]),
            self.pooled,
        )

    def __rmul__(self, factor: float) -> "MeanContrasts":
        """Return the coupling with all weights multiplied by a factor >= 0."""
        scale = check_real(factor, "factor", minimum=0)
        return MeanContrasts(self.columns, scale * self.weights, self.pooled)

    def factor(self, mmd: float) -> NDArray[np.float64]:
        """Return E with E Eᵀ = M at the strength `mmd`.

        `mmd`: scale-free strength, >= 0. Returns (n_samples, rank): without columns if `mmd` is 0.
        """
        strength = check_real(mmd, "mmd", minimum=0) / inner(self.pooled, self.pooled)
        scales = np.sqrt(strength * self.weights)
        E = self.columns[:, scales > 0] * scales[scales > 0]
        if E.shape[1] < 2:
            return np.asarray(E)
        # Contrasts depend on each other (those of three domains have rank two): turned onto the
        # eigenvectors of E'E the superfluous columns vanish and the product stays.
        values, vectors = lapack(np.linalg.eigh, np.einsum("iq,ir->qr", E, E))
        kept = values > 1e-12 * values[-1]
        return E if kept.all() else np.einsum("iq,qr->ir", E, vectors[:, kept])

    def differences(self, codes: ArrayLike) -> NDArray[np.float64]:
        """Return the difference of mean codes of every term.

        `codes` (n_samples, n_components). Returns (n_terms, n_components).
        """
        return np.asarray(matmul(self.columns.T, check_matrix(codes, "codes")), dtype=np.float64)


@former_keywords(contrast="domain_pairing")
def couple_domains(
    sample_domain: ArrayLike,
    *,
    domain_pairing: DomainPairing = "pooled",
    sample_weight: ArrayLike | None = None,
) -> MeanContrasts:
    r"""Match the mean codes of the domains: the marginal MMD.

    Parameters
    ----------
    sample_domain : array_like of shape (n_samples,), int
        Positive for source, negative for target. Different numbers are different domains.
    domain_pairing : {"pooled", "pairs", "all"}, default="pooled"
        With several sources or targets: all source samples with all target samples; every source
        with every target; or every domain with every other. With one of each all are the same.
    sample_weight : array_like of shape (n_samples,), optional
        Weights > 0 of the samples within their mean; equal by default.

    Returns
    -------
    MeanContrasts
        With weights that sum to one: the mean of the squared distances over the pairs.

    Raises
    ------
    ValueError
        If a length, a weight or `domain_pairing` is not valid.
    DomainError
        If `sample_domain` lacks source or target.

    Notes
    -----
    For D domains with mean codes :math:`c_p` and :math:`\bar c` the mean of these, "all" is the
    distance to the mean, :math:`\frac2{D(D-1)}\sum_{p<q}\|c_p-c_q\|^2
    = \frac2{D-1}\sum_p\|c_p-\bar c\|^2`. Its rank is D - 1, that of "pairs" at most that.

    References
    ----------
    A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample Test",
    Journal of Machine Learning Research 13, 2012. https://jmlr.org/papers/v13/gretton12a.html

    Examples
    --------
    >>> from sparsetransfer.transfer import couple_domains
    >>> couple_domains([1, 1, 2, -1], domain_pairing="pairs").columns.T
    array([[ 0.5,  0.5,  0. , -1. ],
           [ 0. ,  0. ,  1. , -1. ]])
    """
    domains, weight = _samples(sample_domain, sample_weight)
    columns = _mean_weights(domains, weight, domain_pairing)
    assert columns is not None
    return MeanContrasts(
        columns, np.full(columns.shape[1], 1 / columns.shape[1]), _pooled(domains, weight)
    )


@former_keywords(contrast="domain_pairing")
def couple_classes(
    sample_domain: ArrayLike,
    labels: ArrayLike,
    *,
    target_probabilities: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    domain_pairing: DomainPairing = "pooled",
    sample_weight: ArrayLike | None = None,
) -> MeanContrasts:
    r"""Match the mean codes of every class: the class-conditional MMD.

    Parameters
    ----------
    sample_domain : array_like of shape (n_samples,), int
        Positive for source, negative for target.
    labels : array_like of shape (n_samples,)
        Class of every sample; for the target these are pseudo-labels. Masked samples (-1, NaN,
        None) take no part.
    target_probabilities : array_like of shape (n_target, n_classes), optional
        Soft pseudo-labels of the target samples in their order, >= 0, one column per class. The
        target's entries in `labels` are then not read.
    classes : array_like of shape (n_classes,), optional
        The classes in the order of the columns above; the sorted classes of the source by
        default.
    class_weight : array_like of shape (n_classes,), optional
        Weight >= 0 of every class, in the order of `classes`, say its prior probability; one by
        default, as in joint distribution adaptation [1]_.
    domain_pairing, sample_weight
        As in `couple_domains`.

    Returns
    -------
    MeanContrasts
        One group of terms per class that at least one source and one target have. With several
        domains, those without the class take no part in it.

    Raises
    ------
    ValueError
        If a shape, a probability or a weight is not valid.
    DomainError
        If `sample_domain` lacks source or target, or no class occurs in both.

    Notes
    -----
    Together with `couple_domains` at equal strength this is the MMD matrix of [1]_,
    :math:`M_0 + \sum_c M_c`; soft labels enter as weights within the class means [2]_.

    References
    ----------
    .. [1] M. Long, J. Wang, G. Ding, J. Sun, P. S. Yu, "Transfer Feature Learning with Joint
       Distribution Adaptation", ICCV 2013. https://doi.org/10.1109/ICCV.2013.274 (Eq. 4)
    .. [2] Y. Zhu, F. Zhuang, J. Wang, G. Ke, J. Chen, J. Bian, H. Xiong, Q. He, "Deep Subdomain
       Adaptation Network for Image Classification", IEEE Transactions on Neural Networks and
       Learning Systems 32(4), 2021. https://doi.org/10.1109/TNNLS.2020.2988928 (Eq. 5)

    Examples
    --------
    >>> from sparsetransfer.transfer import couple_classes
    >>> couple_classes([1, 1, 1, -1, -1], [0, 0, 1, 0, 1]).columns.T
    array([[ 0.5,  0.5,  0. , -1. ,  0. ],
           [ 0. ,  0. ,  1. ,  0. , -1. ]])
    """
    domains, weight = _samples(sample_domain, sample_weight)
    known, membership = _memberships(domains, labels, target_probabilities, classes)
    class_weights = (
        np.ones(len(known))
        if class_weight is None
        else check_vector(
            class_weight, "class_weight", size=len(known), dtype=np.float64, minimum=0.0
        )
    )
    parts: list[NDArray[np.float64]] = []
    strengths: list[NDArray[np.float64]] = []
    for share, strength in zip(membership.T, class_weights, strict=True):
        columns = _mean_weights(domains, weight * share, domain_pairing)
        if columns is not None:
            parts.append(columns)
            strengths.append(np.full(columns.shape[1], strength / columns.shape[1]))
    if not parts:
        raise DomainError("no class occurs in both source and target")
    return MeanContrasts(np.hstack(parts), np.concatenate(strengths), _pooled(domains, weight))


def _samples(
    sample_domain: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    domains = check_domains(sample_domain, np.size(sample_domain))
    if sample_weight is None:
        return domains, np.ones(len(domains))
    weight = check_vector(sample_weight, "sample_weight", size=len(domains), dtype=np.float64)
    if not (weight > 0).all():
        raise ValueError(f"sample_weight must be positive, got {weight.min()}")
    return domains, np.asarray(weight, dtype=np.float64)


def _memberships(
    domains: NDArray[np.int64],
    labels: ArrayLike,
    target_probabilities: ArrayLike | None,
    classes: ArrayLike | None,
) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """Return the classes and the share of every sample in every class."""
    given = label_array(labels, "labels")
    if given.shape != domains.shape:
        raise ValueError(f"labels must have shape {domains.shape}, got {given.shape}")
    read = labelled(given)
    found = class_values(given[read & (domains > 0)])
    known = np.unique(found) if classes is None else np.asarray(classes)
    if target_probabilities is not None:
        read &= domains > 0
    membership = np.zeros((len(domains), len(known)))
    membership[read] = given[read, None] == known
    if target_probabilities is not None:
        soft = check_matrix(
            target_probabilities, "target_probabilities", dtype=np.float64, n_features=len(known)
        )
        if len(soft) != (domains < 0).sum():
            raise ValueError(
                f"target_probabilities must have {(domains < 0).sum()} rows, got {len(soft)}"
            )
        if (soft < 0).any():
            raise ValueError("target_probabilities must not be negative")
        membership[domains < 0] = soft
    return known, membership


def _mean_weights(
    domains: NDArray[np.int64], mass: NDArray[np.float64], domain_pairing: str
) -> NDArray[np.float64] | None:
    """Return one column per pair of means, or None if source or target has no mass at all."""
    check_choice(domain_pairing, "domain_pairing", _PAIRINGS)
    numbers = np.sign(domains) if domain_pairing == "pooled" else domains
    means = {}
    # Sources first, each side counted away from zero.
    for number in sorted(set(numbers.tolist()), key=lambda p: (p < 0, abs(p))):
        share = np.where(numbers == number, mass, 0.0)
        if share.sum() > 0:
            means[number] = share / share.sum()
    sources = [number for number in means if number > 0]
    targets = [number for number in means if number < 0]
    if not sources or not targets:
        return None
    pairs = combinations(means, 2) if domain_pairing == "all" else product(sources, targets)
    return np.column_stack([means[p] - means[q] for p, q in pairs])


def _pooled(domains: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = _mean_weights(domains, weight, "pooled")
    assert columns is not None
    return np.asarray(columns[:, 0])
