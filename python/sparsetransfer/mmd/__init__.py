"""The maximum mean discrepancy: value, gradient and tests, in bounded memory."""

from sparsetransfer.mmd.drift import DriftDetector
from sparsetransfer.mmd.gaussian_kernel import gaussian, witness
from sparsetransfer.mmd.linear_kernel import linear
from sparsetransfer.mmd.permutation import TwoSampleTest, two_sample_test
from sparsetransfer.mmd.random_feature_kernel import random_features
from sparsetransfer.mmd.result import MMDResult
from sparsetransfer.mmd.weights import class_weights

__all__ = [
    "DriftDetector",
    "MMDResult",
    "TwoSampleTest",
    "class_weights",
    "gaussian",
    "linear",
    "random_features",
    "two_sample_test",
    "witness",
]
