"""Disjoint pairs of samples, over which the linear-time estimators average."""

from numpy.typing import ArrayLike

from sparsetransfer._validation import FloatArray

__all__ = ["check_pairs", "pair_up"]


def check_pairs(
    n_source: int,
    n_target: int,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> None:
    """Check that the linear-time estimator is defined for the samples."""
    if n_source != n_target:
        raise ValueError(
            "the linear-time estimator needs as many source as target samples, got "
            f"{n_source} and {n_target}"
        )
    if n_source < 2:
        raise ValueError(
            f"the linear-time estimator needs at least 2 samples per domain, got {n_source}"
        )
    if source_weights is not None or target_weights is not None:
        raise ValueError("the linear-time estimator takes no weights")


def pair_up(samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return views of the first and the second samples of all pairs; an odd last one is left."""
    end = len(samples) // 2 * 2
    return samples[0:end:2], samples[1:end:2]
