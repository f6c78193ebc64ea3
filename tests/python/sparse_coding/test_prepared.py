"""A dictionary is prepared once, in whatever order it is used, and nobody can tell from the codes."""

import copy
import pickle
import threading

import numpy as np
import pytest
from sklearn.base import clone

from sparsetransfer import DictionaryLearning
from sparsetransfer.sparse_coding import (
    PreparedDictionary,
    SparseCoder,
    lasso,
    omp,
    prepared,
    sparse_encode,
)

CODERS = {
    "lasso": lambda X, D, **options: lasso(X, D, 0.15, **options),
    "positive": lambda X, D, **options: lasso(X, D, 0.1, positive_code=True, **options),
    "ridge": lambda X, D, **options: lasso(X, D, 0.15, l2=0.05, **options),
    "coordinates": lambda X, D, **options: lasso(
        X, D, 0.15, algorithm="coordinate_descent", **options
    ),
    "omp": lambda X, D, **options: omp(X, D, 6, **options),
    "ols": lambda X, D, **options: omp(X, D, 6, rule="ols", **options),
    "positive omp": lambda X, D, **options: omp(X, D, 6, positive_code=True, **options),
    "omp to a tolerance": lambda X, D, **options: omp(X, D, 6, tol=1e-3, **options),
}


