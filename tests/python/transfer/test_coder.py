"""The estimator: scikit-learn's contract, inductive codes, pipelines and bad input."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.classification import make_transfer_pipeline
from sparsetransfer.exceptions import ConvergenceWarning, DomainError, DomainWarning
from sparsetransfer.transfer import (
    KernelTransferSparseCoding,
    NeighbourGraph,
    TransferNMF,
    TransferSparseCoding,
    pack,
    transfer_learn,
)
from sparsetransfer.transfer.estimator.options import grouped


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.DomainWarning")
@parametrize_with_checks(
    [
        TransferSparseCoding(n_components=2, alpha=0.1, random_state=0),
        TransferSparseCoding(
            n_components=2, alpha=0.1, graph=NeighbourGraph(0.5, 2), mmd=0.0, random_state=0
        ),
    ],
    expected_failed_checks=lambda estimator: (
        {"check_fit2d_1sample": "one sample has no neighbours; the error says so"}
        if estimator.graph
        else {}
    ),
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def two_domains():
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(3, 10))
    ys, yt = rng.integers(3, size=70), rng.integers(3, size=50)
    Xs = centres[ys] + 0.5 * rng.normal(size=(70, 10))
    Xt = centres[yt] + 0.5 * rng.normal(size=(50, 10)) + 0.8 * rng.normal(size=10)
    unit = Normalizer()
    return unit.transform(Xs), ys, unit.transform(Xt), yt


def coder(**options):
    flat = {"n_components": 16, "alpha": 0.05, "random_state": 0, "kkt_tol": 1e-9, **options}
    return TransferSparseCoding(**grouped(flat))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"laplacian": 0.7},
        {"laplacian": 0.7, "graph_weights": "binary", "normalized_laplacian": True},
        {"laplacian": 0.7, "graph_weights": "heat", "l2": 0.1, "positive_code": True},
        {"positive_code": True, "positive_dict": True, "mmd": 600.0, "l2": 0.05},
    ],
)
def test_a_fitted_sample_gets_the_code_it_had(two_domains, options):
    X, y, domains = pack(*two_domains[:3])
    model = coder(**options).fit(X, y, sample_domain=domains)
    again = model.transform(X, sample_domain=domains)
    assert_allclose(again, model.codes_, atol=2e-6)
    # One by one as in bulk, and target is the default.
    alone = model.transform(X[-1:])
    assert_allclose(alone[0], model.codes_[-1], atol=2e-6)


def test_new_samples_solve_the_problem_with_everything_else_fixed(two_domains):
    Xs, ys, Xt, _ = two_domains
    X, y, domains = pack(Xs, ys, Xt[:30])
    model = coder(laplacian=0.7, graph_weights="binary", mmd=60.0)
    model.fit(X, y, sample_domain=domains)
    new = Xt[30:]
    codes = model.transform(new)
    strength = 60.0 / (1 / 70 + 1 / 30)
    pull = strength * (-1 / 30) * model.mean_difference_
    distances = np.linalg.norm(new[:, None] - X[None], axis=2)
    for x, s, row in zip(new, codes, distances, strict=True):
        neighbours = np.argsort(row, kind="stable")[:5]
        gradient = (
            (s @ model.components_ - x) @ model.components_.T
            + pull
            + 0.7 * (5 * s - model.codes_[neighbours].sum(axis=0))
        )
        violation = np.where(
            s != 0, np.abs(gradient + 0.05 * np.sign(s)), np.maximum(np.abs(gradient) - 0.05, 0)
        )
        assert violation.max() <= 1e-7


def test_masked_labels_stand_for_the_target(two_domains):
    X, y, domains = pack(*two_domains[:3])
    explicit = coder().fit(X, sample_domain=domains)
    implied = coder().fit(X, y)
    assert_array_equal(implied.codes_, explicit.codes_)
    names = np.array(["a", "b", "c"], dtype=object)[np.maximum(y, 0)]
    names[y < 0] = None
    assert_array_equal(coder().fit(X, names).codes_, explicit.codes_)


def test_known_target_labels_change_nothing(two_domains):
    Xs, ys, Xt, yt = two_domains
    X, y, domains = pack(Xs, ys, Xt)
    _, known, _ = pack(Xs, ys, Xt, yt)
    assert_array_equal(
        coder().fit(X, known, sample_domain=domains).codes_,
        coder().fit(X, y, sample_domain=domains).codes_,
    )


def test_several_domain_numbers_are_pooled_by_sign(two_domains):
    X, _, domains = pack(*two_domains[:3])
    finer = domains * np.where(np.arange(len(domains)) % 2, 1, 2)
    assert_array_equal(
        coder().fit(X, sample_domain=finer).codes_, coder().fit(X, sample_domain=domains).codes_
    )


@pytest.mark.parametrize("mmd", [0.0, 60.0])
def test_in_a_pipeline_before_a_classifier(two_domains, mmd):
    Xs, ys, Xt, yt = two_domains
    X, y, domains = pack(Xs, ys, Xt)
    model = make_transfer_pipeline(
        coder(mmd=mmd, n_components=24), LogisticRegression(C=10.0, max_iter=1000)
    )
    model.fit(X, y, sample_domain=domains)
    assert set(model.predict(Xt)) <= {0, 1, 2}
    assert np.mean(model.predict(Xt) == yt) > 0.6


def test_in_a_plain_pipeline(two_domains):
    Xs, ys, Xt, _ = two_domains
    X, _, domains = pack(Xs, ys, Xt)
    model = make_pipeline(Normalizer(), coder())
    codes = model.fit_transform(X, transfersparsecoding__sample_domain=domains)
    assert codes.shape == (120, 16)


def test_estimator_and_function_agree(two_domains):
    X, _, domains = pack(*two_domains[:3])
    start = X[:16]
    model = coder(dict_init=start, mmd=5.0).fit(X, sample_domain=domains)
    result = transfer_learn(X, start, domains, alpha=0.05, mmd=5.0, kkt_tol=1e-9)
    assert_array_equal(model.components_, result.components)
    assert_array_equal(model.codes_, result.codes.codes)
    assert_array_equal(model.history_, result.history)
    assert model.objective_ == result.codes.objective


def test_random_state_decides(two_domains):
    X, _, domains = pack(*two_domains[:3])

    def fit(state):
        return coder(random_state=state).fit(X, sample_domain=domains).components_

    assert_array_equal(fit(1), fit(1))
    assert_array_equal(fit(np.random.default_rng(1)), fit(np.random.default_rng(1)))
    assert not np.array_equal(fit(1), fit(2))


def test_clone_pickle_and_names(two_domains):
    X, _, domains = pack(*two_domains[:3])
    model = coder(laplacian=0.5).fit(X, sample_domain=domains)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.transform(X[:5]), model.transform(X[:5]))
    assert clone(model).get_params() == model.get_params()
    assert list(model.get_feature_names_out()[:2]) == [
        "transfersparsecoding0",
        "transfersparsecoding1",
    ]
    assert_allclose(model.inverse_transform(model.codes_), model.codes_ @ model.components_)


def test_float32_stays_float32(two_domains):
    X, _, domains = pack(*two_domains[:3])
    model = TransferSparseCoding(16, alpha=0.05, random_state=0)
    codes = model.fit_transform(X.astype(np.float32), sample_domain=domains)
    assert codes.dtype == model.components_.dtype == np.float32
    assert model.transform(X[:3].astype(np.float32)).dtype == np.float32
    assert model.kkt_violation_ <= 1e-3 * 0.05


def test_one_domain_says_that_nothing_is_transferred(two_domains):
    with pytest.warns(DomainWarning, match="MMD term is zero"):
        coder(mmd=10.0).fit(two_domains[0])


def test_a_fit_does_not_touch_its_input(two_domains):
    X, _, domains = pack(*two_domains[:3])
    before = X.copy()
    start = X[:16].copy()
    kept = start.copy()
    coder(dict_init=start).fit(X, sample_domain=domains)
    assert_array_equal(X, before)
    assert_array_equal(start, kept)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_components": 200}, ValueError, "n_components must be at most the number of samples"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": 3.5}, TypeError, "n_components must be an integer"),
        ({"alpha": -1.0}, ValueError, "alpha must be"),
        ({"laplacian": -1.0}, ValueError, "graph.weight must be"),
        ({"laplacian": 1.0, "n_neighbors": 500}, ValueError, "n_neighbors must be at most"),
        ({"laplacian": 1.0, "graph_weights": "nearest"}, ValueError, "weights must be"),
        ({"dict_init": np.zeros((3, 10))}, ValueError, "dict_init must have n_components=16 rows"),
        ({"max_iter": -1}, ValueError, "max_iter must be at least 0"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
    ],
)
def test_bad_parameters_are_named(two_domains, options, error, message):
    X, _, domains = pack(*two_domains[:3])
    with pytest.raises(error, match=message):
        coder(**options).fit(X, sample_domain=domains)


def test_bad_data_is_named(two_domains):
    X, _, domains = pack(*two_domains[:3])
    broken = X.copy()
    broken[4, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        coder().fit(broken, sample_domain=domains)
    with pytest.raises(DomainError, match="no target sample"):
        coder().fit(X, sample_domain=np.ones(len(X), int))
    with pytest.raises(DomainError, match="got 0"):
        coder().fit(X, sample_domain=np.zeros(len(X), int))
    with pytest.raises(ValueError, match="sample_domain must have shape"):
        coder().fit(X, sample_domain=domains[:-1])


def test_samples_too_small_for_the_penalty_are_named(two_domains):
    X, _, domains = pack(two_domains[0], two_domains[1], two_domains[2])
    with pytest.warns(ConvergenceWarning, match=r"all codes are zero: alpha=0\.02 outweighs"):
        TransferSparseCoding(3, random_state=0).fit(1e-9 * X, sample_domain=domains)


def test_unreachable_tolerance_warns(two_domains):
    X, _, domains = pack(*two_domains[:3])
    with pytest.warns(ConvergenceWarning, match="KKT violation"):
        coder(kkt_tol=1e-30).fit(X, sample_domain=domains)


@pytest.mark.parametrize(
    ("labels", "masked"),
    [([0, 1], [-1, -1]), ([0.5, 1.0], [np.nan, np.nan]), (["a", "b"], [None, None])],
)
def test_pack_masks_the_target(labels, masked):
    X, y, domains = pack([[0.0], [1.0]], labels, [[2.0], [3.0]])
    assert X.ravel().tolist() == [0, 1, 2, 3]
    assert domains.tolist() == [1, 1, -1, -1]
    assert list(y[:2]) == labels
    assert_array_equal(np.asarray(y[2:]), np.asarray(masked, dtype=np.asarray(y).dtype))


def test_pack_refuses_what_it_would_confuse():
    with pytest.raises(ValueError, match="ys must be known"):
        pack([[0.0], [1.0]], [0, -1], [[2.0]])
    with pytest.raises(ValueError, match="Xt must have 1 features, got 2"):
        pack([[0.0]], [0], [[2.0, 3.0]])
    with pytest.raises(ValueError, match="ys must have shape"):
        pack([[0.0]], [0, 1], [[2.0]])
    assert pack([[0.0]], np.array([3], dtype=np.uint8), [[1.0]])[1].tolist() == [3, -1]


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator", [TransferSparseCoding, KernelTransferSparseCoding, TransferNMF]
)
def test_the_default_number_of_atoms_works_on_any_number_of_rows(estimator):
    X = np.abs(np.random.default_rng(0).normal(size=(150, 4)))
    domains = np.tile([1, -1], 75)
    most = 32 if estimator is TransferNMF else 128
    for n in (2, 9, 150):
        model = estimator(max_iter=2, random_state=0).fit(X[:n], sample_domain=domains[:n])
        assert len(model.components_) == min(n, most)
    if estimator is not TransferNMF:
        start = {"dict_init": X[:5]}
        if estimator is TransferSparseCoding:
            start = grouped(start)
        given = estimator(max_iter=2, **start).fit(X, sample_domain=domains)
        assert len(given.components_) == 5
    with pytest.raises(ValueError, match="at most the number of samples, 9, got 10") as caught:
        estimator(10).fit(X[:9], sample_domain=domains[:9])
    assert "dict_init" not in str(caught.value)


def misses(caught):
    return [str(one.message) for one in caught if issubclass(one.category, ConvergenceWarning)]


@pytest.mark.parametrize("estimator", [TransferSparseCoding, TransferNMF])
def test_an_alternation_that_stops_early_warns_once(two_domains, estimator, recwarn):
    Xs, ys, Xt, _ = two_domains
    X, y, domains = pack(np.abs(Xs), ys, np.abs(Xt))
    settings = {"n_components": 16, "alpha": 0.05, "random_state": 0}
    model = estimator(max_iter=3, **settings)
    codes = model.fit_transform(X, y, sample_domain=domains)
    assert not model.converged_
    assert model.n_iter_ == 3
    (message,) = misses(recwarn.list)
    assert "stopped after 3 iterations before the objective settled" in message
    fall = (model.history_[0] - model.history_[2]) / 2 / model.history_[2]
    assert f"{fall:.2g} of itself per iteration" in message
    assert codes.shape == (len(X), 16)
    recwarn.clear()
    settled = estimator(**settings).fit(X, y, sample_domain=domains)
    assert not misses(recwarn.list)
    assert settled.converged_
    assert settled.n_iter_ < settled.max_iter
    assert (np.diff(settled.history_) <= 1e-10 * settled.history_[0]).all()
    last = settled.history_[-11:]
    assert (last[0] - last[-1]) / (len(last) - 1) <= settled.tol * last[-2]


def test_one_warning_speaks_of_the_alternation_and_of_its_codes(two_domains, recwarn):
    Xs, ys, Xt, _ = two_domains
    X, y, domains = pack(Xs, ys, Xt)
    settings = {"max_iter": 2, "solver": "gauss-seidel"}
    rounds = {"conditional": 1.0, "n_rounds": 3}
    assert not coder(**settings, **rounds).fit(X, y, sample_domain=domains).converged_
    (message,) = misses(recwarn.list)
    assert "KKT violation" in message
    assert "stopped after 2 iterations before the objective settled" in message


def test_an_alternation_that_was_told_to_stop_does_not_warn(two_domains, recwarn):
    Xs, ys, Xt, _ = two_domains
    X, y, domains = pack(Xs, ys, Xt)
    stopped = coder(callback=lambda progress: progress.iteration == 3)
    assert stopped.fit(X, y, sample_domain=domains).n_iter_ == 3
    assert not stopped.converged_
    assert coder(max_iter=0).fit(X, y, sample_domain=domains).n_iter_ == 0
    assert not misses(recwarn.list)


def test_samples_at_odd_addresses_are_coded_as_others():
    X = np.random.default_rng(0).normal(size=(20, 4))
    odd = np.frombuffer(b"x" + X.tobytes(), offset=1).reshape(X.shape)
    assert not odd.flags.aligned
    domain = np.repeat([1, -1], 10)
    coder = TransferSparseCoding(3, tol=0.1, random_state=0)
    one, two = (clone(coder).fit(rows, sample_domain=domain) for rows in (X, odd))
    np.testing.assert_array_equal(one.codes_, two.codes_)
    np.testing.assert_array_equal(one.transform(X), two.transform(odd))
    one, two = (clone(coder).partial_fit(rows, sample_domain=domain) for rows in (X, odd))
    np.testing.assert_array_equal(one.components_, two.components_)
