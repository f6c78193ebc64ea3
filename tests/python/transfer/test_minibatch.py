"""Mini-batches: exact running means, certified batches, and progress towards the whole fit."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sparsetransfer.exceptions import DomainError
from sparsetransfer.transfer import TransferSparseCoding, couple_domains, transfer_encode
from sparsetransfer.transfer.estimator.options import grouped


def stream(n=600, d=12, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, d))[rng.integers(5, size=n)] + 0.4 * rng.normal(size=(n, d))
    domains = np.where(rng.random(n) < 0.6, 1, -1)
    X[domains < 0] += 0.6 * rng.normal(size=d)
    return X / np.linalg.norm(X, axis=1, keepdims=True), domains


def coder(**options):
    flat = {"n_components": 16, "alpha": 0.05, "random_state": 0, **options}
    return TransferSparseCoding(**grouped(flat))


def test_a_first_batch_is_coded_like_a_whole_set():
    X, domains = stream(100)
    model = coder(dict_init=X[:16], kkt_tol=1e-9).partial_fit(X, sample_domain=domains)
    whole = transfer_encode(X, X[:16], domains, alpha=0.05, mmd=60.0, kkt_tol=1e-9)
    assert_allclose(model.codes_, whole.codes, atol=1e-6)
    assert_allclose(model.mean_difference_, whole.mean_difference, atol=1e-7)


def test_a_later_batch_minimises_its_own_objective():
    X, domains = stream(260)
    model = coder(kkt_tol=1e-9, n_components=60)  # nothing fades before 300 samples
    first = model.partial_fit(X[:150], sample_domain=domains[:150]).codes_
    D = model.components_
    second = model.partial_fit(X[150:], sample_domain=domains[150:]).codes_
    # The definition: M over both batches, the first one's codes held fixed.
    m = couple_domains(domains).pooled
    delta = m[:150] @ first + m[150:] @ second
    gradient = (second @ D - X[150:]) @ D.T + 60.0 / (m @ m) * np.outer(m[150:], delta)
    violation = np.where(
        second != 0,
        np.abs(gradient + 0.05 * np.sign(second)),
        np.maximum(np.abs(gradient) - 0.05, 0),
    )
    assert violation.max() <= 1e-8
    assert model.kkt_violation_ <= 1e-9 * 0.05
    assert_allclose(model.mean_difference_, delta, atol=1e-12)


def test_batches_may_lack_a_domain():
    X, domains = stream(300)
    model = coder()
    order = np.argsort(-domains, kind="stable")  # all of the source, then all of the target
    for rows in np.array_split(order, 6):
        model.partial_fit(X[rows], sample_domain=domains[rows])
    assert model.mean_difference_.any()
    assert np.isfinite(model.transform(X)).all()


def test_transform_pulls_towards_the_running_means():
    X, domains = stream(400)
    model = coder(kkt_tol=1e-9, n_components=90)
    for rows in np.array_split(np.arange(400), 4):
        model.partial_fit(X[rows], sample_domain=domains[rows])
    counts = np.array([(domains > 0).sum(), (domains < 0).sum()])
    strength = 60.0 / (1 / counts).sum()
    for side, pull in ((1, strength / counts[0]), (-1, -strength / counts[1])):
        codes = model.transform(X[:5], sample_domain=np.full(5, side))
        gradient = (codes @ model.components_ - X[:5]) @ model.components_.T
        gradient += pull * model.mean_difference_
        violation = np.where(
            codes != 0,
            np.abs(gradient + 0.05 * np.sign(codes)),
            np.maximum(np.abs(gradient) - 0.05, 0),
        )
        assert violation.max() <= 1e-8
        one_by_one = [model.transform(x[None], sample_domain=[side])[0] for x in X[:5]]
        assert_allclose(one_by_one, codes, atol=1e-7)


@pytest.mark.parametrize("mmd", [0.0, 60.0])
def test_passes_over_batches_approach_the_whole_fit(mmd):
    X, domains = stream(600)
    whole = coder(mmd=mmd).fit(X, sample_domain=domains)
    model = coder(mmd=mmd)
    start = None
    for _ in range(12):
        for rows in np.array_split(np.arange(600), 6):
            model.partial_fit(X[rows], sample_domain=domains[rows])
            if start is None:
                start = model.components_

    def cost(D):
        return transfer_encode(X, D, domains, alpha=0.05, mmd=mmd).objective

    assert cost(model.components_) < 1.05 * whole.objective_
    assert cost(model.components_) < cost(start)


def test_memory_does_not_grow_with_the_batches():
    X, domains = stream(4000)
    model = coder().partial_fit(X[:100], sample_domain=domains[:100])
    tracemalloc.start()
    model.partial_fit(X[100:200], sample_domain=domains[100:200])
    early = tracemalloc.get_traced_memory()[0]
    for rows in np.array_split(np.arange(200, 4000), 38):
        model.partial_fit(X[rows], sample_domain=domains[rows])
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late - early < 64 * 1024


def test_fit_begins_anew_and_float32_stays():
    X, domains = stream(200)
    model = coder().partial_fit(X, sample_domain=domains)
    fitted = model.fit(X, sample_domain=domains).components_
    assert_array_equal(fitted, coder().fit(X, sample_domain=domains).components_)
    again = model.partial_fit(X, sample_domain=domains).components_
    assert_array_equal(again, coder().partial_fit(X, sample_domain=domains).components_)
    single = coder().partial_fit(X.astype(np.float32), sample_domain=domains)
    assert single.components_.dtype == single.codes_.dtype == np.float32


def test_what_mini_batches_cannot_do_is_named():
    X, domains = stream(100)
    for options, name in (
        ({"laplacian": 1.0}, "weight"),
        ({"conditional": 1.0}, "conditional"),
        ({"label": 1.0}, "weight"),
        ({"contrast": "all"}, "pairing"),
    ):
        assert not hasattr(coder(**options), "partial_fit")
        with pytest.raises(AttributeError) as caught:
            coder(**options).partial_fit(X, sample_domain=domains)
        assert f"partial_fit needs {name}=" in str(caught.value.__cause__)
    with pytest.raises(DomainError, match="got 0"):
        coder().partial_fit(X, sample_domain=np.zeros(100, int))
    with pytest.raises(ValueError, match="n_components must be at most"):
        coder().partial_fit(X[:3])
    with pytest.raises(NotFittedError):
        coder().transform(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [("solver", "fista"), ("dictionary_update", "lagrange_dual"), ("callback", print)],
)
def test_what_batches_cannot_honour_is_refused_by_name(name, value):
    X, domains = stream(200)
    model = coder(**{name: value})
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as raised:
        model.partial_fit(X, sample_domain=domains)
    assert f"partial_fit needs {name}=" in str(raised.value.__cause__)
