"""What a run over chunks leaves on disk after every alternation, to go on from."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._files import existing_file, replacing
from sparsetransfer.distributed.chunks import Chunks
from sparsetransfer.distributed.coupling import State
from sparsetransfer.distributed.passes import Pass

__all__ = ["resume", "run_mark", "save"]


def run_mark(
    chunks: Chunks, task: Pass, strengths: NDArray[np.float64], tol: float, coupling_tol: float
) -> str:
    """Compute a mark of a run from its data, its settings and its first dictionary.

    Of the data, shapes, labels and the rows of the first and the last chunk enter: reading all of
    them would be one pass more.
    """
    described = [
        [[c.name, c.n_samples, c.n_features, c.domain] for c in chunks],
        [task.alpha, task.l2, task.positive_code, tol, coupling_tol, str(task.components.dtype)],
        [strengths.tolist(), task.mean_weights.tolist()],
        None if task.graph is None else vars(task.graph),
    ]
    digest = hashlib.blake2b(json.dumps(described).encode(), digest_size=16)
    digest.update(task.components.tobytes())
    for chunk in chunks:
        digest.update(b"" if chunk.labels is None else chunk.labels.tobytes())
    for chunk in {0: chunks[0], len(chunks) - 1: chunks[-1]}.values():
        digest.update(chunk.load(task.components.dtype).tobytes())
    return digest.hexdigest()


def save(path: str | os.PathLike[str], mark: str, state: State) -> None:
    """Write what a run needs to go on."""
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            mark=np.array(mark),
            components=state.task.components,
            multipliers=np.zeros(0) if state.task.multipliers is None else state.task.multipliers,
            history=np.array(state.history),
            passes=np.array(state.passes),
        )


def resume(path: str | os.PathLike[str], mark: str, state: State) -> State:
    """Return the state that was saved, if it belongs to this run."""
    try:
        # Opened here: NumPy leaves a file open that turns out to be no archive.
        with open(existing_file(path), "rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        same = str(found["mark"]) == mark
        components = found["components"]
        # Its name in files of the version before.
        multipliers = found["multipliers" if "multipliers" in found else "pull"]
        history, passes = [float(value) for value in found["history"]], int(found["passes"])
    except Exception as error:
        raise ValueError(f"checkpoint {os.fspath(path)} cannot be read: {error}") from error
    if not same:
        raise ValueError(
            f"checkpoint {os.fspath(path)} belongs to a run with other data or settings; remove it "
            "or name another file"
        )
    task = replace(state.task, components=components)
    if state.task.multipliers is not None:
        task = replace(task, multipliers=multipliers)
    for name in ("components", "multipliers"):
        wanted, given = getattr(state.task, name), getattr(task, name)
        if wanted is not None and not (
            given.shape == wanted.shape and given.dtype == wanted.dtype and np.isfinite(given).all()
        ):
            raise ValueError(f"checkpoint {os.fspath(path)} holds no {name} of this run")
    return State(task, state.strengths, history, passes)
