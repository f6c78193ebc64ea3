"""Other families of adaptation beside sparse transfer: optimal transport and importance weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.spatial.distance import cdist
from sklearn.model_selection import KFold

from sparsetransfer._linalg import matmul
from sparsetransfer._messages import missing_extra
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import (
    ClassifierAfter,
    MethodOutput,
    Tuning,
    fit_classifier,
)
from sparsetransfer.evaluation.methods.fitted import FittedMethod
from sparsetransfer.mmd.bandwidths import resolve_bandwidths

__all__ = ["TransportMethod", "WeightingMethod", "kernel_mean_matching", "kliep"]

_N_CENTRES, _N_FOLDS = 100, 5
_MULTIPLIERS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the squared median bandwidth, for KLIEP
_LARGEST = 1000.0  # weight of kernel mean matching


@dataclass(frozen=True)
class TransportMethod(ClassifierAfter):
    r"""Transport the source to the target, then fit a tuned classifier.

    - `reg_e`: weight of the entropy of the plan, in units of the median squared distance of a
      source row and a target row.
    - `reg_cl`: weight of the class regularisation, in the same unit.
    - `classifier`: family of the classifier, a name in `FAMILIES`.

    Raises ValueError if POT, which solves for the plan, is not installed, or a setting is out of
    range.

    The plan :math:`\gamma` minimises :math:`\langle\gamma, C\rangle + e \sum_{ij} \gamma_{ij}
    \log\gamma_{ij} + c \sum_{jk} (\sum_{i \in I_k} \gamma_{ij})^{1/2}` with uniform margins: mass of
    several classes (source rows :math:`I_k`) on one target row costs more [1]_. Each source row
    moves to the mean of the target rows weighted by its row of the plan. Ten linearisations of the
    last term, as by default in POT [2]_.

    References
    ----------
    .. [1] N. Courty, R. Flamary, D. Tuia, A. Rakotomamonjy, "Optimal transport for domain
       adaptation", IEEE Transactions on Pattern Analysis and Machine Intelligence 39(9), 2017.
       https://doi.org/10.1109/TPAMI.2016.2615921 (Eqs. 10 and 14)
    .. [2] R. Flamary et al., "POT: Python Optimal Transport", Journal of Machine Learning Research
       22(78), 2021. https://jmlr.org/papers/v22/20-451.html
    """

    name: str
    description: str
    reg_e: float = 0.1
    reg_cl: float = 0.1
    classifier: str = "svm"

    def __post_init__(self) -> None:
        if find_spec("ot") is None:
            raise ValueError(str(missing_extra(f"method {self.name!r}", "transport")))
        super().__post_init__()

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit on source rows moved to the target, label the target."""
        from ot.da import SinkhornLpl1Transport

        classes = np.unique(source.labels, return_inverse=True)[1]
        transport = SinkhornLpl1Transport(
            reg_e=self.reg_e, reg_cl=self.reg_cl, norm="median", max_inner_iter=1000
        )
        with warnings.catch_warnings():  # it warns at every linearisation; the error is kept below
            warnings.simplefilter("ignore")
            transport.fit(Xs=source.features, ys=classes, Xt=target.features)
        moved = np.asarray(transport.transform(Xs=source.features), dtype=np.float64)
        margins = transport.coupling_.sum(axis=1) * len(source)
        if not np.isfinite(moved).all() or not margins.all():
            raise ValueError(
                f"method {self.name!r}: the plan underflows with reg_e={self.reg_e} and "
                f"reg_cl={self.reg_cl}: raise reg_e or lower reg_cl"
            )
        tuned, chosen = fit_classifier(self.classifier, moved, target.features, source, tuning)
        error = float(np.abs(margins - 1).max())
        output = MethodOutput(
            tuned.predict(target.features),
            {**chosen, "transport": {"largest_relative_error_of_margins": error}},
            moved,
            target.features,
        )
        return tuned.fitted(output, target.features)


