"""Drop-ins for scikit-learn: its checks, its tools, its scale of the objective."""

import pickle

import numpy as np
import pytest
from sklearn import decomposition
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.dictionary import (
    DictionaryLearning,
    MiniBatchDictionaryLearning,
    dict_learning,
    dict_learning_online,
)
from sparsetransfer.sparse_coding import sparse_encode

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = {
    "batch": DictionaryLearning(6, alpha=0.3, max_iter=15, transform_algorithm="lasso_lars"),
    "online": MiniBatchDictionaryLearning(
        6, alpha=0.3, max_iter=3, batch_size=20, transform_algorithm="lasso_lars", random_state=0
    ),
}


def signals(seed=0, n=100, d=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, d)) + 0.1 * rng.normal(size=(n, d))


def cost(X, codes, atoms, alpha):
    return 0.5 * np.sum((X - codes @ atoms) ** 2) + alpha * np.abs(codes).sum()


@parametrize_with_checks(
    [
        DictionaryLearning(max_iter=20, transform_algorithm="lasso_lars"),
        MiniBatchDictionaryLearning(
            batch_size=10, max_iter=5, transform_algorithm="lasso_lars", random_state=0
        ),
    ],
    expected_failed_checks=lambda estimator: (
        {
            "check_sample_weight_equivalence_on_dense_data": (
                "repeated samples fall into other batches than one weighted sample"
            )
        }
        if isinstance(estimator, MiniBatchDictionaryLearning)
        else {}
    ),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (DictionaryLearning, decomposition.DictionaryLearning),
        (MiniBatchDictionaryLearning, decomposition.MiniBatchDictionaryLearning),
    ],
)
def test_every_parameter_and_default_is_scikit_learns(ours, theirs):
    mine, other = ours().get_params(), theirs().get_params()
    assert {name: mine[name] for name in other} == other


@pytest.mark.parametrize("name", ESTIMATORS)
def test_tools_of_scikit_learn(name):
    X = signals()
    estimator = clone(ESTIMATORS[name])
    pipeline = make_pipeline(StandardScaler(), estimator).set_output(transform="default")
    assert pipeline.fit_transform(X).shape == (100, 6)
    names = estimator.get_feature_names_out()
    assert names[0] == f"{type(estimator).__name__.lower()}0"
    copy = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copy.transform(X), estimator.transform(X))

    def score(model, X, y=None):
        return -np.sum((X - model.inverse_transform(model.transform(X))) ** 2)

    search = GridSearchCV(clone(estimator), {"alpha": [0.1, 100.0]}, scoring=score, cv=2)
    assert search.fit(X).best_params_ == {"alpha": 0.1}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_frames_in_frames_out(name):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(signals(), columns=list("abcdef"))
    estimator = clone(ESTIMATORS[name]).set_output(transform="pandas").fit(frame)
    codes = estimator.transform(frame)
    assert list(codes.columns) == list(estimator.get_feature_names_out())
    assert list(estimator.feature_names_in_) == list("abcdef")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_split_signs_are_undone(name):
    X = signals(1)
    estimator = clone(ESTIMATORS[name]).set_params(split_sign=True).fit(X)
    codes = estimator.transform(X)
    assert codes.shape == (100, 12) == (100, len(estimator.get_feature_names_out()))
    assert codes.min() >= 0
    plain = clone(ESTIMATORS[name]).fit(X)
    np.testing.assert_allclose(
        estimator.inverse_transform(codes), plain.inverse_transform(plain.transform(X)), atol=1e-9
    )
    with pytest.raises(ValueError, match="X must have 12 columns"):
        estimator.inverse_transform(codes[:, :6])


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(name, dtype):
    X = signals(2).astype(dtype)
    estimator = clone(ESTIMATORS[name]).set_params(n_jobs=2).fit(X)
    assert estimator.components_.dtype == estimator.transform(X).dtype == dtype


