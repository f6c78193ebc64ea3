"""Embeddings of pretrained audio encoders (the extra "encoders": torch and transformers)."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import missing_extra

if TYPE_CHECKING:
    import torch

__all__ = ["Encoder"]

_POOLINGS = ("mean", "std")
_PIECE_SECONDS = 30.0
_SHORTEST_SECONDS = 0.05  # shorter signals are continued by zeros: encoders have a receptive field


class Encoder:
    r"""Hidden states of an encoder that takes raw audio, pooled over time.

    Any model that `transformers.AutoModel` loads and that reads a waveform will do: wav2vec 2.0,
    HuBERT, WavLM, data2vec and their fine-tuned descendants.

    Parameters
    ----------
    model : str or path-like
        Folder of a saved model, or its name on the Hugging Face hub, from which transformers
        downloads it.
    layer : int, default=-1
        Hidden state to pool: 0 is what enters the first transformer layer, ``n`` what leaves the
        n-th, -1 what leaves the last.
    pooling : sequence of {"mean", "std"}, default=("mean", "std")
        Statistics over time.

    Attributes
    ----------
    id : str
        Model, layer, pooling and a digest of the weights.
    sample_rate : int
        Rate of the signals in Hz, as the model's preprocessing states it; else 16000.
    names : tuple of str
        ``<pooling><unit>``.
    units : tuple of str
        "activation".
    parameters : dict of str to str
        What the values depend on.

    Raises
    ------
    ModuleNotFoundError
        If the extra ``encoders`` is not installed.
    ValueError
        If `layer` or `pooling` do not exist, or the model does not read waveforms.
    OSError
        If the model cannot be found.

    Notes
    -----
    The model runs in float32 on the CPU, in evaluation mode, one utterance at a time, so nothing
    depends on padding. Recordings beyond 30 s are encoded in pieces of that length, whose frames
    are pooled together. Every worker process loads the model. No weights are part of this package;
    mind the licence of those you load.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        layer: int = -1,
        pooling: Sequence[str] = _POOLINGS,
    ) -> None:
        if not pooling or not set(pooling) <= set(_POOLINGS) or len(set(pooling)) != len(pooling):
            raise ValueError(f"pooling must be one or both of {_POOLINGS}, got {tuple(pooling)}")
        self._model = os.fspath(model)
        self._layer = layer
        self._pooling = tuple(pooling)
        network, rate, normalise = _load(self._model)
        n_layers = int(network.config.num_hidden_layers)
        if not -n_layers - 1 <= layer <= n_layers:
            raise ValueError(f"layer must be from {-n_layers - 1} to {n_layers}, got {layer}")
        self._normalise = normalise
        self.sample_rate = rate
        at = layer % (n_layers + 1)
        slug = re.sub(r"[^A-Za-z0-9]+", "-", os.path.basename(self._model.rstrip("/"))).strip("-")
        self.id = f"encoder-{slug}-layer{at}-{'-'.join(self._pooling)}-{_digest(self._model)}"
        width = int(network.config.hidden_size)
        self.names = tuple(f"{how}{unit}" for how in self._pooling for unit in range(width))
        self.units = ("activation",) * len(self.names)
        self.parameters = {
            "model": slug,
            "layer": f"{at} of {n_layers}",
            "pooling": ", ".join(self._pooling),
            "input": "zero mean, unit variance" if normalise else "as it is",
            "pieces": f"{_PIECE_SECONDS:.0f} s",
        }

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Encode one utterance.

        Parameters
        ----------
        signal : ndarray of float32, shape (n_samples,)
            Mono signal at `sample_rate`, full scale 1, at least one finite sample.

        Returns
        -------
        ndarray of float64, shape (len(names),)
            Pooled hidden states.
        """
        import torch

        network, rate, _ = _load(self._model)
        shortest = math.ceil(_SHORTEST_SECONDS * rate)
        if signal.size < shortest:
            signal = np.pad(signal, (0, shortest - signal.size))
        if self._normalise:
            centred = signal - signal.mean(dtype=np.float64)
            signal = (centred / np.sqrt(centred.var() + 1e-7)).astype(np.float32)
        piece = round(_PIECE_SECONDS * rate)
        # a last piece below the shortest length goes with the one before
        edges = [*range(0, max(signal.size - shortest, 1), piece), signal.size]
        total, squares, n_frames = 0.0, 0.0, 0
        with torch.inference_mode():
            for first, last in itertools.pairwise(edges):
                states = self._states(network, torch.from_numpy(signal[first:last].copy()))
                total = total + states.sum(axis=0)
                squares = squares + (states**2).sum(axis=0)
                n_frames += len(states)
        mean = np.asarray(total / n_frames)
        std = np.sqrt(np.maximum(squares / n_frames - mean**2, 0.0))
        return np.concatenate([{"mean": mean, "std": std}[how] for how in self._pooling])

    def _states(self, network: Any, samples: torch.Tensor) -> NDArray[np.float64]:
        """Return the hidden states of a piece, shape (n_frames, hidden_size)."""
        output = network(samples[None], output_hidden_states=True)
        return np.asarray(output.hidden_states[self._layer][0].double().numpy())


@functools.lru_cache(maxsize=1)
def _load(model: str) -> tuple[Any, int, bool]:
    """Load a model once per process; return it with its rate and whether it normalises."""
    try:
        import torch as _  # noqa: F401  transformers itself imports without it
        from transformers import AutoFeatureExtractor, AutoModel
    except ModuleNotFoundError as error:
        raise missing_extra("an encoder", "encoders") from error
    network = AutoModel.from_pretrained(model).eval().float()
    if network.main_input_name != "input_values":
        raise ValueError(f"model must read waveforms, '{model}' reads {network.main_input_name}")
    try:
        preprocessing = AutoFeatureExtractor.from_pretrained(model)
    except OSError:  # saved without its preprocessing
        return network, 16000, False
    return network, int(preprocessing.sampling_rate), bool(preprocessing.do_normalize)


@functools.lru_cache(maxsize=8)
def _digest(model: str) -> str:
    """Hash the weights: two models of one name must not share cached values."""
    network, _, _ = _load(model)
    digest = hashlib.blake2b(digest_size=6)
    for name, values in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()
