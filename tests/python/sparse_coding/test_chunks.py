"""Codes as one sparse matrix, coded by chunks."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.sparse_coding import lasso, omp
from sparsetransfer.sparse_coding.chunks import by_chunks


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_chunks_are_the_whole(problem, chunk_size):
    X, D = problem
    whole = lasso(X, D, 0.1)
    parts = by_chunks(lasso, X, D, 0.1, chunk_size=chunk_size)
    assert isinstance(parts.codes, sparse.csr_array)
    assert parts.codes.dtype == whole.codes.dtype
    np.testing.assert_allclose(parts.codes.toarray() @ D, whole.codes @ D, atol=1e-7)
    np.testing.assert_allclose(parts.objective, whole.objective, atol=1e-12)
    assert parts.converged.all()
    assert parts.kkt_violation.max() < 1e-9
    assert parts.codes.nnz == np.count_nonzero(parts.to_csr().toarray())


def test_masks_and_options_go_along(make):
    X, D = make.gaussian(np.random.default_rng(0))
    mask = np.random.default_rng(1).random(X.shape) < 0.7
    expected = lasso(X, D, 0.1, positive_code=True, mask=mask).codes
    found = by_chunks(lasso, X, D, 0.1, positive_code=True, mask=mask, chunk_size=9).codes
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-9)
    np.testing.assert_allclose(
        by_chunks(omp, X, D, 3, rule="ols", chunk_size=11).codes.toarray(),
        omp(X, D, 3, rule="ols").codes,
        atol=1e-12,
    )


def test_one_warning_for_all_chunks(make):
    X, D = make.spectral(np.random.default_rng(0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = by_chunks(lasso, X, D, 1e-4, max_iter=1, chunk_size=10)
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    failed = int(np.sum(~result.converged))
    assert str(caught[0].message).startswith(f"{failed} of {len(X)} codes")
    with pytest.raises(ValueError, match="chunk_size must be at least 1"):
        by_chunks(lasso, X, D, chunk_size=0)
