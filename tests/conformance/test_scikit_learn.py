"""Our drop-ins beside scikit-learn's originals: signatures, attributes, answers, company.

Its own checks of estimators run where the estimators have their tests.
"""

import inspect
import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn import decomposition
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sparsetransfer

NAMES = (
    "SparseCoder",
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "sparse_encode",
    "dict_learning",
    "dict_learning_online",
)
ESTIMATORS = NAMES[:3]
FUNCTIONS = NAMES[3:]
ALPHA = 0.1


def signals(seed=0, n=60, d=10):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) @ rng.normal(size=(4, d)) + 0.3 * rng.normal(size=(n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def atoms(seed=1, k=15, d=10):
    D = np.random.default_rng(seed).normal(size=(k, d))
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def cost(X, codes, D, alpha=ALPHA):
    return 0.5 * np.sum((X - codes @ D) ** 2) + alpha * np.abs(codes).sum()


def both(name):
    return getattr(sparsetransfer, name), getattr(decomposition, name)


def make(name, library=sparsetransfer, **options):
    if name == "SparseCoder":
        options = {"transform_alpha": ALPHA} | options
        return getattr(library, name)(atoms(), **options)
    options = {"n_components": 8, "alpha": ALPHA, "max_iter": 10, "random_state": 0} | options
    return getattr(library, name)(**options)


@pytest.fixture(autouse=True)
def unfinished_is_fine():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sparsetransfer.exceptions.ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # scikit-learn's LARS stops early
        yield


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_there_with_its_default_and_place(name):
    ours, theirs = (inspect.signature(thing).parameters for thing in both(name))
    # What scikit-learn deprecates under this name need not be here.
    theirs = {n: p for n, p in theirs.items() if p.default != "deprecated"}
    assert set(theirs) <= set(ours)
    for parameter in theirs.values():
        mine = ours[parameter.name]
        assert (mine.kind, mine.default) == (parameter.kind, parameter.default), parameter.name
    positional = [n for n, p in theirs.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert list(ours)[: len(positional)] == positional


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_public_attribute_and_method_is_there(name):
    ours, theirs = make(name).fit(signals()), make(name, decomposition).fit(signals())
    public = {entry for entry in dir(theirs) if not entry.startswith("_")}
    # set_*_request come and go with the keyword arguments of fit and transform.
    public = {entry for entry in public if not entry.endswith("_request")}
    assert public <= set(dir(ours)) | {"get_metadata_routing"}
    for attribute in {entry for entry in vars(theirs) if entry.endswith("_")} & public:
        mine, other = getattr(ours, attribute), getattr(theirs, attribute)
        assert np.shape(mine) == np.shape(other) or attribute in ("error_",), attribute


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("algorithm", ["lasso_lars", "lasso_cd", "omp", "lars", "threshold"])
def test_transform_has_the_same_objective_whatever_the_algorithm(name, algorithm):
    X = signals()
    options = {"transform_algorithm": algorithm, "transform_n_nonzero_coefs": 3}
    options |= {"transform_max_iter": 10_000}
    theirs = make(name, decomposition, **options).fit(X)
    D = atoms() if name == "SparseCoder" else theirs.components_
    ours = make("SparseCoder", **options).set_params(dictionary=D)
    mine, other = ours.transform(X), theirs.transform(X)
    if algorithm.startswith("lasso"):
        # Coordinate descent ends within its tolerance; ours may only be lower.
        tolerance = 1e-3 if algorithm == "lasso_cd" else 1e-6
        assert cost(X, mine, D) <= cost(X, other, D) * (1 + 1e-6)
        assert cost(X, mine, D) == pytest.approx(cost(X, other, D), rel=tolerance)
    else:
        assert cost(X, mine, D) == pytest.approx(cost(X, other, D), rel=1e-6)
        np.testing.assert_allclose(mine, other, atol=1e-6)


@pytest.mark.parametrize("algorithm", ["lasso_lars", "lasso_cd", "omp", "threshold"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("gram", [False, True])
def test_sparse_encode_has_the_same_objective(algorithm, positive, gram):
    if positive and algorithm == "omp":
        pytest.skip("scikit-learn refuses non-negative pursuits")
    X, D = signals(), atoms()
    options = {"algorithm": algorithm, "alpha": ALPHA, "positive": positive}
    if algorithm == "omp":
        options |= {"n_nonzero_coefs": 3}
    if gram:
        options |= {"gram": D @ D.T, "cov": D @ X.T}
    ours, theirs = both("sparse_encode")
    mine, other = ours(X, D, **options), theirs(X, D, max_iter=20_000, **options)
    assert cost(X, mine, D) <= cost(X, other, D) * (1 + 1e-6)
    assert cost(X, mine, D) == pytest.approx(
        cost(X, other, D), rel=1e-3 if algorithm == "lasso_cd" else 1e-6
    )


@pytest.mark.parametrize("method", ["lars", "cd"])
@pytest.mark.parametrize("positive", [False, True])
def test_learning_is_as_good_from_the_same_start(method, positive):
    X, start = signals(n=200), atoms(k=8)
    options = {"alpha": ALPHA, "method": method, "random_state": 0}
    if positive:
        X, start = np.abs(X), np.abs(start)
        options |= {"positive_dict": True, "positive_code": True}
        if method == "lars":
            pytest.skip("scikit-learn's LARS path ignores positive_code in places")
    ours, theirs = both("dict_learning")
    batch = {"max_iter": 30, "dict_init": start, "code_init": np.zeros((len(X), 8))}
    mine, other = ours(X, 8, **options, **batch), theirs(X, 8, **options, **batch)
    # Local optima differ; what is not better from the same start is no worse from theirs.
    assert mine[2][-1] <= 1.02 * other[2][-1]
    onward = ours(X, 8, **options, **batch | {"dict_init": other[1], "max_iter": 1})
    assert onward[2][-1] <= other[2][-1] * (1 + 1e-6)
    assert mine[2][-1] == pytest.approx(cost(X, mine[0], mine[1]), rel=1e-2)
    ours, theirs = both("dict_learning_online")
    online = {"max_iter": 20, "batch_size": 50, "dict_init": start, "max_no_improvement": None}
    mine, other = ours(X, 8, **options, **online), theirs(X, 8, **options, **online)
    encode = partial(decomposition.sparse_encode, alpha=ALPHA, algorithm="lasso_lars")
    if positive:
        encode = partial(encode, positive=True)
    # Draws of the batches differ: better, or as good up to what a batch is worth.
    assert cost(X, encode(X, mine[1]), mine[1]) <= 1.02 * cost(X, encode(X, other[1]), other[1])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pipeline_search_clone_and_frames(name):
    pandas = pytest.importorskip("pandas")
    X = signals()
    estimator = make(name, transform_algorithm="lasso_lars")
    twin = clone(estimator)
    assert {n: repr(v) for n, v in twin.get_params().items()} == {
        n: repr(v) for n, v in estimator.get_params().items()
    }
    pipeline = make_pipeline(StandardScaler(), estimator)
    search = GridSearchCV(
        pipeline,
        {f"{name.lower()}__transform_alpha": [0.05, 50.0]},
        scoring=lambda model, X, y=None: float(np.mean(model.transform(X) != 0)),
        cv=2,
    ).fit(X)
    assert search.best_params_ == {f"{name.lower()}__transform_alpha": 0.05}
    frame = pandas.DataFrame(X, columns=[f"f{i}" for i in range(10)])
    codes = clone(estimator).set_output(transform="pandas").fit(frame).transform(frame)
    assert codes.columns[0] == f"{name.lower()}0"


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("format_", ["pickle", "skops"])
def test_fitted_estimators_survive_storage(name, format_):
    X = signals()
    fitted = make(name, transform_algorithm="lasso_lars").fit(X)
    if format_ == "pickle":
        restored = pickle.loads(pickle.dumps(fitted))
    else:
        skops = pytest.importorskip("skops.io", reason="skops is not installed")
        stored = skops.dumps(fitted)
        unknown = skops.get_untrusted_types(data=stored)
        # Nothing but our own classes has to be trusted.
        assert all(kind.startswith("sparsetransfer.") for kind in unknown)
        restored = skops.loads(stored, trusted=unknown)
    np.testing.assert_array_equal(restored.transform(X), fitted.transform(X))
    if name.startswith("MiniBatch"):
        restored.partial_fit(X[:20])
        fitted.partial_fit(X[:20])
        np.testing.assert_array_equal(restored.components_, fitted.components_)
