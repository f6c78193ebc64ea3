"""Optimal transport and importance weights: peers, optimality, limits, and blindness to target labels."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.svm import LinearSVC

from sparsetransfer.evaluation import compare, make_methods, run
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.methods import covariate_shift
from sparsetransfer.evaluation.methods.covariate_shift import kernel_mean_matching, kliep

WEIGHTS = {"kliep": kliep, "kmm": kernel_mean_matching}
NAMES = ("optimal-transport", *WEIGHTS)


def made(name, **settings):
    if name == "optimal-transport":
        pytest.importorskip("ot", reason="the extra 'transport' is not installed")
    return make_methods([name], {name: settings} if settings else {})


def machine(cell, rows, labels, target, weights=None):
    """What the SVM of the table with the chosen cost says of the target."""
    scale = 1 / np.sqrt(np.square(rows).sum(axis=1).mean())
    cost = cell.diagnostics["classifier"]["parameters"]
    options = {"dual": "auto", "max_iter": 10_000, "random_state": 0}
    fitted = LinearSVC(**cost, class_weight="balanced", **options).fit(
        rows * scale, labels, weights
    )
    return fitted.predict(target * scale).tolist()


@pytest.fixture
def shifted():
    """Rows of one density, and of another that the weights have to turn it into."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(150, 3)), rng.normal([0.8, 0, 0], 0.7, size=(120, 3))


