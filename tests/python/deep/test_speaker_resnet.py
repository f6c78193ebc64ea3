import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sparsetransfer.deep import (
    CheckpointError,
    FineTunedCampplus,
    SpeakerResNet,
    train_speaker_network,
)
from sparsetransfer.deep.networks.speaker import SpeakerNetwork

SHAPE = {"channels": (4, 8), "n_blocks": 1, "n_embedding": 8}


@pytest.fixture(scope="module")
def network(speech):
    return train_speaker_network(
        speech.X,
        speech.speakers,
        corpora=speech.sample_domain,
        **SHAPE,
        n_masks=0,
        max_epochs=25,
        learning_rate=1e-2,
        batch_size=24,
        validation_fraction=0.0,
        random_state=0,
    )


def test_speakers_are_learnt(speech, network):
    from sparsetransfer.deep.classifier import evaluate
    from sparsetransfer.deep.training.sequences import BandScaler

    scaled = BandScaler.fit(speech.X, speech.sample_domain > 0).apply(
        speech.X, speech.sample_domain > 0
    )
    guess = evaluate(network, scaled, torch.device("cpu"))[1].argmax(dim=1)
    known = np.unique(speech.speakers)
    assert np.mean(known[guess.numpy()] == speech.speakers) > 0.8


@pytest.mark.parametrize("how", ["object", "file", "none"])
def test_overfits_the_source(speech, network, how, tmp_path):
    pretrained = {"object": network, "file": tmp_path / "net.st", "none": None}[how]
    if how == "file":
        network.save(pretrained)
    before = network.embedding.weight.clone()
    model = SpeakerResNet(
        pretrained,
        frozen_epochs=2,
        encoder_factor=1.0,
        n_masks=0,
        **SHAPE,
        max_epochs=30,
        batch_size=24,
        learning_rate=1e-2,
        validation_fraction=0.0,
        random_state=0,
    ).fit(speech.X, speech.y, sample_domain=speech.sample_domain)
    source = speech.sample_domain > 0
    found = model.predict(speech.X, sample_domain=speech.sample_domain)
    assert np.mean(found[source] == speech.truth[source]) == 1.0
    assert torch.equal(before, network.embedding.weight)
    path = tmp_path / "model.st"
    model.save(path)
    np.testing.assert_array_equal(
        SpeakerResNet.load(path).predict_proba(speech.X), model.predict_proba(speech.X)
    )


def test_frozen_epochs_leave_the_encoder_alone(speech, network):
    model = SpeakerResNet(
        network, frozen_epochs=2, max_epochs=2, validation_fraction=0.0, random_state=0
    ).fit(speech.X, speech.y, sample_domain=speech.sample_domain)
    for name, tensor in network.encoder.state_dict().items():
        assert torch.equal(tensor, model.network_.encoder.state_dict()[name]), name
    assert not torch.equal(network.embedding.weight, model.network_.embedding.weight)
    assert all(p.requires_grad for p in model.network_.parameters())


def test_a_network_of_other_bands_is_refused(speech, network):
    with pytest.raises(ValueError, match="pretrained reads 12 bands, X has 5"):
        SpeakerResNet(network).fit([x[:, :5] for x in speech.X], speech.y)


def test_the_published_network_has_an_estimator_of_its_own(speech):
    made = SpeakerResNet(pretrained="campplus", frozen_stages="tdnn", alignment="coral", n_masks=1)
    wanted = FineTunedCampplus(frozen_stages="tdnn", alignment="coral", n_masks=1)
    assert type(made) is type(clone(made)) is FineTunedCampplus
    assert made.get_params() == clone(made).get_params() == wanted.get_params()
    assert (
        list(inspect.signature(SpeakerResNet).parameters)
        == [*inspect.signature(SpeakerResNet.__init__).parameters][1:]
    )
    with pytest.raises(TypeError, match="channels"):
        SpeakerResNet(pretrained="campplus", channels=(4, 8))
    with pytest.raises(TypeError, match="pretrained must be a SpeakerNetwork, its file"):
        SpeakerResNet(pretrained=3).fit(speech.X, speech.y)
    with pytest.raises(ValueError, match=r"make one by SpeakerResNet\(pretrained='campplus'\)"):
        SpeakerResNet().set_params(pretrained="campplus").fit(speech.X, speech.y)


def test_another_file_is_refused(speech, network, tmp_path):
    network.save(tmp_path / "net.st")
    with pytest.raises(CheckpointError, match=r"'SpeakerNetwork'.*expected 'SpeakerResNet'"):
        SpeakerResNet.load(tmp_path / "net.st")
    (tmp_path / "net.st").write_bytes(b"nothing")
    with pytest.raises(CheckpointError):
        SpeakerNetwork.load(tmp_path / "net.st")


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        (["a"] * 48, "two speakers"),
        (["a", "b"], "speakers must have shape"),
        ([np.nan, *[1.0, 2.0] * 23, 1.0], "speakers must have a group for every sample, got 1"),
    ],
)
def test_bad_speakers_are_named(speech, speakers, message):
    with pytest.raises(ValueError, match=message):
        train_speaker_network(speech.X, speakers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_blocks": 0}, "n_blocks"),
        ({"n_embedding": 0}, "n_embedding"),
        ({"channels": ()}, "channels must name at least one layer"),
        ({"channels": (4, 0)}, r"channels\[1\]"),
    ],
)
def test_networks_without_layers_are_refused(speech, options, message):
    with pytest.raises(ValueError, match=message):
        SpeakerResNet(**SHAPE | options).fit(speech.X, speech.y)
    with pytest.raises(ValueError, match=message):
        train_speaker_network(speech.X, speech.speakers, **SHAPE | options)


def test_target_labels_are_not_looked_at(speech):
    told = speech.y.copy()
    told[speech.sample_domain < 0] = "anger"
    models = [
        SpeakerResNet(**SHAPE, max_epochs=1, random_state=0).fit(
            speech.X, y, sample_domain=speech.sample_domain
        )
        for y in (speech.y, told)
    ]
    assert torch.equal(models[0].network_.scores.weight, models[1].network_.scores.weight)
