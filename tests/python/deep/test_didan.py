import dataclasses
import warnings
from typing import get_args

import numpy as np
import pandas
import pytest
import torch

from sparsetransfer.deep import DIDAN, CheckpointError, losses
from sparsetransfer.deep.networks.regressor import valence_groups
from sparsetransfer.deep.training.alignment import Alignment, alignment_loss, growth
from sparsetransfer.deep.training.sequences import balanced_order, batches_of, pad
from sparsetransfer.exceptions import DomainError, DomainWarning

SMALL = {"channels": (4, 8), "hidden": (16, 8, 8), "batch_size": 16, "random_state": 0}


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.network_.parameters()])


@pytest.fixture(scope="module")
def fitted(speech):
    model = DIDAN(**SMALL, max_epochs=15, learning_rate=5e-3, validation_fraction=0.0)
    return model.fit(speech.X, speech.y, sample_domain=speech.sample_domain)


@pytest.mark.parametrize("alignment", [None, *get_args(Alignment)])
def test_every_alignment_overfits_one_batch(speech, alignment):
    model = DIDAN(
        alignment,
        weight=0.1,
        **{**SMALL, "batch_size": 64},
        dropout=0.0,
        max_epochs=60,
        learning_rate=1e-2,
        crop_frames=100,
        validation_fraction=0.0,
    ).fit(speech.X, speech.y, sample_domain=speech.sample_domain)
    source = speech.sample_domain > 0
    found = model.predict(
        [x for x, s in zip(speech.X, source, strict=True) if s], sample_domain=np.ones(source.sum())
    )
    assert (found == speech.truth[source]).all()


@pytest.mark.parametrize("alignment", [None, "lida"])
def test_target_labels_are_not_looked_at(speech, alignment):
    told = speech.y.copy()
    told[speech.sample_domain < 0] = "anger"
    models = [
        DIDAN(alignment, **SMALL, max_epochs=2).fit(speech.X, y, sample_domain=speech.sample_domain)
        for y in (speech.y, told)
    ]
    assert torch.equal(*(weights_of(m) for m in models))


def test_equal_seeds_give_equal_models_and_leave_the_generator_alone(speech):
    before = torch.random.get_rng_state()
    models = [
        DIDAN(**(SMALL | {"random_state": seed}), max_epochs=2).fit(
            speech.X, speech.y, sample_domain=speech.sample_domain
        )
        for seed in (1, 1, 2)
    ]
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(weights_of(models[0]), weights_of(models[1]))
    assert not torch.equal(weights_of(models[0]), weights_of(models[2]))


def test_masked_labels_are_the_target_by_default(speech):
    options = {**SMALL, "max_epochs": 1}
    given = DIDAN(**options).fit(speech.X, speech.y, sample_domain=speech.sample_domain)
    found = DIDAN(**options).fit(speech.X, speech.y)
    assert torch.equal(weights_of(given), weights_of(found))


def trained(speech, alignment, weight):
    options = SMALL | {"max_epochs": 15, "learning_rate": 5e-3, "validation_fraction": 0.0}
    return DIDAN(alignment, weight=weight, **options).fit(
        speech.X, speech.y, sample_domain=speech.sample_domain
    )


def features(model, speech):
    embedded = torch.from_numpy(model.transform(speech.X, sample_domain=speech.sample_domain))
    return embedded[speech.sample_domain > 0], embedded[speech.sample_domain < 0]


@pytest.fixture(scope="module")
def noisy(speech):
    """The target's emotions are weaker and under noise, as another microphone would have it."""
    rng = np.random.default_rng(3)
    X = [
        x if d > 0 else (0.5 * x + rng.normal(size=x.shape)).astype(np.float32)
        for x, d in zip(speech.X, speech.sample_domain, strict=True)
    ]
    return dataclasses.replace(speech, X=X)


