"""CAM++, a speaker verification network: densely connected TDNN with context-aware masking."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["Campplus", "folded"]

_SEGMENT = 100  # frames of a local context in the context-aware mask


class Campplus(nn.Module):
    """CAM++, by the names of the published state dict.

    `n_bands`: Mel bands of a frame; a multiple of 8. `channels`: channels of the two-dimensional
    front end. `width`: channels that enter the first dense block, and of every layer's bottleneck.
    `growth`: channels that a dense layer adds. `blocks`: layers of the dense blocks, whose
    dilations are 1, 2 and 2. `embedding`: size of the speaker embedding.

    References
    ----------
    H. Wang, S. Zheng, Y. Chen, L. Cheng and Q. Chen, "CAM++: A Fast and Efficient Network for
    Speaker Verification Using Context-Aware Masking", Interspeech 2023,
    doi:10.21437/Interspeech.2023-1513: section 2 and table 1.
    """

    def __init__(
        self,
        n_bands: int = 80,
        channels: int = 32,
        width: int = 128,
        growth: int = 32,
        blocks: Sequence[int] = (12, 24, 16),
        embedding: int = 192,
    ) -> None:
        super().__init__()
        self.n_bands = n_bands
        self.shape: dict[str, Any] = {
            "n_bands": n_bands,
            "channels": channels,
            "width": width,
            "growth": growth,
            "blocks": list(blocks),
            "embedding": embedding,
        }
        self.head = _FrontEnd(channels)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["tdnn"] = nn.ModuleDict(
            {
                "linear": nn.Conv1d(channels * n_bands // 8, width, 5, 2, 2, bias=False),
                "nonlinear": _norm(width, nn.ReLU(inplace=True)),
            }
        )
        self.widths = {"tdnn": width}
        total = width
        for number, (n_layers, dilation) in enumerate(zip(blocks, (1, 2, 2), strict=True), 1):
            parts[f"block{number}"] = _DenseBlock(total, n_layers, width, growth, dilation)
            total += n_layers * growth
            self.widths[f"block{number}"] = total
            parts[f"transit{number}"] = nn.ModuleDict(
                {
                    "nonlinear": _norm(total, nn.ReLU(inplace=True)),
                    "linear": nn.Conv1d(total, total // 2, 1, bias=False),
                }
            )
            total //= 2
            self.widths[f"transit{number}"] = total
        parts["out_nonlinear"] = _norm(total, nn.ReLU(inplace=True))
        parts["dense"] = nn.ModuleDict(
            {
                "linear": nn.Conv1d(2 * total, embedding, 1, bias=False),
                "nonlinear": nn.ModuleDict({"batchnorm": nn.BatchNorm1d(embedding, affine=False)}),
            }
        )
        self.widths["embedding"] = embedding
        self.xvector = nn.ModuleDict(parts)

    def forward(
        self, frames: Tensor, lengths: Tensor | None = None, layers: Sequence[str] = ("embedding",)
    ) -> dict[str, Tensor]:
        """Compute the outputs of layers.

        `frames` (n_utterances, n_frames, n_bands): log mel energies, each utterance's mean removed.
        `lengths` (n_utterances,): frames of each utterance, the rest of its row is padding; None:
        all of them. `layers`: keys of `widths`. Nothing beyond the last of them is computed.
        Returns: ``embedding`` has the shape (n_utterances, width), every other layer (n_utterances,
        width, (n_frames + 1) // 2) with undefined values in padded frames.
        """
        wanted, found = set(layers), {}
        hidden, mask = self.parts(["head", "tdnn"], frames, lengths), None
        if lengths is not None:
            mask = _mask((lengths + 1) // 2, hidden.shape[-1], frames.dtype)
        for name in self.xvector:
            if name == "out_nonlinear":
                break
            if name != "tdnn":
                hidden = self.parts([name], hidden, lengths)
            if name in wanted:
                found[name] = hidden
                if len(found) == len(wanted):
                    return found
        pooled = statistics(self.xvector["out_nonlinear"](hidden), mask)
        dense: Any = self.xvector["dense"]
        found["embedding"] = dense["nonlinear"]["batchnorm"](
            dense["linear"](pooled.unsqueeze(-1)).squeeze(-1)
        )
        return found

    def parts(self, names: Sequence[str], hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Run consecutive parts of the network.

        - `names`: parts in their order: ``head``, then layers of frames.
        - `hidden`: frames, shape (n_utterances, n_frames, n_bands), before ``head``; after it, what
          the part before has returned, shape (n_utterances, channels, n_frames).
        - `lengths` (n_utterances,): frames of each utterance at the input of the network; None: all
          of them.

        Returns (n_utterances, channels, n_frames): ``tdnn`` halves the frames.
        """
        for name in names:
            if name == "head":
                mask = None if lengths is None else _mask(lengths, hidden.shape[1], hidden.dtype)
                hidden = self.head(hidden.transpose(1, 2).unsqueeze(1), mask)
                continue
            part: Any = self.xvector[name]
            if name == "tdnn":
                hidden = part["nonlinear"](part["linear"](hidden))
            elif isinstance(part, _DenseBlock):
                mask = None
                if lengths is not None:
                    mask = _mask((lengths + 1) // 2, hidden.shape[-1], hidden.dtype)
                hidden = part(hidden, mask)
            else:
                hidden = part["linear"](part["nonlinear"](hidden))
        return hidden

    def truncate(self, layer: str) -> None:
        """Remove whatever comes after a layer of frames."""
        names = list(self.xvector)
        for name in names[names.index(layer) + 1 :]:
            del self.xvector[name]


def folded(network: Campplus) -> Campplus:
    """Return a copy for inference on the CPU, equal up to rounding.

    Normalisations that follow a convolution are folded into it, and the two-dimensional front end
    keeps its channels last in memory, which takes its convolutions less than two thirds of the time.

    `network`: in evaluation mode. Returns: without the names of the published state dict.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, (_Residual, _FrontEnd)):
            for number in ("1", "2"):
                _fold(module, f"conv{number}", module, f"bn{number}")
        if isinstance(module, _Residual) and len(module.shortcut):
            _fold(module.shortcut, "0", module.shortcut, "1")
        if isinstance(module, _DenseLayer):
            _fold(module, "linear1", module.nonlinear2, "batchnorm")
    tdnn: Any = network.xvector["tdnn"]
    _fold(tdnn, "linear", tdnn["nonlinear"], "batchnorm")
    network.head = cast(Any, network.head).to(memory_format=torch.channels_last)
    return network


def _fold(owner: nn.Module, convolution: str, other: nn.Module, normalisation: str) -> None:
    """Replace a convolution by one that normalises, too."""
    found = fuse_conv_bn_eval(getattr(owner, convolution), getattr(other, normalisation))
    setattr(owner, convolution, found)
    setattr(other, normalisation, nn.Identity())


def statistics(hidden: Tensor, mask: Tensor | None = None) -> Tensor:
    """Pool mean and standard deviation over time (one degree of freedom removed).

    `hidden` (n_utterances, channels, n_frames): activations. `mask` (n_utterances, 1, n_frames): 1
    where a frame is the utterance's, 0 where it is padding. Returns (n_utterances, 2 * channels):
    means, then standard deviations.
    """
    if mask is None:
        mask = torch.ones_like(hidden[:1, :1])
    count = mask.sum(-1)
    mean = (hidden * mask).sum(-1) / count
    squares = ((hidden - mean.unsqueeze(-1)) ** 2 * mask).sum(-1)
    variance = squares / (count - 1).clamp(min=1)
    # The root has no derivative at zero, and fine-tuning passes through here.
    return torch.cat([mean, variance.clamp(min=1e-20).sqrt()], dim=1)


def _norm(channels: int, *then: nn.Module) -> nn.Sequential:
    """Normalise over the batch; whatever comes next has no parameters."""
    return nn.Sequential(
        OrderedDict(batchnorm=nn.BatchNorm1d(channels), **dict(zip(("relu",), then, strict=False)))
    )


def _mask(lengths: Tensor, n_frames: int, dtype: torch.dtype) -> Tensor:
    """Return 1 for the frames of utterances and 0 for padding, shape (n, 1, n_frames)."""
    at = torch.arange(n_frames, device=lengths.device)
    return (at < lengths[:, None]).to(dtype).unsqueeze(1)


class _Residual(nn.Module):
    """Two convolutions beside a shortcut; only the frequency axis is decimated."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, (stride, 1), 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(channels, channels, 1, (stride, 1), bias=False),
                nn.BatchNorm2d(channels),
            )
            if stride > 1
            else nn.Sequential()
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        inner = _masked(functional.relu(self.bn1(self.conv1(hidden)), inplace=True), mask)
        outer = self.bn2(self.conv2(inner)) + self.shortcut(hidden)
        return _masked(functional.relu(outer, inplace=True), mask)


class _FrontEnd(nn.Module):
    """Residual network over time and frequency, which leaves an eighth of the bands."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.ModuleList([_Residual(channels, 2), _Residual(channels, 1)])
        self.layer2 = nn.ModuleList([_Residual(channels, 2), _Residual(channels, 1)])
        self.conv2 = nn.Conv2d(channels, channels, 3, (2, 1), 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, bands: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            mask = mask.unsqueeze(1)
        hidden = functional.relu(self.bn1(self.conv1(_masked(bands, mask))), inplace=True)
        hidden = _masked(hidden, mask)
        for part in (*self.layer1, *self.layer2):
            hidden = part(hidden, mask)
        hidden = functional.relu(self.bn2(self.conv2(hidden)), inplace=True)
        return _masked(hidden, mask).flatten(1, 2)


def _masked(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Set padding to zero, which is what a convolution finds beyond the end of an utterance."""
    return hidden if mask is None else hidden * mask


class _Context(nn.Module):
    """Context-aware mask: a local convolution, scaled by what utterance and segment hold."""

    def __init__(self, width: int, growth: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(width, growth, 3, 1, dilation, dilation, bias=False)
        self.linear1 = nn.Conv1d(width, width // 2, 1)
        self.linear2 = nn.Conv1d(width // 2, growth, 1)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        context = segment_context(hidden, mask)
        scale = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        scale = scale.repeat_interleave(_SEGMENT, dim=-1)[..., : hidden.shape[-1]]
        return self.linear_local(hidden) * scale


def segment_context(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Return the utterance's mean plus each segment's mean (equation 5 of the paper).

    `hidden` (n_utterances, channels, n_frames): activations, zero in padded frames. `mask`
    (n_utterances, 1, n_frames): 1 where a frame is the utterance's, 0 where it is padding. Returns
    (n_utterances, channels, ceil(n_frames / 100)): one context per segment of 100 frames, the last
    of which may be shorter.
    """
    n_frames = hidden.shape[-1]
    n_segments = math.ceil(n_frames / _SEGMENT)
    missing = (0, n_segments * _SEGMENT - n_frames)
    if mask is None:
        mask = torch.ones_like(hidden[:1, :1])
    sums = functional.pad(hidden, missing).unflatten(-1, (n_segments, _SEGMENT)).sum(-1)
    counts = functional.pad(mask, missing).unflatten(-1, (n_segments, _SEGMENT)).sum(-1)
    overall = sums.sum(-1, keepdim=True) / counts.sum(-1, keepdim=True)
    return overall + sums / counts.clamp(min=1)


class _DenseLayer(nn.Module):
    """Bottleneck of one frame, then the context-aware mask over time."""

    def __init__(self, inputs: int, width: int, growth: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm(inputs, nn.ReLU(inplace=True))
        self.linear1 = nn.Conv1d(inputs, width, 1, bias=False)
        self.nonlinear2 = _norm(width, nn.ReLU(inplace=True))
        self.cam_layer = _Context(width, growth, dilation)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        inner = self.nonlinear2(self.linear1(self.nonlinear1(hidden)))
        return self.cam_layer(_masked(inner, mask), mask)


class _DenseBlock(nn.ModuleDict):
    """Layers, each of which reads the outputs of all before it."""

    def __init__(self, inputs: int, n_layers: int, width: int, growth: int, dilation: int) -> None:
        super().__init__(
            {
                f"tdnnd{layer + 1}": _DenseLayer(inputs + layer * growth, width, growth, dilation)
                for layer in range(n_layers)
            }
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.values():
            hidden = torch.cat([hidden, layer(hidden, mask)], dim=1)
        return hidden