def data(make, dtype, n_samples=150):
    # Some panels of atoms, the last of them not full, and a sum of features in two parts.
    X, D = make.spectral(
        np.random.default_rng(0), n_samples=n_samples, n_features=150, n_components=300
    )
    return X.astype(dtype), D.astype(dtype)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name == "duality_gap")
        for name in ("codes", "objective", "duality_gap", "kkt_violation", "n_iter")
    )


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("coder", CODERS)
def test_bits_depend_neither_on_preparation_nor_on_company(make, coder, dtype):
    code = CODERS[coder]
    # Enough signals for blocks of another width than those of the slices below.
    X, D = data(make, dtype, n_samples=260)
    whole = code(X, D)
    kept = PreparedDictionary(D)
    for rows in (
        slice(0, 1),
        slice(3, 8),
        slice(0, 20),
        slice(0, 40),
        slice(0, 150),
        slice(149, 150),
    ):
        alone = code(X[rows], D)
        assert np.array_equal(alone.codes, whole.codes[rows])
        assert same(alone, code(X[rows], kept))
        assert same(alone, code(X[rows], kept, n_jobs=2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("alpha", [0.1, 0.8, 2.5, 1e3])
def test_bits_do_not_depend_on_how_much_of_the_gram_matrix_is_computed(dtype, alpha):
    # Few to most atoms exceed the penalty, and with them the columns that a call expects to meet.
    rng = np.random.default_rng(0)
    D = rng.standard_normal((200, 70))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X, D = rng.standard_normal((40, 70)).astype(dtype), D.astype(dtype)
    for weights in (None, rng.uniform(0.5, 2.0, 200)):
        whole = lasso(X, PreparedDictionary(D), alpha, weights=weights)
        for few in (1, 7, 16, 40):
            codes = lasso(X[:few], D, alpha, weights=weights).codes
            assert np.array_equal(codes, whole.codes[:few])
        assert whole.codes.any() == (alpha < 1e3)


@pytest.mark.parametrize("rule", ["omp", "ols"])
@pytest.mark.parametrize("positive_code", [False, True])
def test_atoms_computed_in_advance_change_no_pursuit(rule, positive_code):
    rng = np.random.default_rng(0)
    D = rng.standard_normal((500, 150))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    D[20:180] = D[20]
    X = rng.standard_normal((150, 6)) @ D[rng.integers(180, 500, 6)]
    X[0] = D[20] + 0.9 * D[0] + 0.8 * D[1]
    options = {"rule": rule, "positive_code": positive_code}
    for count in (1, 3, 9):
        whole = omp(X, D, count, **options)
        for few in (1, 2, 3):
            assert np.array_equal(omp(X[:few], D, count, **options).codes, whole.codes[:few])
    assert np.flatnonzero(omp(X[:1], D, 3, **options).codes[0]).tolist() == [0, 1, 20]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_few_signals_start_from_codes(make, dtype):
    X, D = data(make, dtype, 20)
    start = np.random.default_rng(1).standard_normal((20, 300)).astype(dtype)
    start[::2] *= np.abs(start[::2]) > 2.5
    whole = lasso(X, D, 0.1, code_init=start)
    for i in (0, 1):
        row = slice(i, i + 1)
        alone = lasso(X[row], D, 0.1, code_init=start[row])
        assert same(alone, lasso(X[row], PreparedDictionary(D), 0.1, code_init=start[row]))
        assert np.array_equal(alone.codes[0], whole.codes[i])


def test_few_signals_are_certified(make):
    X, D = data(make, np.float64)
    result = lasso(X[:2], D, 0.05)
    assert result.converged.all()
    codes = result.codes.astype(np.longdouble)
    wide = D.astype(np.longdouble)
    gradient = (X[:2] - codes @ wide) @ wide.T
    violation = np.where(
        codes != 0, np.abs(gradient - 0.05 * np.sign(codes)), np.abs(gradient) - 0.05
    )
    assert violation.max() < 1e-9 * 0.05 + 1e-14


@pytest.mark.parametrize("coder", ["lasso", "omp"])
def test_threads_share_a_dictionary(make, coder):
    X, D = data(make, np.float64)
    expected = CODERS[coder](X, D).codes
    kept = PreparedDictionary(D)
    found = {}
    gate = threading.Barrier(8)

    def work(first):
        gate.wait()
        for i in range(first, len(X), 8):
            found[i] = CODERS[coder](X[i : i + 1], kept, n_jobs=1).codes[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[i], expected[i]) for i in range(len(X)))


def test_atoms_are_a_copy_that_cannot_be_written(make):
    X, D = data(make, np.float64, 3)
    kept = PreparedDictionary(D)
    expected = lasso(X, D, 0.1).codes
    D *= -1
    assert np.array_equal(lasso(X, kept, 0.1).codes, expected)
    with pytest.raises(ValueError, match="read-only"):
        kept.atoms[0, 0] = 1.0


def test_other_precision_and_masks(make):
    X, D = data(make, np.float64, 4)
    kept = PreparedDictionary(D)
    narrow = X.astype(np.float32)
    assert np.array_equal(omp(narrow, kept, 3).codes, omp(narrow, D, 3).codes)
    mask = np.random.default_rng(0).random(X.shape) < 0.9
    assert same(lasso(X, kept, 0.1, mask=mask), lasso(X, D, 0.1, mask=mask))
    for algorithm in ("lars", "threshold", "homotopy", "coordinate_descent"):
        options = {"algorithm": algorithm, "alpha": 0.5, "n_nonzero_coefs": 3}
        assert np.array_equal(sparse_encode(X, kept, **options), sparse_encode(X, D, **options))


def test_copies_and_pickles(make):
    X, D = data(make, np.float64, 3)
    kept = PreparedDictionary(D)
    size = len(pickle.dumps(kept))
    lasso(X, kept, 0.1)
    assert len(pickle.dumps(kept)) == size < 1.1 * D.nbytes
    again = pickle.loads(pickle.dumps(kept))
    assert np.array_equal(lasso(X, again, 0.1).codes, lasso(X, kept, 0.1).codes)
    assert copy.copy(kept) is kept
    assert copy.deepcopy(kept) is kept
    coder = clone(SparseCoder(kept, transform_algorithm="lasso_cd", transform_alpha=0.1))
    assert np.array_equal(coder.transform(X), lasso(X, D, 0.1).codes)


@pytest.mark.filterwarnings("ignore:the dictionary did not converge")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_estimators_notice_changes_in_place(make, dtype):
    X, D = data(make, dtype, 30)
    coder = SparseCoder(D, transform_algorithm="omp", transform_n_nonzero_coefs=4)
    learner = DictionaryLearning(20, max_iter=2, random_state=0, transform_n_nonzero_coefs=4).fit(X)
    for estimator, name in ((coder, "dictionary"), (learner, "components_")):
        for _ in range(2):
            before = dict(vars(estimator))
            expected = omp(X, getattr(estimator, name), 4).codes
            assert np.array_equal(estimator.transform(X), expected)
            assert np.array_equal(estimator.transform(X), expected)
            assert vars(estimator) == before
            getattr(estimator, name)[3] *= -1.5
        setattr(estimator, name, getattr(estimator, name)[::-1])
        expected = omp(X, getattr(estimator, name), 4).codes
        assert np.array_equal(estimator.transform(X), expected)


def test_large_dictionaries_are_not_kept(make, monkeypatch):
    X, D = data(make, np.float64, 3)
    coder = SparseCoder(D)
    coder.transform(X)
    assert coder in prepared._kept
    monkeypatch.setattr(prepared, "MOST_KEPT_BYTES", 8 * 300 * (300 + 2 * 150) - 1)
    other = SparseCoder(D)
    assert np.array_equal(other.transform(X), coder.transform(X))
    assert other not in prepared._kept


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("code", [lasso, omp, PreparedDictionary])
def test_infinite_atoms_are_named(make, code, bad):
    X, D = data(make, np.float64, 2)
    D[200, 7] = bad
    with pytest.raises(ValueError, match=r"dictionary must be finite, got .* at \[200, 7\]"):
        code(D) if code is PreparedDictionary else code(X, D)


def test_prepared_dictionary_must_fit(make):
    X, D = data(make, np.float64, 2)
    with pytest.raises(ValueError, match="dictionary must have 149 features, got 150"):
        lasso(np.ascontiguousarray(X[:, 1:]), PreparedDictionary(D))