@pytest.mark.parametrize("alignment", ["ida", "lida"])
@pytest.mark.parametrize("weight", [0.1, 0.3, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("rows", [False, True])
def test_the_alignment_leaves_the_target_its_length(noisy, alignment, weight, rows):
    data = dataclasses.replace(noisy, X=as_rows(noisy)) if rows else noisy
    source, target = features(trained(data, alignment, weight), data)
    assert 0.8 < (target.norm(dim=1).mean() / source.norm(dim=1).mean()).item() < 1.25


@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_the_published_form_shrinks_the_target(noisy, weight):
    """Which is why it is not the default."""
    source, target = features(trained(noisy, "ida-published", weight), noisy)
    assert target.norm(dim=1).mean() < 0.8 * source.norm(dim=1).mean()


def test_the_alignment_turns_the_target_towards_the_source(speech):
    """What the term is there for, on held-out recomputation of it."""
    errors = [
        losses.sparse_reconstruction(
            *features(trained(speech, "ida", weight), speech), 0.1, normalise=True
        ).item()
        for weight in (0.0, 3.0)
    ]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("alignment", get_args(Alignment))
def test_without_weight_an_alignment_leaves_no_trace(speech, alignment):
    options = SMALL | {"max_epochs": 3}
    models = [
        DIDAN(name, weight=0.0, **options).fit(
            speech.X, speech.y, sample_domain=speech.sample_domain
        )
        for name in (None, alignment)
    ]
    states = [
        {k: v for k, v in m.network_.state_dict().items() if not k.startswith("adversary.")}
        for m in models
    ]
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


@pytest.mark.parametrize("alignment", ["mmd", "coral"])
def test_a_single_target_sample_is_named(speech, alignment):
    y = speech.y.copy()
    rows = np.flatnonzero(speech.sample_domain > 0)
    X = [speech.X[i] for i in rows] + [speech.X[-1]]
    with pytest.raises(ValueError, match="target has 1 row"):
        DIDAN(alignment, **SMALL, max_epochs=1).fit(X, [*y[rows], None])


def test_no_batch_holds_a_single_sample_of_several():
    for count in range(2, 40):
        for size in range(2, 9):
            X = [np.zeros((2, 1), np.float32)] * count
            parts = [rows for rows, _ in batches_of(X, np.arange(count), size, len)]
            assert sorted(np.concatenate(parts).tolist()) == list(range(count))
            assert min(map(len, parts)) > 1


def test_the_weight_grows_over_the_warm_up():
    assert growth(0.0, 0.3) == 0.0
    assert growth(0.0, 0.0) == growth(0.9, 0.0) == 1.0
    shares = [growth(done, 0.3) for done in np.linspace(0, 1, 30)]
    assert np.all(np.diff(shares) > 0)
    # Ganin et al. 2016, section 5.2.2: 2 / (1 + exp(-10 t)) - 1.
    assert shares == pytest.approx([2 / (1 + np.exp(-10 * t)) - 1 for t in np.linspace(0, 1, 30)])


def test_no_epoch_within_the_warm_up_is_kept(speech):
    """Nor is it the end: an epoch before the alignment acts would be the source-only twin."""
    kept = {}
    for alignment in (None, "coral"):
        model = DIDAN(alignment, **SMALL, warmup=0.5, max_epochs=12, patience=1, learning_rate=0.3)
        kept[alignment] = len(
            model.fit(speech.X, speech.y, sample_domain=speech.sample_domain).history_["loss"]
        )
    assert kept[None] < 6 < kept["coral"]


@pytest.mark.parametrize("alignment", get_args(Alignment))
def test_before_the_weight_grows_the_network_learns_from_the_source_only(speech, alignment):
    """In the first epoch the share is 0: no gradient of the alignment reaches the scores."""
    network = DIDAN(alignment, **SMALL, max_epochs=1).fit(speech.X, speech.y).network_
    batch = pad([x.astype(np.float32) for x in speech.X[:12]])
    labels = torch.arange(12) % 3
    gradients = []
    for share in (0.0, 1.0):
        network.zero_grad()
        term = alignment_loss(
            alignment,
            network,
            network(batch),
            network(pad([2 * x.astype(np.float32) for x in speech.X[12:24]])),
            labels,
            share=share,
            alpha=0.1,
            penalty="l1",
        )
        term.backward()
        gradients.append(network.hidden[0][1].weight.grad.abs().max().item())
    assert gradients[0] == 0.0 < gradients[1]


def test_epochs_of_neighbouring_seeds_draw_different_noise():
    """The dropout of the second epoch of one seed used to be that of the first of the next."""
    from sparsetransfer.deep.training.loop import Training, train

    drawn = {}
    for seed in (0, 1):
        module = torch.nn.Linear(1, 1)
        drawn[seed] = []

        def loss(batch, _, module=module, seed=seed):
            drawn[seed].append(torch.rand(1).item())
            return module(batch).sum()

        train(
            module,
            torch.optim.SGD(module.parameters(), lr=0.1),
            lambda *_: [torch.ones(1, 1)],
            loss,
            Training(3, 1, seed, torch.device("cpu")),
        )
    assert len({*drawn[0], *drawn[1]}) == 6


def as_rows(speech):
    """Vectors that know the emotion: mean and deviation over time of every band."""
    return np.array([np.concatenate([x.mean(axis=0), x.std(axis=0)]) for x in speech.X])


@pytest.mark.parametrize("alignment", [None, *get_args(Alignment)])
def test_feature_rows_are_learnt_from(speech, alignment, tmp_path):
    rows = as_rows(speech)
    model = DIDAN(alignment, **SMALL, max_epochs=60, learning_rate=1e-2).fit(
        rows, speech.y, sample_domain=speech.sample_domain, groups=speech.speakers
    )
    target = speech.sample_domain < 0
    assert np.mean(model.predict(rows[target]) == speech.truth[target]) > 0.7
    model.save(tmp_path / "model.st")
    loaded = DIDAN.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    np.testing.assert_array_equal(
        model.predict_proba(list(rows)), model.predict_proba(pandas.DataFrame(rows))
    )


def test_a_device_that_is_not_there_is_named(speech):
    for device in ("nowhere", "cuda:99"):
        with pytest.raises(ValueError, match=f"device must be one that works here, got '{device}'"):
            DIDAN(**SMALL, device=device).fit(speech.X, speech.y)


def test_rows_and_spectrograms_are_not_mixed_up(fitted, speech):
    rows = as_rows(speech)
    with pytest.raises(ValueError, match="must be spectrograms, as in fit"):
        fitted.predict(rows)
    model = DIDAN(**SMALL, max_epochs=1, validation_fraction=0.0).fit(rows, speech.y)
    with pytest.raises(ValueError, match="matrix of feature rows, as in fit"):
        model.predict(speech.X)
    with pytest.raises(ValueError, match="24 features, got 5"):
        model.predict(rows[:, :5])
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full_like(rows, np.nan))


def test_balanced_batches_hold_every_class_equally_often():
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1, 2], [50, 12, 3])
    order = balanced_order(np.arange(65), targets, rng)
    assert set(order) >= set(range(50, 65))
    X = [np.zeros((1, 1), np.float32)] * 65
    for part, _ in batches_of(X, order, 16, len):
        counts = np.bincount(targets[part], minlength=3)
        assert counts.max() - counts.min() <= 1


