"""Whatever is passed to the solvers: a finite answer of the right shape, or an error that says why."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparsetransfer.dictionary import learn_dictionary, learn_dictionary_online
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, omp

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@st.composite
def matrices(draw, columns=None, most_rows=6):
    """Matrices as users have them: strided, of any order and dtype, empty, with NaN and Inf."""
    shape = (
        draw(st.integers(0, most_rows)),
        draw(st.integers(1, 5)) if columns is None else columns,
    )
    special = draw(st.sampled_from([0.0, 0.0, 0.0, np.nan, np.inf, 1e200, 1e-200]))
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int16, np.float16, ">f8"]))
    values = draw(hnp.arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)))
    if values.size and np.issubdtype(np.dtype(dtype), np.floating) and special:
        values[0, 0] = special
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    layout = draw(st.sampled_from(["C", "F", "strided", "reversed"]))
    if layout == "strided":
        return np.repeat(values, 2, axis=1)[:, ::2]
    if layout == "reversed":
        return values[::-1]
    return np.asarray(values, order=layout)


def checked(call, shape):
    """Return what `call` gives if it gives anything, of the right shape and finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            codes = call()
        except (ValueError, TypeError, ArithmeticError):
            # Refused, or an overflow that is said and not hidden.
            return None
    assert codes.shape == shape
    assert np.isfinite(codes).all()
    return codes


@quick
@given(st.data())
def test_coders(data):
    X = data.draw(matrices())
    D = data.draw(matrices(columns=data.draw(st.sampled_from([X.shape[1], X.shape[1], 3]))))
    alpha = data.draw(st.sampled_from([0.0, 0.5, 100.0]))
    mask = data.draw(st.sampled_from([None, "nan", "array"]))
    if mask == "array":
        mask = data.draw(hnp.arrays(np.bool_, X.shape))
    shape = (X.shape[0], D.shape[0])
    checked(lambda: lasso(X, D, alpha, mask=mask, n_jobs=2).codes, shape)
    checked(lambda: omp(X, D, 2, mask=mask, n_jobs=2).codes, shape)


@quick
@given(st.data())
def test_learners(data):
    X = data.draw(matrices(most_rows=12))
    k = data.draw(st.integers(1, 8))
    options = {
        "alpha": data.draw(st.sampled_from([0.0, 0.3, 100.0])),
        "l1_ratio": data.draw(st.sampled_from([0.0, 0.5, 1.0])),
        "positive_dict": data.draw(st.booleans()),
        "init": data.draw(st.sampled_from(["samples", "svd", "spread"])),
        "mask": data.draw(st.sampled_from([None, "nan"])),
        "rng": 0,
    }
    shape = (k, X.shape[1])
    method = data.draw(
        st.sampled_from(["block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"])
    )
    for call in (
        lambda: learn_dictionary(X, k, dictionary_update=method, max_iter=3, **options),
        lambda: learn_dictionary_online(X, k, batch_size=3, **options),
    ):
        atoms = checked(lambda call=call: call().components, shape)
        if atoms is not None:
            r = options["l1_ratio"]
            size = (1 - r) * np.sum(atoms**2, axis=1) + r * np.abs(atoms).sum(axis=1)
            assert size.max() <= 1 + 1e-5


def test_the_judge_can_fail():
    with pytest.raises(AssertionError):
        checked(lambda: np.array([[np.nan]]), (1, 1))
