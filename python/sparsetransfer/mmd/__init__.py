"""The maximum mean discrepancy: value, gradient and tests, in bounded memory."""

from sparsetransfer.mmd.linear_kernel import linear
from sparsetransfer.mmd.result import MMDResult
from sparsetransfer.mmd.weights import class_weights

__all__ = ["MMDResult", "class_weights", "linear"]