@pytest.fixture
def wide():
    """The same in so many features that kernels of different rows differ: one minimum."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(150, 30)), rng.normal(0.8 * (np.arange(30) < 1), 0.7, size=(120, 30))


@pytest.mark.parametrize("name", NAMES)
def test_target_labels_change_scores_only(domains, protocol, name):
    methods, (source, target) = made(name), domains
    labels = np.random.default_rng(0).permutation(target.labels)
    first, second = (
        run([source, t], methods, protocol).cells[0]
        for t in (target, replace(target, labels=labels))
    )
    assert first.predictions == second.predictions
    assert first.diagnostics == second.diagnostics
    assert first.scores.uar != second.scores.uar


@pytest.mark.parametrize("name", NAMES)
def test_they_stand_in_a_table_and_recognise_more_than_chance(domains, protocol, name):
    study = run(domains, [*made(name), *make_methods(["majority"])], protocol)
    assert study.cells[0].scores.uar > 0.6
    assert name in {row.method for row in compare(study, baseline="majority")[0]}


# Optimal transport


def test_transport_is_that_of_pot(domains, protocol):
    (method,) = made("optimal-transport", reg_e=0.2, reg_cl=0.05)
    from ot.da import SinkhornLpl1Transport

    cell = run(domains, [method], protocol).cells[0]
    source, target = (standardise(domain.features) for domain in domains)
    peer = SinkhornLpl1Transport(0.2, 0.05, norm="median", max_inner_iter=1000)
    labels = np.unique(domains[0].labels, return_inverse=True)[1]
    moved = peer.fit(Xs=source, ys=labels, Xt=target).transform(Xs=source)
    assert list(cell.predictions) == machine(cell, moved, domains[0].labels, target)
    error = cell.diagnostics["transport"]["largest_relative_error_of_margins"]
    assert error == pytest.approx(np.abs(90 * peer.coupling_.sum(axis=1) - 1).max())
    assert error < 0.01


def test_a_plan_that_underflows_is_refused(domains, protocol):
    (method,) = made("optimal-transport", reg_e=1e-5)
    with pytest.raises(ValueError, match=r"underflows with reg_e=1e-05 .*: raise reg_e"):
        run(domains, [method], protocol)


def test_without_pot_the_extra_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(covariate_shift, "find_spec", lambda name: None)
    with pytest.raises(ValueError) as caught:
        make_methods(["optimal-transport"])
    assert str(caught.value) == (
        "method 'optimal-transport' needs the extra 'transport': "
        'pip install "sparsetransfer[transport]"'
    )


@pytest.mark.parametrize(
    ("name", "settings", "complaint"),
    [
        ("optimal-transport", {"reg_e": 0.0}, r"reg_e must be a number in \(0, inf\), got 0.0"),
        ("optimal-transport", {"reg_cl": -1.0}, r"reg_cl must be a number in \[0, inf\), got -1.0"),
        ("kmm", {"estimator": "ulsif"}, "estimator must be one of 'kliep', 'kmm', got 'ulsif'"),
        ("kliep", {"classifier": "forest"}, "classifier must be one of svm"),
    ],
)
def test_bad_settings_are_refused_before_the_work(name, settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        made(name, **settings)


# Weights


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_keep_their_limits_and_match_the_target(shifted, name):
    source, target = shifted
    weights = WEIGHTS[name](source, target)
    assert weights.shape == (150,)
    assert weights.min() >= 0
    assert weights.max() <= 1000
    assert abs(weights.mean() - 1) <= (1e-12 if name == "kliep" else 1 - 150**-0.5)
    mean = weights @ source / weights.sum()
    before = np.linalg.norm(source.mean(axis=0) - target.mean(axis=0))
    assert np.linalg.norm(mean - target.mean(axis=0)) < 0.3 * before


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_rotation_and_a_shift_of_both_domains_change_nothing(wide, name):
    source, target = wide
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(30, 30)))[0]
    plain = WEIGHTS[name](source, target)
    moved = WEIGHTS[name](5 + 2 * source @ turn, 5 + 2 * target @ turn)
    assert_allclose(moved, plain, atol=1e-3)


@pytest.mark.parametrize("name", WEIGHTS)
def test_order_of_source_rows_does_not_matter(wide, name):
    source, target = wide
    order = np.random.default_rng(2).permutation(len(source))
    plain = WEIGHTS[name](source, target)
    assert_allclose(WEIGHTS[name](source[order], target), plain[order], atol=1e-3)


def kernels(source, target):
    """Those of kernel mean matching, written anew."""
    rows = np.vstack([source, target])
    median = np.median(cdist(rows, rows, "sqeuclidean")[np.triu_indices(len(rows), 1)])
    kernel = np.exp(-cdist(source, source, "sqeuclidean") / median)
    kappa = len(source) * np.exp(-cdist(source, target, "sqeuclidean") / median).mean(axis=1)
    return kernel, kappa


def test_no_feasible_direction_improves_kernel_mean_matching(shifted):
    kernel, kappa = kernels(*shifted)
    weights = kernel_mean_matching(*shifted)
    slope = kernel @ weights - kappa
    assert_allclose(slope[weights > 1e-6], 0, atol=1e-4 * kappa.max())
    assert slope.min() > -1e-4 * kappa.max()


@pytest.mark.parametrize("distance", [30.0, 3e3])
def test_the_mean_weight_is_held_where_the_domains_are_far_apart(distance):
    rng = np.random.default_rng(0)
    source = rng.normal(size=(40, 2))
    target = distance + 1e-3 * rng.normal(size=(2000, 2))  # the median is of the target's pairs
    weights = kernel_mean_matching(source, target)
    assert weights.mean() == pytest.approx(40**-0.5, rel=1e-3)


@pytest.fixture
def skada():
    with sklearn.config_context():
        yield pytest.importorskip("skada", reason="skada is not installed: only compared with")


@pytest.mark.filterwarnings("ignore")
def test_kernel_mean_matching_is_not_worse_than_skadas(skada, shifted):
    source, target = shifted[0][:60], shifted[1][:50]
    kernel, kappa = kernels(source, target)
    rows = np.vstack([source, target])
    median = np.median(cdist(rows, rows, "sqeuclidean")[np.triu_indices(110, 1)])
    peer = skada.KMMReweightAdapter(gamma=1 / median, solver="scipy", tol=1e-12, max_iter=3000)
    peer.fit(rows, sample_domain=np.repeat([1, -1], [60, 50]))

    def loss(weights):
        return weights @ kernel @ weights / 2 - kappa @ weights

    ours = kernel_mean_matching(source, target)
    assert loss(ours) <= loss(peer.source_weights_) + 1e-6 * abs(loss(ours))
    assert loss(ours) == pytest.approx(loss(peer.source_weights_), rel=1e-4)


def test_kliep_is_optimal_for_the_bandwidth_that_it_chose(shifted, monkeypatch):
    source, target = shifted
    seen = []
    solve = covariate_shift._ratio
    monkeypatch.setattr(
        covariate_shift,
        "_ratio",
        lambda kernel, mean: seen.append((kernel, mean, solve(kernel, mean))) or seen[-1][2],
    )
    kliep(source, target)
    assert len(seen) == 26  # five folds of five bandwidths, and all target rows
    for kernel, mean, alpha in seen:
        assert mean @ alpha == pytest.approx(1, abs=1e-6)
        # A concave problem on the simplex: the gap of Frank and Wolfe bounds the distance to it.
        gap = np.max(kernel.T @ (1 / (kernel @ alpha)) / mean) / len(kernel) - 1
        assert gap < 1e-4


def test_weights_reach_the_last_fit_only(domains, protocol):
    plain, weighted = run(domains, make_methods(["svm", "kmm"]), protocol).cells
    assert plain.diagnostics["classifier"] == weighted.diagnostics["classifier"]
    source, target = (standardise(domain.features) for domain in domains)
    weights = kernel_mean_matching(source, target)
    expected = machine(plain, source, domains[0].labels, target, weights / weights.mean())
    assert list(weighted.predictions) == expected
    effective = weighted.diagnostics["weights"]["effective_rows"]
    assert effective == pytest.approx(weights.sum() ** 2 / np.square(weights).sum())


def test_domains_that_no_kernel_relates_are_refused(shifted):
    source, target = shifted
    with pytest.raises(ValueError, match=r"so far apart that a Gaussian of width .* by corpus"):
        kliep(source, target + 1e3)


@pytest.mark.parametrize("name", WEIGHTS)
def test_rows_that_are_all_alike_are_refused_in_the_words_of_the_user(name):
    with pytest.raises(ValueError, match=r"pairs of .* rows are equal.*leave out copies"):
        WEIGHTS[name](np.ones((8, 2)), np.ones((6, 2)))


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_rows_of_the_target_are_enough(shifted, name, count):
    source, target = shifted
    weights = WEIGHTS[name](source, target[:count])
    assert weights.shape == (len(source),)
    assert np.isfinite(weights).all()
    assert weights.max() > weights.min() >= 0
