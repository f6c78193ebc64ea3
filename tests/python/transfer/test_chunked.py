"""`TransferSparseCoding` on chunks: the problem of the array, solved chunk by chunk."""

import warnings

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from sparsetransfer.distributed import Chunks, Local
from sparsetransfer.exceptions import ConvergenceWarning, DomainError
from sparsetransfer.transfer import (
    TransferSparseCoding,
    couple_classes,
    couple_domains,
    transfer_encode,
)
from sparsetransfer.transfer.estimator.chunked import learn_chunks
from sparsetransfer.transfer.estimator.options import grouped

rng = np.random.default_rng(0)
SOURCE = rng.normal(size=(90, 12))
TARGET = rng.normal(0.4, 1, size=(70, 12))
X = np.vstack([SOURCE, TARGET])
DOMAIN = np.repeat([1, -1], [90, 70])


def chunks(size=25):
    return Chunks.from_array(SOURCE, chunk_size=size) + Chunks.from_array(
        TARGET, chunk_size=size, domain=-1
    )


@pytest.fixture(autouse=True)
def calm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def fitted(**parameters):
    settings = {"alpha": 0.3, "mmd": 20.0, "max_iter": 20, "random_state": 0, **parameters}
    return TransferSparseCoding(8, **grouped(settings)).fit(chunks())


def test_the_certificate_is_that_of_the_coupled_problem():
    # No atom moves within one alternation before its codes are certified.
    start = X[:8] / np.linalg.norm(X[:8], axis=1, keepdims=True)
    coder = fitted(dict_init=start, max_iter=1)
    peer = transfer_encode(X, start, alpha=0.3, mmd=20.0, sample_domain=DOMAIN, kkt_tol=1e-9)
    assert coder.objective_ == pytest.approx(peer.objective, rel=1e-7)
    assert coder.duality_gap_ <= 1e-6 * coder.objective_


def test_transform_gives_the_codes_of_the_whole():
    coder = fitted(max_iter=100, tol=1e-12)
    codes = coder.transform(X, sample_domain=DOMAIN)
    peer = transfer_encode(
        X, coder.components_, alpha=0.3, mmd=20.0, sample_domain=DOMAIN, kkt_tol=1e-9
    )
    np.testing.assert_allclose(codes, peer.codes, atol=5e-3)
    difference = codes[:90].mean(axis=0) - codes[90:].mean(axis=0)
    np.testing.assert_allclose(difference, coder.mean_difference_, atol=5e-3)


def test_classes_pull_new_samples_by_their_mean():
    labels = np.arange(160) % 3
    labels[::7] = -1
    start = X[:8] / np.linalg.norm(X[:8], axis=1, keepdims=True)
    options = {"alpha": 0.3, "mmd": 20.0, "max_iter": 1, "dict_init": start, "conditional": 0.5}
    coder = TransferSparseCoding(8, **grouped(options))
    learned, pulls = learn_chunks(coder, chunks().with_labels(labels), None)
    coupling = couple_domains(DOMAIN) + 0.5 * couple_classes(DOMAIN, labels)
    peer = transfer_encode(X, start, alpha=0.3, mmd=20.0, coupling=coupling, kkt_tol=1e-9)
    assert learned.objective == pytest.approx(peer.objective, rel=1e-7)
    E = coupling.factor(20.0)
    expected = [E[side].mean(axis=0) @ (E.T @ peer.codes) for side in (DOMAIN > 0, DOMAIN < 0)]
    np.testing.assert_allclose(pulls, expected, atol=1e-3 * np.abs(expected).max())


def test_a_graph_within_chunks_is_part_of_the_fit():
    coder = fitted(laplacian=2.0)
    rough = fitted()
    assert coder.objective_ > rough.objective_
    assert coder.transform(X[:3]).shape == (3, 8)


def test_it_finds_as_good_a_point_as_the_array():
    start = X[:8] / np.linalg.norm(X[:8], axis=1, keepdims=True)
    parameters = {"dict_init": start, "max_iter": 100, "tol": 1e-10}
    coder = fitted(**parameters)
    whole = TransferSparseCoding(8, alpha=0.3, mmd=20.0, **grouped(parameters))
    whole.fit(X, sample_domain=DOMAIN)
    assert coder.objective_ == pytest.approx(whole.objective_, rel=1e-2)


def test_an_array_may_follow_chunks_and_the_other_way():
    coder = fitted()
    assert not hasattr(coder, "codes_")
    coder.fit(X, sample_domain=DOMAIN)
    assert coder.codes_.shape == (160, 8)
    coder.fit(chunks(), engine=Local())
    assert not hasattr(coder, "codes_")
    assert coder.get_feature_names_out().shape == (8,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"conditional": 0.5, "n_rounds": 1}, "n_rounds=1 does not work on chunks"),
        ({"conditional": 0.5}, "conditional needs labels"),
        ({"class_weight": "prior"}, "class_weight='prior'"),
        ({"kkt_tol": 1e-9}, "kkt_tol=1e-09 does not work on chunks; it must be None"),
        ({"classifier": KNeighborsClassifier(3)}, "classifier=KNeighborsClassifier"),
        ({"soft_labels": True}, "soft_labels=True does not work on chunks"),
        ({"laplacian": -1.0}, "laplacian"),
        ({"label": 1.0}, "weight=1.0 does not work"),
        ({"callback": print}, "callback="),
        ({"n_components": 1000}, "at most the number of samples, 160, got 1000"),
        ({"alpha": 0.0}, "alpha"),
    ],
)
def test_what_needs_all_samples_is_refused(parameters, message):
    with pytest.raises((ValueError, DomainError), match=message):
        TransferSparseCoding(**grouped({"n_components": 8, **parameters})).fit(chunks())


def test_domains_belong_to_the_chunks():
    with pytest.raises(ValueError, match="neither y nor sample_domain"):
        TransferSparseCoding(8).fit(chunks(), sample_domain=DOMAIN)
    with pytest.raises(ValueError, match="engine codes chunks"):
        TransferSparseCoding(8).fit(X, engine=Local())
    with pytest.raises(DomainError, match="couples two domains"):
        TransferSparseCoding(8).fit(Chunks.from_array(SOURCE))


def test_what_only_arrays_have_is_refused_by_name():
    coder = TransferSparseCoding(8, alpha=0.3, random_state=0)
    with pytest.raises(TypeError, match="chunks leave none, got Chunks; call fit"):
        coder.fit_transform(chunks())
    with pytest.raises(ValueError, match="give no pseudo_labels"):
        coder.fit(chunks(), pseudo_labels=np.zeros(70, int))
