"""The one training loop: seeded, early stopping, checkpoints that resume to the same bits."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparsetransfer._files import check_file
from sparsetransfer._validation import check_callable, check_generator
from sparsetransfer.deep.training.checkpoint import (
    CheckpointError,
    load_module,
    read_checkpoint,
    write_checkpoint,
)

__all__ = ["Progress", "Training", "data_digest", "resolve_device", "seed_of", "train"]

_log = logging.getLogger(__name__)

Progress = Callable[[int, int, float], object]
"""Called after each epoch with its number, the largest number, and the mean training loss."""


@dataclass(frozen=True)
class Training:
    """How to train.

    - `max_epochs`: the largest number of epochs.
    - `patience`: epochs without a better validation loss after which to stop.
    - `seed`: seed of every draw.
    - `device`: where to compute; on CUDA in mixed precision (bfloat16).
    - `checkpoint`: file that is written after every epoch and from which a killed run goes on.
    - `progress`: see `Progress`.
    - `warmup`: epochs at the begin that cannot be the best one, unless there are no others.
    """

    max_epochs: int
    patience: int
    seed: int
    device: torch.device
    checkpoint: str | os.PathLike[str] | None = None
    progress: Progress | None = None
    warmup: int = 0

    def __post_init__(self) -> None:
        """Check what is called after an epoch, before the first one."""
        check_callable(self.progress, "progress")


def train(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Callable[[np.random.Generator, int], Iterable[Any]],
    loss: Callable[[Any, float], Tensor],
    settings: Training,
    *,
    validate: Callable[[], float] | None = None,
    identity: Mapping[str, Any] | None = None,
) -> dict[str, list[float]]:
    """Minimise a loss in place, keep the parameters of the best epoch, and return the losses.

    batches: ``batches(rng, epoch)`` yields what `loss` takes
    loss: ``loss(batch, done)`` with the share of the training that is over, in [0, 1)
    validate: loss on held-out source samples; without it the last parameters are kept
    identity: what a checkpoint must agree with to be resumed, as JSON values

    Every epoch seeds its own generators from `settings.seed` and its number, so that a resumed run
    draws what an uninterrupted one would have drawn. The global state of PyTorch's generators is
    restored at the end. Raises OSError before the first epoch if the checkpoint cannot be written.
    """
    history: dict[str, list[float]] = {"loss": []}
    if validate is not None:
        history["validation_loss"] = []
    mark = _mark(module, settings, identity or {})
    best = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    if settings.checkpoint is not None:
        check_file(settings.checkpoint)
        if os.path.exists(settings.checkpoint):
            history, best = _resume(module, optimizer, settings, mark)
    devices = [settings.device] if settings.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        for epoch in range(len(history["loss"]), settings.max_epochs):
            if _is_over(history, settings):
                break
            # Not the sum of both: epochs of neighbouring seeds would draw the same noise.
            sequence = np.random.SeedSequence([settings.seed, epoch])
            torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
            rng = np.random.default_rng(sequence)
            history["loss"].append(
                _epoch(module, optimizer, batches(rng, epoch), loss, epoch, settings)
            )
            if validate is not None:
                module.eval()
                with torch.no_grad():
                    history["validation_loss"].append(validate())
                if _best_epoch(history, settings) == epoch:
                    best = {k: v.clone() for k, v in module.state_dict().items()}
            if settings.checkpoint is not None:
                _save(module, optimizer, settings, mark, history, best)
            if settings.progress is not None:
                settings.progress(epoch + 1, settings.max_epochs, history["loss"][-1])
    if validate is not None:
        module.load_state_dict(best)
    module.eval()
    return history


def resolve_device(device: str | None) -> torch.device:
    """Return the device by name; None means CUDA if there is one, otherwise the CPU."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device must be one that works here, got {device!r}: {reason}") from error


def seed_of(random_state: int | np.random.Generator | np.random.RandomState | None) -> int:
    """Return a seed: the number itself, or one drawn from the generator."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    generator = check_generator(random_state, "random_state")
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(generator.integers(2**31))


def _epoch(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Any],
    loss: Callable[[Any, float], Tensor],
    epoch: int,
    settings: Training,
) -> float:
    module.train()
    total, count = 0.0, 0
    on_cuda = settings.device.type == "cuda"
    for batch in batches:
        with torch.autocast(settings.device.type, torch.bfloat16, enabled=on_cuda):
            value = loss(batch, epoch / settings.max_epochs)
        if not bool(torch.isfinite(value)):
            raise ArithmeticError(
                f"the loss is {value.item()} in epoch {epoch + 1}; lower learning_rate"
            )
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += value.item()
        count += 1
    _log.debug("epoch %d: loss %g", epoch + 1, total / max(count, 1))
    return total / max(count, 1)


def _best_epoch(history: dict[str, list[float]], settings: Training) -> int:
    """Return the epoch of the least validation loss among those that may be kept."""
    values = history["validation_loss"]
    first = min(settings.warmup, settings.max_epochs - 1, len(values) - 1)
    return first + int(np.argmin(values[first:]))


def _is_over(history: dict[str, list[float]], settings: Training) -> bool:
    count = len(history.get("validation_loss", []))
    if count <= settings.warmup:
        return False
    return count - 1 - _best_epoch(history, settings) >= settings.patience


def data_digest(*parts: Any) -> str:
    """Digest training data: None, arrays, tensors and lists of them, with types and shapes."""
    digest = hashlib.blake2b(digest_size=16)

    def add(part: Any) -> None:
        if part is None:
            digest.update(b"none")
        elif isinstance(part, list):
            digest.update(f"list {len(part)}".encode())
            for item in part:
                add(item)
        else:
            array = np.asarray(part)
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            # Objects are told apart by what they print: their bytes would be addresses.
            digest.update(
                repr(array.tolist()).encode()
                if array.dtype.hasobject
                else np.ascontiguousarray(array).tobytes()
            )

    for part in parts:
        add(part)
    return digest.hexdigest()


def _mark(module: nn.Module, settings: Training, identity: Mapping[str, Any]) -> str:
    """Compute a digest of the settings, the data and the initial parameters of a run."""
    digest = hashlib.blake2b(digest_size=16)
    limits = [settings.max_epochs, settings.patience, settings.warmup, settings.seed]
    described = [*limits, dict(identity)]
    digest.update(json.dumps(described, sort_keys=True).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _save(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: Training,
    mark: str,
    history: dict[str, list[float]],
    best: dict[str, Tensor],
) -> None:
    assert settings.checkpoint is not None
    tensors = {f"now.{k}": v for k, v in module.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(v) for name, v in state.items()}
    # Tensors that share memory cannot be written twice.
    tensors = {k: v.clone() for k, v in tensors.items()}
    write_checkpoint(settings.checkpoint, "training", tensors, {"mark": mark, "history": history})


def _resume(
    module: nn.Module, optimizer: torch.optim.Optimizer, settings: Training, mark: str
) -> tuple[dict[str, list[float]], dict[str, Tensor]]:
    assert settings.checkpoint is not None
    tensors, meta = read_checkpoint(settings.checkpoint, "training")
    if meta.get("mark") != mark:
        raise CheckpointError(
            f"{os.fspath(settings.checkpoint)!r} belongs to a run with other data or settings; "
            "remove it or name another file"
        )
    load_module(module, tensors, "best.")
    best = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    load_module(module, tensors, "now.")
    state: dict[int, dict[str, Tensor]] = {}
    try:
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        return meta["history"], best
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{os.fspath(settings.checkpoint)!r} does not describe a training: {error}"
        ) from error
