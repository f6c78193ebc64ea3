"""Which source samples are held out for early stopping, and which epoch is kept."""

import itertools
import warnings

import numpy as np
import pytest
import torch

from sparsetransfer.deep import DIDAN, SpeakerResNet, train_speaker_network
from sparsetransfer.deep.training.holdout import split_for_validation
from sparsetransfer.deep.training.loop import Training, train
from sparsetransfer.deep.training.sequences import standardise_groups
from sparsetransfer.exceptions import DomainWarning


def random_structure(seed):
    """Up to eight speakers with one to four emotions each, some with most of the samples."""
    rng = np.random.default_rng(seed)
    n_groups, n_classes = rng.integers(2, 9), rng.integers(2, 5)
    counts = rng.geometric(0.3, (n_groups, n_classes)) * (
        rng.random((n_groups, n_classes)) < rng.uniform(0.15, 1.0)
    )
    for number in np.flatnonzero(counts.sum(axis=0) < 2):
        counts[rng.integers(n_groups), number] += 2
    group, target = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    order = rng.permutation(len(group))
    return counts, group[order], target[order]


def is_possible(counts):
    """Whether any subset of the speakers, tried one by one, leaves all classes on both sides."""
    chosen = np.array(list(itertools.product([False, True], repeat=len(counts))))
    present = counts > 0
    return bool(((chosen @ present) & (~chosen @ present)).all(axis=1).any())


def test_every_class_is_on_both_sides_wherever_speakers_allow_it():
    n_possible = 0
    for seed in range(1000):
        counts, group, target = random_structure(seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            training, held = split_for_validation(np.arange(len(group)), target, group, 0.2, seed)
        assert sorted([*training, *held]) == list(range(len(group)))
        assert set(target[held]) == set(target[training]) == set(target)
        if is_possible(counts):
            n_possible += 1
            assert not caught
            assert not set(group[training]) & set(group[held])
        else:
            assert [w.category for w in caught] == [DomainWarning]
            counted = np.bincount(target)
            assert (np.abs(np.bincount(target[held]) - 0.2 * counted) < 1).all()
    assert 200 < n_possible < 800


def test_about_the_asked_share_is_held_out():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 10)
    target = rng.integers(0, 4, 200)
    for seed in range(20):
        held = split_for_validation(np.arange(200), target, group, 0.2, seed)[1]
        shares = np.bincount(target[held], minlength=4) / np.bincount(target)
        np.testing.assert_allclose(shares, 0.2, atol=0.1)


def test_seeds_draw_different_speakers():
    group, target = np.repeat(np.arange(12), 6), np.tile([0, 1, 2], 24)
    found = {
        tuple(split_for_validation(np.arange(72), target, group, 0.2, seed)[1])
        for seed in range(10)
    }
    assert len(found) > 3


def test_only_the_given_rows_are_split():
    target = np.array([0, 0, 1, 1, -1, -1])
    training, held = split_for_validation(np.arange(4), target, None, 0.5, 0)
    assert sorted([*training, *held]) == [0, 1, 2, 3]
    assert set(target[held]) == {0, 1}


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_source_row_without_a_speaker_is_refused(missing):
    target = np.array([0, 0, 1, 1, -1])
    speakers = [1.0, missing, 1.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="every labelled source row, got 1 missing"):
        split_for_validation(np.arange(4), target, speakers, 0.5, 0)
    # The others train nothing that speakers could leak into.
    training, held = split_for_validation(
        np.arange(4), target, ["a", "b", "a", "b", missing], 0.5, 0
    )
    assert {0, 2} in ({*training}, {*held})
    assert len(split_for_validation(np.arange(4), target, speakers, 0.0, 0)[0]) == 4
    with pytest.raises(ValueError, match=r"groups must have shape \(5,\), got \(2,\)"):
        split_for_validation(np.arange(4), target, speakers[:2], 0.0, 0)


def test_a_class_of_one_sample_is_refused():
    with pytest.raises(ValueError, match="validation_fraction=0"):
        split_for_validation(np.arange(3), np.array([0, 0, 1]), None, 0.5, 0)


def test_standardising_twice_gives_the_same_bits_and_the_same_model(speech):
    rng = np.random.default_rng(1)
    loud = [x * rng.uniform(1, 9, x.shape[1]).astype(np.float32) - 20 for x in speech.X]
    domain = speech.sample_domain
    once = standardise_groups(loud, domain)
    twice = standardise_groups(once, domain)
    for first, second in zip(once, twice, strict=True):
        np.testing.assert_array_equal(first, second)
    options = {"channels": (4,), "hidden": (8,), "max_epochs": 3, "random_state": 0}
    found = [
        DIDAN(**options).fit(X, speech.y, sample_domain=domain, groups=speech.speakers)
        for X in (loud, once)
    ]
    assert found[0].history_ == found[1].history_


@pytest.mark.parametrize(("warmup", "best"), [(0, 0), (2, 3), (9, 4)])
def test_no_epoch_of_the_warmup_is_kept(warmup, best):
    """The least loss is that of the first epoch, the least after two of them that of the fourth."""
    values = [1.0, 2.0, 5.0, 3.0, 4.0]
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(module.weight)
    epochs = iter(values)
    settings = Training(5, 9, 0, torch.device("cpu"), warmup=warmup)
    history = train(
        module,
        torch.optim.SGD(module.parameters(), lr=1.0),
        lambda *_: [torch.ones(1, 1)],
        lambda batch, _: -module(batch).sum(),
        settings,
        validate=lambda: next(epochs),
    )
    assert history["validation_loss"] == values
    assert module.weight.item() == best + 1


def test_patience_counts_from_the_end_of_the_warmup():
    module = torch.nn.Linear(1, 1)
    epochs = itertools.count()
    history = train(
        module,
        torch.optim.SGD(module.parameters(), lr=0.1),
        lambda *_: [torch.ones(1, 1)],
        lambda batch, _: module(batch).square().sum(),
        Training(20, 2, 0, torch.device("cpu"), warmup=5),
        validate=lambda: float(next(epochs)),
    )
    assert len(history["validation_loss"]) == 5 + 1 + 2


def test_a_pretrained_encoder_is_fine_tuned_even_where_that_costs(speech):
    """A hopeless learning rate makes the frozen epochs best on held-out speakers."""
    shape = {"channels": (4, 8), "n_blocks": 1, "n_embedding": 8}
    network = train_speaker_network(
        speech.X, speech.speakers, **shape, max_epochs=1, validation_fraction=0.0, random_state=0
    )
    model = SpeakerResNet(
        network, frozen_epochs=2, encoder_factor=300.0, max_epochs=4, random_state=0
    ).fit(speech.X, speech.y, sample_domain=speech.sample_domain)
    assert int(np.argmin(model.history_["validation_loss"])) < 2
    now, before = (m.encoder.state_dict() for m in (model.network_, network))
    assert any(not torch.equal(now[name], before[name]) for name in before)
