"""The maximum mean discrepancy: value, gradient and tests, in bounded memory."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.mmd.drift import DriftDetector
from sparsetransfer.mmd.gaussian_kernel import gaussian, witness
from sparsetransfer.mmd.linear_kernel import linear
from sparsetransfer.mmd.permutation import two_sample_test
from sparsetransfer.mmd.radial_kernels import inverse_multiquadric, laplace
from sparsetransfer.mmd.random_feature_kernel import random_features
from sparsetransfer.mmd.weights import class_weights

__all__ = [
    "DriftDetector",
    "class_weights",
    "gaussian",
    "inverse_multiquadric",
    "laplace",
    "linear",
    "random_features",
    "two_sample_test",
    "witness",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "MMDResult": "mmd.result",
            "TwoSampleTest": "mmd.permutation",
        },
    )
