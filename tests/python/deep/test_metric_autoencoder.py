import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.deep import AFFECT, EMODB_AFFECT, CheckpointError, MetricAutoencoder
from sparsetransfer.deep.affect import affect_of
from sparsetransfer.exceptions import DomainError


def make(n=80, n_features=12, seed=0):
    """Features move along two directions with activation and valence, and with the corpus."""
    rng = np.random.default_rng(seed)
    names = np.array(["anger", "happiness", "sadness", "neutral"])
    truth = names[rng.integers(0, 4, n)]
    domain = np.where(np.arange(n) < n // 2, 1, -1)
    mixing = rng.normal(size=(2, n_features))
    X = affect_of(truth) @ mixing + rng.normal(0, 0.1, (n, n_features))
    X += 0.5 * (domain < 0)[:, None]
    return X, truth, domain


FAST = {"max_epochs": 60, "learning_rate": 1e-2, "batch_size": 20, "noise": 0.1, "random_state": 0}


@pytest.mark.parametrize(
    ("dimension", "columns"), [("activation", [0]), ("valence", [1]), ("both", [0, 1])]
)
def test_the_embedding_follows_the_labels_in_both_corpora(dimension, columns):
    X, truth, domain = make()
    y = np.where(domain > 0, truth.astype(object), None)
    options = FAST | {"max_epochs": 150, "learning_rate": 2e-2}
    model = MetricAutoencoder(dimension, n_components=4, **options).fit(X, y, sample_domain=domain)
    found = model.predict_dimensions(X, sample_domain=domain)
    for column, values in zip(columns, found.T, strict=True):
        for side in (domain > 0, domain < 0):
            expected = affect_of(truth[side])[:, column]
            assert np.corrcoef(values[side], expected)[0, 1] > 0.9
    assert np.mean(model.predict(X, sample_domain=domain) == truth) > 0.6


def test_unrated_samples_move_the_reconstruction_only():
    X, truth, _ = make()
    network = MetricAutoencoder(**{**FAST, "max_epochs": 1}).fit(X, truth).network_
    model = MetricAutoencoder("both", noise=0.0)
    features = torch.from_numpy(X).float()
    rated = torch.from_numpy(affect_of(truth))
    rated[10:] = torch.nan
    partly = model._loss(network, features, rated).exp()
    error = torch.nn.functional.mse_loss(network(features)[1], features)
    metric = model._loss(network, features[:10], rated[:10]).exp()
    error_rated = torch.nn.functional.mse_loss(network(features[:10])[1], features[:10])
    assert (partly - error).item() == pytest.approx((metric - error_rated).item(), rel=1e-4)


def test_spacing_is_the_scale_of_the_labels():
    """Labels three times as far apart are the same labels at a third of the spacing."""
    X, truth, domain = make()
    options = FAST | {"max_epochs": 3}
    found = []
    for spacing, factor in ((2.0, 1.0), (0.5, 4.0)):
        model = MetricAutoencoder(spacing=spacing, **options)
        model.fit(X, truth, sample_domain=domain, dimensions=factor * affect_of(truth))
        found.append((model.transform(X), model.predict_dimensions(X) / factor))
    for first, second in zip(*found, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


def test_the_default_spacing_is_that_of_published_ratings():
    """Ratings from 1 to 5 are twice as far apart as labels from -1 to 1."""
    X, truth, _ = make()
    first = {}
    for name, spacing, dimensions in (
        ("default", {}, None),
        ("ratings", {"spacing": 1.0}, 3 + 2 * affect_of(truth)),
        ("labels", {"spacing": 1.0}, None),
    ):
        model = MetricAutoencoder(**spacing, **FAST | {"max_epochs": 2, "learning_rate": 1e-4})
        first[name] = model.fit(X, truth, dimensions=dimensions).history_["loss"][0]
    assert first["default"] == pytest.approx(first["ratings"], rel=1e-4)
    assert first["default"] != pytest.approx(first["labels"], rel=1e-3)


def test_the_twin_without_labels_minimises_the_squared_error_itself():
    X, _, _ = make()
    network = MetricAutoencoder(None, **FAST | {"max_epochs": 1}).fit(X).network_
    features = torch.from_numpy(X).float()
    found = MetricAutoencoder(None, noise=0.0)._loss(network, features, torch.ones(len(X), 0))
    expected = torch.nn.functional.mse_loss(network(features)[1], features)
    assert found.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("value", [0.1, 1e6 / 3, 0.0])
def test_a_constant_feature_keeps_its_unit(value):
    """The mean of equal numbers is not that number to the last bit, so that its deviation is not 0."""
    X, truth, domain = make(n=70)
    X[:, 3] = value
    model = MetricAutoencoder(**FAST | {"max_epochs": 1}).fit(X, truth, sample_domain=domain)
    assert (model.scale_[:, 3] == 1).all()


def test_balanced_batches_hold_every_class_and_every_target_row():
    X, truth, domain = make()
    rare = np.flatnonzero((truth == truth[0]) & (domain > 0))[3:]
    truth = np.delete(truth, rare)
    X, domain = np.delete(X, rare, axis=0), np.delete(domain, rare)
    y = np.where(domain > 0, truth.astype(object), None)
    drawn = []

    class Watched(MetricAutoencoder):
        def _loss(self, network, features, wanted, *, done=1.0):
            drawn.append((features, wanted))
            return super()._loss(network, features, wanted, done=done)

    options = FAST | {"max_epochs": 1, "batch_size": 24}
    Watched(**options, balanced_batches=True).fit(X, y, sample_domain=domain)
    for _, wanted in drawn:
        known = wanted[~wanted.isnan().any(dim=1)]
        counts = known.unique(dim=0, return_counts=True)[1]
        assert len(counts) == len(np.unique(truth))
        assert counts.max() - counts.min() <= 1
    targets = torch.cat([f[w.isnan().all(dim=1)] for f, w in drawn])
    assert len(targets.unique(dim=0)) == np.sum(domain < 0)


def test_held_out_speakers_end_the_training():
    X, truth, domain = make()
    speakers = np.arange(len(X)) % 5
    model = MetricAutoencoder(
        **FAST | {"max_epochs": 200, "learning_rate": 0.05}, validation_fraction=0.3, patience=3
    ).fit(X, truth, sample_domain=domain, groups=speakers)
    values = model.history_["validation_loss"]
    assert len(values) < 200
    assert len(values) - 1 - int(np.argmin(values)) == 3


def test_the_metric_grows_over_the_warm_up():
    X, truth, _ = make()
    model = MetricAutoencoder(noise=0.0, warmup=0.5)
    network = MetricAutoencoder(**FAST | {"max_epochs": 1}).fit(X, truth).network_.train()
    features, wanted = torch.from_numpy(X).float(), torch.from_numpy(affect_of(truth))
    error = torch.nn.functional.mse_loss(network(features)[1], features).item()
    parts = [
        model._loss(network, features, wanted, done=done).exp().item() - error
        for done in (0.0, 0.25, 1.0)
    ]
    full = MetricAutoencoder(noise=0.0)._loss(network, features, wanted).exp().item() - error
    assert parts[0] == pytest.approx(0, abs=1e-5)
    assert parts[1:] == pytest.approx([full * np.tanh(0.75), full * np.tanh(3)], rel=1e-4)


def test_published_ratings_agree_with_the_convention_in_sign():
    """Of EMO-DB's classes both tell the unpleasant ones and the excited ones from the others."""
    for emotion, (activation, valence) in EMODB_AFFECT.items():
        ours = AFFECT[emotion]
        assert valence == 0 or np.sign(valence) == np.sign(ours[1])
        assert emotion in ("neutral", "disgust") or np.sign(activation) == np.sign(ours[0])
    X, truth, domain = make()
    model = MetricAutoencoder(**FAST | {"max_epochs": 1})
    rated, given = (
        model.fit(X, truth, sample_domain=domain, **options).transform(X)
        for options in (
            {"affect": EMODB_AFFECT},
            {"dimensions": affect_of(truth, EMODB_AFFECT)},
        )
    )
    np.testing.assert_array_equal(rated, given)


def test_target_labels_and_ratings_are_not_looked_at():
    X, truth, domain = make()
    ratings = affect_of(truth)
    changed, told = ratings.copy(), truth.copy()
    changed[domain < 0] = 0.77
    told[domain < 0] = "anger"
    models = [
        MetricAutoencoder(**{**FAST, "max_epochs": 2}).fit(X, y, sample_domain=domain, dimensions=d)
        for y, d in ((truth, ratings), (told, changed))
    ]
    np.testing.assert_array_equal(*(m.transform(X) for m in models))


def test_ratings_replace_the_map():
    X, truth, _ = make()
    same = [
        MetricAutoencoder(**{**FAST, "max_epochs": 2}).fit(X, truth, dimensions=d).transform(X)
        for d in (None, affect_of(truth))
    ]
    np.testing.assert_array_equal(*same)


def test_without_labels_it_is_an_autoencoder():
    X, _, _ = make()
    model = MetricAutoencoder(None, **FAST).fit(X)
    assert model.transform(X).shape == (80, 2)
    assert not hasattr(model, "predict")
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    with pytest.raises(ValueError, match="dimension is None"):
        model.predict_dimensions(X)
    with pytest.raises(DomainError, match="sample_domain must"):
        model.transform(X[:2], sample_domain=[-1, 0])


@pytest.mark.parametrize("labels", [True, False])
def test_a_saved_model_answers_as_before(tmp_path, labels):
    X, truth, _ = make()
    model = MetricAutoencoder(**{**FAST, "max_epochs": 2}).fit(X, truth if labels else None)
    model.save(tmp_path / "model.st")
    loaded = MetricAutoencoder.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    if labels:
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    (tmp_path / "model.st").write_bytes((tmp_path / "model.st").read_bytes()[:200])
    with pytest.raises(CheckpointError):
        MetricAutoencoder.load(tmp_path / "model.st")


@pytest.mark.parametrize(
    ("options", "fit", "message"),
    [
        ({"dimension": "arousal"}, {}, "dimension"),
        ({"n_components": 3}, {}, "even"),
        ({"noise": -1.0}, {}, "noise"),
        ({"spacing": 0.0}, {}, "spacing"),
        ({}, {"y": ["rage"] * 4}, "rage"),
        ({}, {"y": ["anger"] * 3}, "samples, y has"),
        ({}, {"y": ["anger"] * 4}, "two classes"),
        ({}, {"dimensions": np.ones((4, 1))}, "dimensions"),
        ({}, {"dimensions": np.full((4, 2), np.inf)}, "dimensions"),
    ],
)
def test_bad_input_is_named(options, fit, message):
    X = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(ValueError, match=message):
        MetricAutoencoder(max_epochs=1, **options).fit(X, **fit)


def test_the_map_of_emotions_lists_what_it_does_not_know():
    with pytest.raises(ValueError, match="joy, rage"):
        affect_of(["anger", "rage", "joy"])
    assert np.isnan(affect_of([None, float("nan"), -1])).all()


@parametrize_with_checks(
    [MetricAutoencoder(None, n_components=4, noise=0.3, learning_rate=1e-2, random_state=0)],
    expected_failed_checks=lambda _: {
        "check_classifiers_classes": "the label -1 means unknown by contract",
        "check_supervised_y_no_nan": "NaN means unknown by contract",
    },
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
