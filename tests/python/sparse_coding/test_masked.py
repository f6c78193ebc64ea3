"""Signals with missing entries: the code of the observed sub-vector, and its certificate."""

import numpy as np
import pytest

from sparsetransfer.sparse_coding import SparseCoder, lasso, omp, sparse_encode


def observed_entries(rng, shape, share=0.7):
    """Masks of their own, repeated masks, one full and one empty."""
    mask = rng.random(shape) < share
    mask[10:20] = mask[10]
    mask[0], mask[1] = True, False
    return mask


def one_by_one(coder, X, D, mask):
    """The brute-force twin: every signal without its missing features."""
    return [coder(X[[i]][:, seen], np.ascontiguousarray(D[:, seen])) for i, seen in enumerate(mask)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"positive_code": True}, {"l2": 0.3}])
def test_lasso_is_the_code_of_the_observed_sub_vector(problem, dtype, options):
    X, D = (array.astype(dtype) for array in problem)
    mask = observed_entries(np.random.default_rng(1), X.shape)
    result = lasso(X, D, 0.1, mask=mask, **options)
    mask[1, 0] = True  # the twin needs at least one feature
    expected = one_by_one(lambda x, d: lasso(x, d, 0.1, **options), X, D, mask)
    assert result.codes.dtype == dtype
    assert result.converged.all()
    assert not result.codes[1].any()
    assert result.objective[1] == result.duality_gap[1] == 0
    for i, twin in enumerate(expected):
        if i == 1:
            continue
        # Duplicate atoms share a coefficient in more than one way; what it explains is unique.
        np.testing.assert_allclose(
            result.codes[i] @ D, twin.codes[0] @ D, atol=1e-3 if dtype == np.float32 else 1e-6
        )
        assert result.objective[i] == pytest.approx(twin.objective[0], rel=1e-4)


def test_the_certificate_is_that_of_the_observed_entries(problem, judge):
    X, D = problem
    mask = observed_entries(np.random.default_rng(2), X.shape)
    result = lasso(X, D, 0.05, mask=mask)
    for i, seen in enumerate(mask):
        part = X[[i]] * seen
        assert judge.violation(part, D * seen, result.codes[[i]], 0.05).max() < 1e-9
        cost = judge.objective(part, D * seen, result.codes[[i]], 0.05)
        assert result.objective[i] == pytest.approx(cost[0], abs=1e-12)
        assert 0 <= result.duality_gap[i] <= 1e-8


@pytest.mark.parametrize("rule", ["omp", "ols"])
def test_pursuits_see_observed_entries_only(make, rule):
    X, D = make.gaussian(np.random.default_rng(0))
    mask = observed_entries(np.random.default_rng(1), X.shape)
    mask[1, :4] = True
    codes = omp(X, D, 3, rule=rule, mask=mask).codes
    twins = one_by_one(lambda x, d: omp(x, d, 3, rule=rule).codes[0], X, D, mask)
    np.testing.assert_allclose(codes, twins, atol=1e-10)


def test_nan_is_missing_only_where_it_was_said(problem):
    X, D = problem
    mask = observed_entries(np.random.default_rng(3), X.shape)
    holes = np.where(mask, X, np.nan)
    expected = lasso(X, D, 0.1, mask=mask).codes
    np.testing.assert_array_equal(lasso(holes, D, 0.1, mask="nan").codes, expected)
    np.testing.assert_array_equal(lasso(holes, D, 0.1, mask=mask).codes, expected)
    np.testing.assert_array_equal(
        sparse_encode(holes, D, algorithm="lasso_cd", alpha=0.1, mask=mask), expected
    )
    coder = SparseCoder(D, transform_algorithm="lasso_lars", transform_alpha=0.1)
    np.testing.assert_array_equal(coder.transform(holes, mask="nan"), expected)
    with pytest.raises(ValueError, match="X must be finite"):
        lasso(holes, D, 0.1)
    with pytest.raises(ValueError, match="NaN"):
        coder.transform(holes)
    holes[0, 0] = np.inf
    with pytest.raises(ValueError, match="X must be finite"):
        lasso(holes, D, 0.1, mask="nan")


def test_a_full_mask_is_no_mask(problem):
    X, D = problem
    plain = lasso(X, D, 0.1)
    for mask in (np.ones(X.shape, bool), "nan"):
        np.testing.assert_array_equal(lasso(X, D, 0.1, mask=mask).codes, plain.codes)


def test_bits_do_not_depend_on_threads(make):
    X, D = make.spectral(np.random.default_rng(0), n_samples=300)
    mask = observed_entries(np.random.default_rng(1), X.shape)
    mask[100:250] = mask[100]
    one = lasso(X, D, 0.02, mask=mask, n_jobs=1)
    for threads in (2, 3, 7):
        other = lasso(X, D, 0.02, mask=mask, n_jobs=threads)
        np.testing.assert_array_equal(other.codes, one.codes)
        np.testing.assert_array_equal(other.duality_gap, one.duality_gap)


def test_masks_that_do_not_fit_are_refused():
    X, D = np.ones((3, 4)), np.eye(4)
    with pytest.raises(TypeError, match="mask must be boolean"):
        lasso(X, D, mask=np.ones((3, 4)))
    with pytest.raises(ValueError, match="mask must have the shape"):
        lasso(X, D, mask=np.ones((4, 3), bool))
    with pytest.raises(ValueError, match="mask must be a boolean array or 'nan'"):
        lasso(X, D, mask="zero")
    with pytest.raises(ValueError, match="mask cannot be used"):
        sparse_encode(X, D, gram=np.eye(4), mask="nan")
