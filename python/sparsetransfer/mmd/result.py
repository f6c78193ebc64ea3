"""What the estimators return."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparsetransfer._validation import FloatArray

__all__ = ["Estimator", "MMDResult"]

Estimator: TypeAlias = Literal["biased", "unbiased", "linear_time"]


@dataclass(frozen=True)
class MMDResult:
    """An estimate of the squared maximum mean discrepancy, and its gradient.

    Attributes
    ----------
    value : float
        The estimate of the *squared* discrepancy. The unbiased and the linear-time estimate may
        be negative.
    gradient_source : numpy.ndarray of shape (n_source, n_features) or None
        The derivative of `value` with respect to the source samples, if it was asked for.
    gradient_target : numpy.ndarray of shape (n_target, n_features) or None
        The derivative of `value` with respect to the target samples, if it was asked for.
    bandwidths : tuple of float
        The bandwidths of the kernels that were averaged; empty for the linear kernel.
    """

    value: float
    gradient_source: FloatArray | None = None
    gradient_target: FloatArray | None = None
    bandwidths: tuple[float, ...] = ()