def test_balanced_batches_reach_the_training(speech, monkeypatch):
    rows = as_rows(speech)
    drawn = []

    def draw(rows, targets, rng):
        drawn.append(balanced_order(rows, targets, rng))
        return drawn[-1]

    monkeypatch.setattr("sparsetransfer.deep.didan.balanced_order", draw)
    options = SMALL | {"max_epochs": 2, "validation_fraction": 0.0}
    plain = DIDAN(None, **options).fit(rows, speech.y)
    assert not drawn
    balanced = DIDAN(None, **options, balanced_batches=True).fit(rows, speech.y)
    assert len(drawn) == 2
    assert not torch.equal(weights_of(plain), weights_of(balanced))


def test_predictions_are_labels_and_probabilities(fitted, speech):
    labels = fitted.predict(speech.X)
    probabilities = fitted.predict_proba(speech.X)
    assert set(labels) <= set(fitted.classes_)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    clear = probabilities.max(axis=1) > 1 / 3 + 1e-9
    assert (fitted.classes_[probabilities.argmax(axis=1)] == labels)[clear].all()
    assert fitted.transform(speech.X).shape == (len(speech.X), 8)


@pytest.mark.parametrize(
    ("domain", "error"), [([0], DomainError), ([1, 1], ValueError), (1, ValueError)]
)
def test_domains_of_new_samples_are_checked(fitted, speech, domain, error):
    with pytest.raises(error, match="sample_domain must"):
        fitted.transform(speech.X[:1], sample_domain=domain)


def test_an_answer_does_not_depend_on_its_company(fitted, speech):
    together = fitted.transform(speech.X)
    alone = np.concatenate([fitted.transform([x]) for x in speech.X])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_a_saved_model_answers_as_before(fitted, speech, tmp_path):
    fitted.save(tmp_path / "model.st")
    loaded = DIDAN.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.predict_proba(speech.X), fitted.predict_proba(speech.X))
    assert loaded.classes_.tolist() == fitted.classes_.tolist()


def test_a_killed_fit_goes_on_to_the_same_model(speech, tmp_path):
    class Killed(Exception):
        pass

    def kill(epoch, *_):
        if epoch == 2:
            raise Killed

    options = {**SMALL, "max_epochs": 4}
    whole = DIDAN(**options).fit(speech.X, speech.y)
    path = tmp_path / "run.st"
    with pytest.raises(Killed):
        DIDAN(**options, checkpoint=path, progress=kill).fit(speech.X, speech.y)
    epochs = []
    resumed = DIDAN(
        **options, checkpoint=path, progress=lambda epoch, *_: epochs.append(epoch)
    ).fit(speech.X, speech.y)
    assert epochs == [3, 4]
    assert torch.equal(weights_of(whole), weights_of(resumed))
    assert resumed.history_ == whole.history_
    with pytest.raises(CheckpointError, match="other data or settings"):
        DIDAN(**options, weight=2.0, checkpoint=path).fit(speech.X, speech.y)


