"""Networks over spectrograms of any length that ignore padding exactly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparsetransfer._validation import check_integer
from sparsetransfer.deep.training.sequences import Batch

__all__ = [
    "ConvolutionalEncoder",
    "ResidualEncoder",
    "StatisticsPooling",
    "VectorEncoder",
    "check_widths",
]


def check_widths(widths: Sequence[int], name: str) -> None:
    """Validate the sizes of consecutive layers: at least one layer, each of at least one unit."""
    if not len(widths):
        raise ValueError(f"{name} must name at least one layer, got {tuple(widths)}")
    for number, width in enumerate(widths):
        check_integer(width, f"{name}[{number}]", minimum=1)


class StatisticsPooling(nn.Module):
    """Mean and standard deviation over time, over the frames that are there.

    The standard deviation is that of the population, with 1e-5 added to the variance, so that its
    gradient is finite where a channel is constant.
    """

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Pool (n, n_channels, n_frames) into (n, 2 n_channels)."""
        mask = _mask(lengths, features.shape[-1]).to(features.dtype).unsqueeze(1)
        count = lengths.to(features.dtype).reshape(-1, 1)
        mean = (features * mask).sum(-1) / count
        variance = ((features - mean.unsqueeze(-1)).square() * mask).sum(-1) / count
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


class ConvolutionalEncoder(nn.Module):
    """Convolutions over time and frequency, each halving both, then statistics over time."""

    def __init__(self, n_bands: int, channels: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        check_widths(channels, "channels")
        self.layers = nn.ModuleList(
            _Convolution(before, after, stride=2)
            for before, after in itertools.pairwise((1, *channels))
        )
        for _ in channels:
            n_bands = (n_bands + 1) // 2
        self.pooling = StatisticsPooling()
        self.n_outputs = 2 * channels[-1] * n_bands

    def forward(self, batch: Batch) -> Tensor:
        """Return (n, n_outputs) for padded spectrograms."""
        features, lengths = batch.frames.unsqueeze(1), batch.lengths
        for layer in self.layers:
            features, lengths = layer(features, lengths)
            features = torch.relu(features)
        return _pool(self.pooling, features, lengths)


class VectorEncoder(nn.Module):
    """Pass on samples of a single frame: feature rows, which need no pooling."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.n_outputs = n_features

    def forward(self, batch: Batch) -> Tensor:
        """Return (n, n_outputs)."""
        return batch.frames[:, 0]


class ResidualEncoder(nn.Module):
    """A residual network over time and frequency, then statistics over time.

    Every stage but the first halves time and frequency.
    """

    def __init__(
        self, n_bands: int, channels: Sequence[int] = (16, 32, 64), n_blocks: int = 2
    ) -> None:
        super().__init__()
        check_widths(channels, "channels")
        check_integer(n_blocks, "n_blocks", minimum=1)
        self.stem = _Convolution(1, channels[0], stride=2)
        n_bands = (n_bands + 1) // 2
        blocks: list[_Block] = []
        for before, after in itertools.pairwise((channels[0], *channels)):
            first_stage = not blocks
            blocks.append(_Block(before, after, stride=1 if first_stage else 2))
            blocks.extend(_Block(after, after, stride=1) for _ in range(n_blocks - 1))
            n_bands = n_bands if first_stage else (n_bands + 1) // 2
        self.blocks = nn.ModuleList(blocks)
        self.pooling = StatisticsPooling()
        self.n_outputs = 2 * channels[-1] * n_bands

    def forward(self, batch: Batch) -> Tensor:
        """Return (n, n_outputs) for padded spectrograms."""
        features, lengths = self.stem(batch.frames.unsqueeze(1), batch.lengths)
        features = torch.relu(features)
        for block in self.blocks:
            features, lengths = block(features, lengths)
        return _pool(self.pooling, features, lengths)


class _Convolution(nn.Module):
    """3 × 3 convolution and batch normalisation that see zeros where a sequence has ended."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.normalisation = _MaskedBatchNorm(after)
        self.stride = stride

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        lengths = (lengths + self.stride - 1) // self.stride
        features = self.convolution(features)
        mask = _mask(lengths, features.shape[2])[:, None, :, None].float()
        return self.normalisation(features, mask), lengths


class _Block(nn.Module):
    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.first = _Convolution(before, after, stride=stride)
        self.second = _Convolution(after, after, stride=1)
        self.shortcut = (
            nn.Identity()
            if before == after and stride == 1
            else nn.Conv2d(before, after, 1, stride=stride, bias=False)
        )

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        inner, lengths = self.first(features, lengths)
        inner, lengths = self.second(torch.relu(inner), lengths)
        # The shortcut has no offset: zeros after the end of a sequence stay zeros.
        return torch.relu(inner + self.shortcut(features)), lengths


class _MaskedBatchNorm(nn.Module):
    """Batch normalisation whose statistics count the frames that are there only."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("running_mean", torch.zeros(n_channels))
        self.register_buffer("running_var", torch.ones(n_channels))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_var
        if self.training:
            # In single precision also where the network is not: sums run over many frames.
            values = features.float()
            count = mask.sum() * features.shape[3]
            mean = (values * mask).sum((0, 2, 3)) / count
            centred = (values - mean[:, None, None]) * mask
            variance = centred.square().sum((0, 2, 3)) / count
            with torch.no_grad():
                unbiased = variance * (count / (count - 1).clamp(min=1))
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(unbiased, self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (features * scale[:, None, None] + shift[:, None, None]) * mask


def _mask(lengths: Tensor, n_frames: int) -> Tensor:
    return torch.arange(n_frames, device=lengths.device) < lengths.unsqueeze(1)


def _pool(pooling: StatisticsPooling, features: Tensor, lengths: Tensor) -> Tensor:
    # (n, channels, frames, bands) -> (n, channels * bands, frames)
    rows = features.permute(0, 1, 3, 2).flatten(1, 2)
    pooled: Tensor = pooling(rows, lengths)
    return pooled