@dataclass(frozen=True)
class WeightingMethod(ClassifierAfter):
    """Weight the source rows by how much denser the target is there, then fit the classifier.

    The cost of the classifier is chosen as for the classifier without weights, so that a difference
    between the two is one of the weights.

    `estimator`: `kliep` or `kernel_mean_matching`. `classifier`: a name in `FAMILIES`.
    """

    name: str
    description: str
    estimator: Literal["kliep", "kmm"]
    classifier: str = "svm"

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit on weighted source rows, label the target."""
        rows, unknown = source.features, target.features
        if self.estimator == "kliep":
            weights = kliep(rows, unknown, seed=tuning.seed)
        else:
            weights = kernel_mean_matching(rows, unknown)
        tuned, chosen = fit_classifier(
            self.classifier, rows, unknown, source, tuning, weights=weights / weights.mean()
        )
        effective = float(weights.sum() ** 2 / np.square(weights).sum())
        seen = {"effective_rows": effective, "largest": float(weights.max() / weights.mean())}
        output = MethodOutput(tuned.predict(unknown), {**chosen, "weights": seen})
        return tuned.fitted(output, unknown)


def kliep(
    source: NDArray[np.float64], target: NDArray[np.float64], *, seed: int = 0
) -> NDArray[np.float64]:
    r"""Estimate the ratio of the target's density to the source's by KLIEP.

    `source`, `target` (n_source, d) and (n_target, d): rows. `seed`: draws the centres and the
    folds. Returns (n_source,): non-negative weights of the source rows, of mean one. Raises
    ValueError if the domains are too far apart for any weights.

    The ratio is :math:`w(x) = \sum_l \alpha_l k(x, c_l)` with :math:`\alpha \ge 0`, Gaussians
    :math:`k` and at most 100 target rows :math:`c_l`; it maximises the mean of :math:`\log w` over
    the target under a mean of one over the source [1]_. Scaling :math:`\alpha` shows that the
    constraint holds at the minimum of :math:`\overline{w}_\mathrm{source} -
    \overline{\log w}_\mathrm{target}`, which SciPy's bounded quasi-Newton method finds. The
    bandwidth has the largest likelihood of held-out target rows, of five around the median.

    References
    ----------
    .. [1] M. Sugiyama, T. Suzuki, S. Nakajima, H. Kashima, P. von Bünau, M. Kawanabe, "Direct
       importance estimation for covariate shift adaptation", Annals of the Institute of Statistical
       Mathematics 60:699-746, 2008. https://doi.org/10.1007/s10463-008-0197-x
    """
    rng = np.random.default_rng(seed)
    count = min(_N_CENTRES, len(target))
    centres = target[np.sort(rng.choice(len(target), count, replace=False))]
    near, far = (cdist(rows, centres, "sqeuclidean") for rows in (target, source))
    given = _widths(_MULTIPLIERS, source, target)
    widths = [width for width in given if _gaussian(far, width).any()]
    if not widths:
        raise _too_far(max(given))
    if len(target) == 1:
        widths = [float(np.median(widths))]
        folds = []
    else:
        splitter = KFold(min(_N_FOLDS, len(target)), shuffle=True, random_state=seed)
        folds = list(splitter.split(target))

    def likelihood(width: float) -> float:
        kernel, mean = _gaussian(near, width), _gaussian(far, width).mean(axis=0)
        total = 0.0
        for train, test in folds:
            held_out = matmul(kernel[test], _ratio(kernel[train], mean))
            total += float(np.log(np.maximum(held_out, np.finfo(float).tiny)).sum())
        return total

    width = max(widths, key=likelihood)
    kernel = _gaussian(far, width)
    weights = matmul(kernel, _ratio(_gaussian(near, width), kernel.mean(axis=0)))
    if not weights.any():
        raise _too_far(width)
    return np.asarray(weights)


def _too_far(width: float) -> ValueError:
    return ValueError(
        f"source and target are so far apart that a Gaussian of width {width:.3g} relates no row of "
        "one to the other: normalise the features by corpus"
    )


def _widths(
    multipliers: tuple[float, ...], source: NDArray[np.float64], target: NDArray[np.float64]
) -> list[float]:
    try:
        return resolve_bandwidths("median", multipliers, source, target)
    except ValueError as error:
        raise ValueError(
            "at least half of all pairs of source and target rows are equal, so that their median "
            "distance, the bandwidth, is zero: leave out copies, or take other features"
        ) from error


def _gaussian(squared: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(squared / (-2 * width**2)))


def _ratio(kernel: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients of KLIEP from kernels of the target and their means over the source."""
    tiny = np.finfo(np.float64).tiny
    scale = np.maximum(mean, tiny)  # in these units coefficients sum to one
    scaled = kernel / scale

    def loss(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        ratio = np.maximum(matmul(scaled, shares), tiny)
        slope = 1 - matmul(1 / ratio, scaled) / len(scaled)
        return float(shares.sum() - np.log(ratio).mean()), slope

    shares = _bounded_minimum(loss, np.full(len(mean), 1 / len(mean)), np.inf)
    return np.asarray(shares / shares.sum() / scale)


def kernel_mean_matching(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Estimate weights that give the source the target's mean in feature space.

    `source`, `target` (n_source, d) and (n_target, d): rows. Returns (n_source,): weights
    :math:`\beta` from 0 to 1000, of mean :math:`1 \pm (1 - n^{-1/2})`.

    They minimise :math:`\tfrac12 \beta^\top K \beta - \kappa^\top \beta`, the squared discrepancy of
    weighted source and target up to a constant, with the limits of the paper [1]_ and the Gaussian
    kernel of the median bandwidth. SciPy's bounded quasi-Newton method solves for the box; where
    the mean of its weights is outside the limits, a multiplier of the sum is added to
    :math:`\kappa`.

    References
    ----------
    .. [1] J. Huang, A. J. Smola, A. Gretton, K. M. Borgwardt, B. Schölkopf, "Correcting sample
       selection bias by unlabeled data", NIPS 2006. (Eq. 12)
    """
    (width,) = _widths((1.0,), source, target)
    n = len(source)
    kernel = _gaussian(cdist(source, source, "sqeuclidean"), width)
    kappa = n * _gaussian(cdist(source, target, "sqeuclidean"), width).mean(axis=1)
    slack = (np.sqrt(n) - 1) / np.sqrt(n)

    def matched(multiplier: float) -> NDArray[np.float64]:
        linear = kappa + multiplier

        def loss(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            product = matmul(kernel, beta)
            return float(beta @ (product / 2 - linear)) / n, (product - linear) / n

        return _bounded_minimum(loss, np.ones(n), _LARGEST)

    weights = matched(0.0)
    limit = float(np.clip(weights.mean(), 1 - slack, 1 + slack))
    if limit == weights.mean():
        return weights
    # K 1 <= n: with this multiplier all weights are at least, with the least one at most, the limit.
    span = (-float(kappa.max()), n * limit)
    multiplier = brentq(lambda value: matched(value).mean() - limit, *span, rtol=1e-6)
    return matched(multiplier)


def _bounded_minimum(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: NDArray[np.float64],
    upper: float,
) -> NDArray[np.float64]:
    """Minimise a convex loss, which returns its gradient, over the box from 0 to `upper`."""
    # By the projected gradient alone: small steps do not mean that the minimum is near.
    options: Any = {"maxiter": 5000, "maxfun": 20_000, "ftol": 0.0, "gtol": 1e-6}
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, upper)] * len(start), options=options
    )
    return np.asarray(found.x, dtype=np.float64)
