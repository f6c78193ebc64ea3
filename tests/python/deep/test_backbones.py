import numpy as np
import pytest
import torch

from sparsetransfer.deep.networks.backbones import (
    ConvolutionalEncoder,
    ResidualEncoder,
    StatisticsPooling,
)
from sparsetransfer.deep.training.sequences import Batch, by_length, pad, spec_augment

ENCODERS = [
    lambda: ConvolutionalEncoder(10, (4, 6)),
    lambda: ResidualEncoder(10, (4, 6, 8), 2),
]


def sequences(lengths, n_bands=10, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, n_bands)).astype(np.float32) for n in lengths]


def trained_a_little(encoder, batch):
    """Move the statistics of the normalisation away from where they start."""
    encoder.train()
    for _ in range(3):
        encoder(batch)
    return encoder.eval()


@pytest.mark.parametrize("make", ENCODERS, ids=["convolutional", "residual"])
def test_a_masked_batch_equals_single_utterances(make):
    torch.manual_seed(0)
    items = sequences([2, 3, 17, 40, 33])
    encoder = trained_a_little(make(), pad(items))
    with torch.no_grad():
        together = encoder(pad(items))
        alone = torch.cat([encoder(pad([x])) for x in items])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", ENCODERS, ids=["convolutional", "residual"])
def test_padding_changes_nothing_in_training_either(make):
    torch.manual_seed(0)
    encoder = make().train()
    batch = pad(sequences([12, 20, 9]))
    longer = Batch(torch.nn.functional.pad(batch.frames, (0, 0, 0, 30)), batch.lengths)
    torch.testing.assert_close(encoder(batch), encoder(longer), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", ENCODERS, ids=["convolutional", "residual"])
def test_the_size_of_the_output_is_as_announced(make):
    encoder = make()
    assert encoder(pad(sequences([12, 20]))).shape == (2, encoder.n_outputs)


def test_normalisation_without_padding_is_pytorch_s():
    from sparsetransfer.deep.networks.backbones import _MaskedBatchNorm

    ours, theirs = _MaskedBatchNorm(3), torch.nn.BatchNorm2d(3)
    features = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(4, 1, 5, 1)
    for _ in range(2):
        torch.testing.assert_close(ours.train()(features, mask), theirs.train()(features))
    torch.testing.assert_close(ours.eval()(features, mask), theirs.eval()(features))
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_statistics_are_those_of_numpy_in_any_order_of_frames():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(9, 4)).astype(np.float32)
    values = torch.from_numpy(frames.T.copy())[None]
    pooled = StatisticsPooling()(values, torch.tensor([9]))[0]
    expected = np.concatenate([frames.mean(0), np.sqrt(frames.var(0) + 1e-5)])
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)
    shuffled = StatisticsPooling()(values[..., rng.permutation(9)], torch.tensor([9]))[0]
    torch.testing.assert_close(pooled, shuffled)


def test_statistics_of_a_constant_channel_have_a_gradient():
    values = torch.ones(1, 2, 5, requires_grad=True)
    StatisticsPooling()(values, torch.tensor([5])).sum().backward()
    assert torch.isfinite(values.grad).all()


def test_batches_by_length_hold_every_sequence_once_and_few_frames():
    lengths = [5, 100, 7, 300, 8, 8, 9]
    parts = list(by_length(lengths, 50))
    assert sorted(np.concatenate(parts).tolist()) == list(range(7))
    assert all(len(p) == 1 or len(p) * max(lengths[i] for i in p) <= 50 for p in parts)


def test_spec_augment_erases_stretches_of_both_axes_only():
    batch = pad([np.ones((50, 10), np.float32), np.ones((20, 10), np.float32)])
    masked = spec_augment(batch, np.random.default_rng(3), max_frames=8, max_bands=4).frames
    assert (batch.frames[0] == 1).all()
    for row, length in zip(masked, (50, 20), strict=True):
        kept = row[:length] == 1
        by_frame, by_band = kept.any(1), kept.any(0)
        assert (kept == by_frame[:, None] & by_band[None, :]).all()
        assert not kept.all()
        assert (~by_frame).sum() <= 2 * min(8, length // 5)
        assert (~by_band).sum() <= 8
    assert spec_augment(batch, np.random.default_rng(0), n_masks=0) is batch