def test_a_checkpoint_of_other_data_is_refused(speech, tmp_path):
    """Of equal number and shape: louder recordings, other labels, other speakers."""
    path = tmp_path / "run.st"
    speakers = np.arange(len(speech.X)) % 4
    options = {**SMALL, "max_epochs": 1, "checkpoint": path}
    DIDAN(**options).fit(speech.X, speech.y, groups=speakers)
    DIDAN(**options).fit(speech.X, speech.y, groups=speakers)
    louder = [
        spectrogram * np.linspace(1, 2, len(spectrogram))[:, None] for spectrogram in speech.X
    ]
    others = speech.y.copy()
    first, second = np.flatnonzero(speech.y == "anger")[0], np.flatnonzero(speech.y == "sadness")[0]
    others[[first, second]] = speech.y[[second, first]]
    for X, y, groups in (
        (louder, speech.y, speakers),
        (speech.X, others, speakers),
        (speech.X, speech.y, speakers[::-1]),
    ):
        with pytest.raises(CheckpointError, match="other data or settings"):
            DIDAN(**options).fit(X, y, groups=groups)


def test_early_stopping_returns_the_best_epoch(speech):
    model = DIDAN(
        None, **SMALL, max_epochs=40, patience=2, learning_rate=0.05, validation_fraction=0.4
    ).fit(speech.X, speech.y)
    values = model.history_["validation_loss"]
    assert len(values) < 40
    assert len(values) - 1 - int(np.argmin(values)) == 2


def test_without_a_target_there_is_a_warning(speech):
    rows = np.flatnonzero(speech.sample_domain > 0)
    X, y = [speech.X[i] for i in rows], speech.y[rows]
    with pytest.warns(DomainWarning, match="source only"):
        DIDAN(**SMALL, max_epochs=1).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DIDAN(None, **SMALL, max_epochs=1).fit(X, y)


def test_valence_groups_join_emotions_of_one_sign():
    anger, happiness, neutral, sadness, other = valence_groups(
        np.array(["anger", "happiness", "neutral", "sadness", "xyz"])
    )
    assert anger == sadness
    assert len({anger, happiness, neutral, other}) == 4


def bad(X=None, y=None, domain=None, **options):
    return X, y, domain, options


GOOD = [np.zeros((5, 3)) + np.arange(5)[:, None] for _ in range(4)]
LABELS = ["a", "b", None, None]


@pytest.mark.parametrize(
    ("X", "y", "domain", "options", "error", "message"),
    [
        ([], [], None, {}, ValueError, "at least one spectrogram"),
        ([*GOOD[:3], np.zeros((5, 4))], LABELS, None, {}, ValueError, r"X\[3\] must have shape"),
        ([*GOOD[:3], np.zeros(5)], LABELS, None, {}, ValueError, r"X\[3\]"),
        ([*GOOD[:3], np.zeros((1, 3))], LABELS, None, {}, ValueError, r"X\[3\] has 1 frames"),
        ([*GOOD[:3], np.full((5, 3), np.nan)], LABELS, None, {}, ValueError, r"X\[3\].*NaN"),
        ([*GOOD[:3], np.full((5, 3), "a")], LABELS, None, {}, TypeError, r"X\[3\]"),
        (GOOD, None, None, {}, ValueError, "requires y"),
        (GOOD, ["a", "b"], None, {}, ValueError, "X has 4 samples, y has 2 labels"),
        (GOOD, ["a", "a", None, None], None, {}, ValueError, "2 classes, got 1 class"),
        (GOOD, LABELS, [1, 1, 1, 1], {}, DomainError, "target"),
        (GOOD, LABELS, [-1, -1, 1, 1], {}, DomainError, "no known label"),
        (GOOD, LABELS, None, {"alignment": "kl"}, ValueError, "alignment"),
        (GOOD, LABELS, None, {"weight": -1.0}, ValueError, "weight"),
        (GOOD, LABELS, None, {"warmup": 1.5}, ValueError, "warmup"),
        (GOOD, LABELS, None, {"max_epochs": 0}, ValueError, "max_epochs"),
        (GOOD, LABELS, None, {"dropout": 1.0}, ValueError, "dropout"),
        (GOOD, LABELS, None, {"hidden": ()}, ValueError, "hidden"),
        (GOOD, LABELS, None, {"hidden": (8, 0)}, ValueError, r"hidden\[1\]"),
        (GOOD, LABELS, None, {"channels": ()}, ValueError, "channels must name"),
    ],
)
def test_bad_input_is_named(X, y, domain, options, error, message):
    with pytest.raises(error, match=message):
        DIDAN(**options).fit(X, y, sample_domain=domain)


def test_a_constant_band_and_equal_utterances_are_taken():
    model = DIDAN(**SMALL, max_epochs=2, validation_fraction=0.0).fit(GOOD, LABELS)
    assert np.isfinite(model.transform(GOOD)).all()