def test_batch_objective_is_scikit_learns_or_better():
    X = signals(3)
    code, atoms, errors = dict_learning(X, 5, alpha=0.3, max_iter=40)
    _, _, expected = decomposition.dict_learning(
        X, 5, alpha=0.3, max_iter=40, method="cd", random_state=0
    )
    assert cost(X, code, atoms, 0.3) <= errors[-1] * (1 + 1e-12)
    assert errors[-1] <= expected[-1] * 1.01
    *_, n_iter = dict_learning(X, 5, alpha=0.3, max_iter=7, return_n_iter=True, tol=0)
    assert n_iter == 7


def test_online_objective_is_scikit_learns_or_better():
    X = signals(4, n=200)
    options = {"alpha": 0.3, "max_iter": 10, "batch_size": 20, "random_state": 0, "tol": 0.0}
    code, atoms = dict_learning_online(X, 5, max_no_improvement=None, **options)
    their_code, their_atoms = decomposition.dict_learning_online(
        X, 5, max_no_improvement=None, method="cd", **options
    )
    assert cost(X, code, atoms, 0.3) <= cost(X, their_code, their_atoms, 0.3) * 1.01
    only_atoms = dict_learning_online(X, 5, max_no_improvement=None, return_code=False, **options)
    np.testing.assert_array_equal(only_atoms, atoms)


def test_partial_fits_are_one_fit():
    """Batches passed one by one, of unequal sizes, are the batches that fit cuts itself."""
    X = signals(5, n=90)
    options = {"shuffle": False, "tol": 0.0, "max_no_improvement": None, "dict_init": np.eye(6)}
    whole = clone(ESTIMATORS["online"]).set_params(max_iter=1, batch_size=40, **options).fit(X)
    parts = clone(ESTIMATORS["online"]).set_params(**options)
    for begin in (0, 40, 80):
        before = None if begin == 0 else parts.components_
        kept = None if before is None else before.copy()
        parts.partial_fit(X[begin : begin + 40])
        if before is not None:
            np.testing.assert_array_equal(before, kept)
    np.testing.assert_array_equal(parts.components_, whole.components_)
    assert parts.n_steps_ == whole.n_steps_ == 3
    assert parts.n_samples_seen_ == 90
    restored = pickle.loads(pickle.dumps(parts)).partial_fit(X)
    np.testing.assert_array_equal(restored.components_, parts.partial_fit(X).components_)


@pytest.mark.parametrize("n_passes", [2, 3, 8])
def test_partial_fits_over_several_passes_are_one_fit(n_passes):
    X = signals(5, n=90)
    options = {"shuffle": False, "tol": 0.0, "max_no_improvement": None, "dict_init": np.eye(6)}
    options |= {"batch_size": 20}
    whole = clone(ESTIMATORS["online"]).set_params(max_iter=n_passes, **options).fit(X)
    parts = clone(ESTIMATORS["online"]).set_params(**options)
    for _ in range(n_passes):
        for begin in range(0, 90, 20):
            parts.partial_fit(X[begin : begin + 20])
    np.testing.assert_array_equal(parts.components_, whole.components_)
    # New samples end the passes: old codes no longer fade by the length of a pass.
    fresh = signals(6, n=30)
    for model in (parts, whole):
        kept = model.statistics_.n
        model.partial_fit(fresh)
        seen = 90.0 * n_passes + 5 * len(model.components_)
        assert model.statistics_.n == pytest.approx(kept * (seen / (seen + 30)) ** 4 + 30)


@pytest.mark.parametrize("options", [{}, {"positive_dict": True}, {"l1_ratio": 0.5}])
@pytest.mark.parametrize(("n_samples", "batch_size"), [(500, 50), (500, 9), (500, 500), (20, 8)])
def test_no_atom_stays_zero_however_few_the_samples(n_samples, batch_size, options):
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(100, 49))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    X = ((rng.random((n_samples, 100)) < 0.1) * rng.normal(size=(n_samples, 100))) @ atoms
    ours = MiniBatchDictionaryLearning(100, alpha=0.1, random_state=0, **options)
    compared = not options and batch_size in (50, 500)
    theirs = decomposition.MiniBatchDictionaryLearning(100, alpha=0.1, random_state=0)
    for begin in range(0, n_samples, batch_size):
        ours.partial_fit(X[begin : begin + batch_size])
        assert ours.components_.any(axis=1).all()
        if compared:
            theirs.partial_fit(X[begin : begin + batch_size])
    whole = clone(ours).set_params(max_iter=2).fit(X).components_
    assert whole.any(axis=1).all()
    threaded = clone(ours).set_params(max_iter=2, n_jobs=2).fit(X).components_
    np.testing.assert_array_equal(threaded, whole)
    if compared:
        found, expected = (
            cost(X, sparse_encode(X, model.components_, alpha=0.1), model.components_, 0.1)
            for model in (ours, theirs)
        )
        assert found <= expected


