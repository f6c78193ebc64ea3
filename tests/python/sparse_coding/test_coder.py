"""scikit-learn's interface: same arguments, same answers."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import SparseCoder as ReferenceCoder
from sklearn.decomposition import sparse_encode as reference
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._test_common import instance_generator
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.sparse_coding import SparseCoder, omp, sparse_encode, threshold

# The checks use data of several widths, and a dictionary fits one: scikit-learn keeps a list of
# dictionaries for its own coder, which serves ours as well.
instance_generator.PER_ESTIMATOR_CHECK_PARAMS[SparseCoder] = (
    instance_generator.PER_ESTIMATOR_CHECK_PARAMS[ReferenceCoder]
)


@parametrize_with_checks([SparseCoder(np.random.default_rng(0).standard_normal((5, 3)))])
def test_estimator_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("algorithm", ["lasso_lars", "lasso_cd", "lars", "omp", "threshold"])
@pytest.mark.parametrize("given", [False, True])
def test_same_answers(make, algorithm, given):
    X, D = make.gaussian(np.random.default_rng(0), n_features=40, n_components=30)
    inner = {"gram": D @ D.T, "cov": D @ X.T} if given else {}
    options = {"algorithm": algorithm, "alpha": 0.1, "max_iter": 10_000}
    expected = reference(X, D, **options, **inner)
    np.testing.assert_allclose(sparse_encode(X, D, **options, **inner), expected, atol=1e-6)


def test_default_arguments_are_the_same(make):
    X, D = make.gaussian(np.random.default_rng(1))
    np.testing.assert_allclose(sparse_encode(3 * X, D), reference(3 * X, D), atol=1e-8)


def test_positive_codes(make):
    X, D = make.gaussian(np.random.default_rng(2))
    for algorithm in ("lasso_lars", "lasso_cd", "threshold"):
        expected = reference(X, D, algorithm=algorithm, alpha=0.1, positive=True, max_iter=10_000)
        codes = sparse_encode(X, D, algorithm=algorithm, alpha=0.1, positive=True)
        np.testing.assert_allclose(codes, expected, atol=1e-6)
    for algorithm in ("omp", "ols"):  # which scikit-learn refuses
        codes = sparse_encode(X, D, algorithm=algorithm, n_nonzero_coefs=3, positive=True)
        expected = omp(X, D, 3, rule=algorithm, positive_code=True).codes
        assert np.array_equal(codes, expected)
        assert (codes >= 0).all()
    with pytest.raises(ValueError, match="positive"):
        sparse_encode(X, D, algorithm="lars", positive=True)


def test_threshold_solves_the_orthonormal_lasso():
    rng = np.random.default_rng(3)
    D = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    X = rng.standard_normal((5, 8))
    np.testing.assert_allclose(threshold(X, D, 0.4), sparse_encode(X, D, alpha=0.4), atol=1e-12)


def test_unknown_algorithm(make):
    X, D = make.gaussian(np.random.default_rng(4))
    with pytest.raises(ValueError, match="algorithm must be one of"):
        sparse_encode(X, D, algorithm="magic")


@pytest.mark.parametrize("split_sign", [False, True])
@pytest.mark.parametrize("algorithm", ["omp", "lasso_lars"])
def test_coder_is_scikit_learns(make, split_sign, algorithm):
    X, D = make.gaussian(np.random.default_rng(5))
    options = {
        "transform_algorithm": algorithm,
        "transform_alpha": 0.05,
        "split_sign": split_sign,
        "transform_n_nonzero_coefs": 4,
    }
    ours = SparseCoder(D, **options)
    theirs = ReferenceCoder(D, **options)
    codes = ours.fit_transform(X)
    np.testing.assert_allclose(codes, theirs.fit_transform(X), atol=1e-6)
    np.testing.assert_allclose(
        ours.inverse_transform(codes), theirs.inverse_transform(codes), atol=1e-10
    )
    assert set(theirs.get_params()) <= set(ours.get_params())


def test_in_the_company_of_scikit_learn(make):
    X, D = make.gaussian(np.random.default_rng(6))
    coder = SparseCoder(D, transform_n_nonzero_coefs=3)
    codes = make_pipeline(StandardScaler(), coder).fit_transform(X)
    assert ((codes != 0).sum(axis=1) <= 3).all()
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(coder)).transform(X), coder.transform(X)
    )
    np.testing.assert_array_equal(clone(coder).transform(X), coder.transform(X))
    frame = clone(coder).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns[:2]) == ["sparsecoder0", "sparsecoder1"]


def test_what_scikit_learn_has_to_see_reaches_it(make, monkeypatch):
    X, D = make.gaussian(np.random.default_rng(8))
    fitted = SparseCoder(D).fit(X)
    named = SparseCoder(D).fit(pd.DataFrame(X).add_prefix("x"))
    seen = []
    monkeypatch.setattr(
        "sparsetransfer.sparse_coding.coder.check_rows",
        lambda estimator, X, **_: seen.append(X) or np.zeros((1, D.shape[1])),
    )
    for coder, signals in [
        (fitted, X.tolist()),
        (fitted, X * np.nan),
        (fitted, X[0]),
        (fitted, X[:0]),
        (fitted, X[:, 1:]),
        (fitted, X.astype(int)),
        (fitted, np.ma.masked_less(X, 0)),
        (named, X),
    ]:
        coder.transform(signals)
        assert seen.pop() is signals
    for plain in (X[:1], X.astype(np.float32), np.asfortranarray(X)):
        fitted.transform(plain)
    assert not seen


def test_coder_refuses_other_features(make):
    X, D = make.gaussian(np.random.default_rng(7))
    with pytest.raises(ValueError, match="features"):
        SparseCoder(D).fit(X[:, 1:])
    with pytest.raises(ValueError, match="columns"):
        SparseCoder(D).inverse_transform(X)
