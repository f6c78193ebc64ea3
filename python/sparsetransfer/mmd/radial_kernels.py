"""The discrepancy under kernels that fall off more slowly than a Gaussian."""

from collections.abc import Sequence

from numpy.typing import ArrayLike

from sparsetransfer.mmd.bandwidths import Bandwidths
from sparsetransfer.mmd.gaussian_kernel import estimate
from sparsetransfer.mmd.result import Estimator, MMDResult

__all__ = ["inverse_multiquadric", "laplace"]


def laplace(
    source: ArrayLike,
    target: ArrayLike,
    *,
    bandwidths: Bandwidths = "median",
    multipliers: Sequence[float] | None = None,
    kernel_weights: ArrayLike | None = None,
    estimator: Estimator = "biased",
    gradient: bool = False,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> MMDResult:
    r"""Estimate the squared discrepancy of two samples under the mean of Laplace kernels.

    Parameters
    ----------
    source : array_like of shape (n_source, n_features)
        Source samples. The work is done in float64; gradients are in float32 if both
        domains are.
    target : array_like of shape (n_target, n_features)
        Target samples.
    bandwidths : float, sequence of float, or {"median", "mean", "quantiles"}, default="median"
        The widths :math:`\sigma` of the kernels, in units of distance. Names give those of
        :func:`gaussian`; the gradient holds them fixed.
    multipliers, kernel_weights, estimator, gradient, source_weights, target_weights, n_jobs
        As for :func:`gaussian`.

    Returns
    -------
    MMDResult
        The value, the bandwidths and, if asked for, the gradients.

    Raises
    ------
    ValueError
        As for :func:`gaussian`.
    ArithmeticError
        If distances overflow.

    See Also
    --------
    gaussian : The same with Gaussian kernels, and the definition of the estimators.

    Notes
    -----
    The kernels are :math:`\exp(-\|x-y\|/\sigma)`, with the Euclidean distance. Between two equal
    samples the kernel has no derivative, and their share of the gradient is zero, which is the mean
    of its limits from both sides. Distances are roots of squared distances from a matrix product of
    centred samples: samples closer to each other than 1e-7 times their distance from the centre
    count as equal.

    Time, memory and threads are those of :func:`gaussian`.

    References
    ----------
    .. [1] A. Schrab, I. Kim, M. Albert, B. Laurent, B. Guedj, A. Gretton, "MMD Aggregated Two-Sample
       Test", Journal of Machine Learning Research 24, 2023. https://jmlr.org/papers/v24/21-1289.html

    Examples
    --------
    >>> from sparsetransfer import mmd
    >>> result = mmd.laplace([[0.0], [1.0]], [[3.0]], bandwidths=1.0, gradient=True)
    >>> round(result.value, 3)
    1.499
    """
    return estimate(
        "laplace",
        source,
        target,
        bandwidths,
        multipliers,
        kernel_weights,
        estimator,
        gradient,
        source_weights,
        target_weights,
        n_jobs,
    )


def inverse_multiquadric(
    source: ArrayLike,
    target: ArrayLike,
    *,
    bandwidths: Bandwidths = "median",
    multipliers: Sequence[float] | None = None,
    kernel_weights: ArrayLike | None = None,
    estimator: Estimator = "biased",
    gradient: bool = False,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> MMDResult:
    r"""Estimate the squared discrepancy of two samples under inverse multiquadric kernels.

    Parameters
    ----------
    source : array_like of shape (n_source, n_features)
        Source samples. If both domains are float32 the work is done and the gradients are in
        float32, otherwise in float64.
    target : array_like of shape (n_target, n_features)
        Target samples.
    bandwidths : float, sequence of float, or {"median", "mean", "quantiles"}, default="median"
        The widths :math:`\sigma` of the kernels, in units of distance. Names give those of
        :func:`gaussian`; the gradient holds them fixed.
    multipliers, kernel_weights, estimator, gradient, source_weights, target_weights, n_jobs
        As for :func:`gaussian`.

    Returns
    -------
    MMDResult
        The value, the bandwidths and, if asked for, the gradients.

    Raises
    ------
    ValueError
        As for :func:`gaussian`.
    ArithmeticError
        If distances overflow.

    See Also
    --------
    gaussian : The same with Gaussian kernels, and the definition of the estimators.

    Notes
    -----
    The kernels are :math:`(1 + \|x-y\|^2/\sigma^2)^{-1/2}`, averaged over the bandwidths. Near zero
    they are like Gaussians of the same :math:`\sigma`; far away they fall off as one over the
    distance, so that samples far apart still pull on each other.

    Time, memory and threads are those of :func:`gaussian`.

    References
    ----------
    .. [1] J. Gorham, L. Mackey, "Measuring Sample Quality with Kernels", ICML 2017.
       https://proceedings.mlr.press/v70/gorham17a.html

    Examples
    --------
    >>> from sparsetransfer import mmd
    >>> result = mmd.inverse_multiquadric([[0.0], [1.0]], [[3.0]], bandwidths=1.0, gradient=True)
    >>> round(result.value, 3)
    1.09
    """
    return estimate(
        "inverse_multiquadric",
        source,
        target,
        bandwidths,
        multipliers,
        kernel_weights,
        estimator,
        gradient,
        source_weights,
        target_weights,
        n_jobs,
    )