def test_first_atoms_that_no_sample_uses_are_kept_for_a_while():
    X = signals(5, n=90)
    start = np.eye(6)
    online = clone(ESTIMATORS["online"]).set_params(dict_init=start, alpha=1e6)
    np.testing.assert_array_equal(online.partial_fit(X[:6]).components_, start)
    assert not np.array_equal(online.partial_fit(X[6:13]).components_, start)


def test_online_stops_by_either_rule():
    X = signals(6, n=200)
    base = clone(ESTIMATORS["online"]).set_params(max_iter=500)
    still = clone(base).set_params(tol=1e-2, max_no_improvement=None).fit(X)
    flat = clone(base).set_params(tol=0.0, max_no_improvement=3).fit(X)
    assert 10 < still.n_steps_ < 5000
    assert 10 < flat.n_steps_ < 5000
    assert still.n_iter_ == -(-still.n_steps_ // 10)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_weights_callbacks_and_budgets(name):
    X = signals(7)
    weights = np.ones(100)
    weights[:50] = 0
    estimator = clone(ESTIMATORS[name]).set_params(dict_init=np.eye(6))
    if name == "online":
        estimator.set_params(batch_size=100, tol=0.0)
    half = clone(estimator).fit(X[50:])
    np.testing.assert_allclose(
        clone(estimator).fit(X, sample_weight=weights).components_, half.components_, atol=1e-8
    )
    calls = []
    stopped = clone(estimator).set_params(callback=lambda progress: calls.append(progress) or True)
    stopped.fit(X)
    assert len(calls) == 1
    assert clone(estimator).set_params(max_iter=10**6, time_limit=0.0).fit(X).n_iter_ == 1


@pytest.mark.parametrize("name", ESTIMATORS)
def test_positive_everything(name):
    X = np.abs(signals(8))
    estimator = clone(ESTIMATORS[name]).set_params(positive_code=True, positive_dict=True).fit(X)
    assert estimator.components_.min() >= 0
    assert estimator.transform(X).min() >= 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_wrong_parameters_are_named(name):
    X = signals(9)
    for parameters, message in (
        ({"fit_algorithm": "omp"}, "fit_algorithm must be"),
        ({"alpha": -1}, "alpha must be at least 0"),
        ({"max_iter": -1}, "max_iter must be at least 0"),
        ({"n_components": 0}, "n_components must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            clone(ESTIMATORS[name]).set_params(**parameters).fit(X)


def test_one_import_is_all_that_changes():
    import sparsetransfer

    for name in (
        "DictionaryLearning",
        "MiniBatchDictionaryLearning",
        "SparseCoder",
        "dict_learning",
        "dict_learning_online",
        "sparse_encode",
    ):
        assert getattr(sparsetransfer, name).__module__.startswith("sparsetransfer.")
        assert hasattr(decomposition, name)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_verbose_fits_are_logged_and_nothing_is_printed(name, caplog, capsys):
    estimator = clone(ESTIMATORS[name]).set_params(max_iter=3, verbose=True).fit(signals())
    lines = [record.message for record in caplog.records if "objective" in record.message]
    steps = estimator.n_steps_ if hasattr(estimator, "n_steps_") else estimator.n_iter_
    assert len(lines) in (steps, steps - 1)
    assert lines[0].startswith("iteration 1: objective")
    assert capsys.readouterr().out == ""
