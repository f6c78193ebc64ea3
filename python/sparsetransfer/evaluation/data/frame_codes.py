"""Pooled sparse codes of frames as a feature set that is learned on the corpora of a study."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._files import reading, replacing
from sparsetransfer._validation import check_integer, check_real
from sparsetransfer.exceptions import DomainError

if TYPE_CHECKING:
    from sparsetransfer.features import LogMel, SpeakerFrames
    from sparsetransfer.features.sequences import SequenceTable
    from sparsetransfer.features.table import FeatureTable
    from sparsetransfer.transfer import PooledSparseCoder

__all__ = ["FrameCodeSet", "FrameCodes", "frame_set"]

_PREFIX = "frame-codes-"
_BANDS = 40
_CONTEXT = 9
"""Frames of 10 ms in a patch of log-mel bands."""
_SPELLING = re.compile(r"frame-codes\(([^()]+)\)")


def frame_set(name: str) -> LogMel | SpeakerFrames:
    """Return what computes the frames of a name.

    `name`: ``log-mel``; ``speaker`` for the second transition of CAM++, ``speaker:LAYER`` or
    ``speaker-ge2e:LAYER`` for another layer of a speaker network. Returns: as
    `features.extract_sequences` takes it. Raises ValueError if the name is another one. Raises
    ModuleNotFoundError if a network or its weights are not installed.
    """
    from sparsetransfer.features import LogMel, SpeakerFrames

    if name == "log-mel":
        return LogMel(_BANDS)
    if name == "speaker":
        return SpeakerFrames()
    network, colon, layer = name.partition(":")
    known = {"speaker": "campplus", "speaker-ge2e": "ge2e"}
    if not colon or network not in known:
        raise ValueError(
            f"frames must be log-mel, speaker, speaker:LAYER or speaker-ge2e:LAYER, got {name!r}"
        )
    return SpeakerFrames(known[network], layer=layer)


@dataclass(frozen=True)
class FrameCodes:
    """Settings of pooled sparse codes of frames.

    - `frames`: what is coded, as in `frame_set`, or a CSV file of sequences of the user's, as in
      `features.files.read_sequences`. Log-mel bands are coded in patches of nine frames, less the
      level of the loudest frame of the utterance.
    - `n_components`, `alpha`, `n_whitened`, `max_frames`: as in `PooledSparseCoder`.
    - `n_dictionaries`: dictionaries, whose columns stand side by side. One ridge of all columns
      recognises as well as the average of one per dictionary, and is one view among others.
    - `seed`: seed of the dictionaries. It is not the seed of the study: dictionaries are learned
      once.
    """

    frames: str
    n_components: int = 1024
    alpha: float = 0.2
    n_whitened: int = 128
    n_dictionaries: int = 4
    max_frames: int = 60_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.frames, str):
            raise ValueError(f"frames must be a text, got {self.frames!r}")  # noqa: TRY004
        for name in ("n_components", "n_whitened", "n_dictionaries", "max_frames"):
            check_integer(getattr(self, name), name, minimum=1)
        check_real(self.alpha, "alpha", minimum=0.0, strict=True)
        check_integer(self.seed, "seed", minimum=0, maximum=None)

    @classmethod
    def parse(cls, name: str) -> FrameCodes | None:
        """Return the usual settings of ``frame-codes(FRAMES)``, or None if that is not said."""
        found = _SPELLING.fullmatch(name)
        return None if found is None else cls(found[1])

    @property
    def are_files(self) -> bool:
        """Whether the frames are files of the user's."""
        return self.frames.lower().endswith(".csv")

    def coder(self, n_jobs: int | None = None) -> PooledSparseCoder:
        """Return an estimator with these settings."""
        from sparsetransfer.transfer import PooledSparseCoder

        return PooledSparseCoder(
            self.n_components,
            alpha=self.alpha,
            n_whitened=self.n_whitened,
            n_dictionaries=self.n_dictionaries,
            max_frames=self.max_frames,
            random_state=self.seed,
            n_jobs=n_jobs,
        )

    def tables(
        self,
        sequences: Sequence[SequenceTable],
        cache: str | os.PathLike[str] | None = None,
        *,
        n_jobs: int | None = None,
    ) -> tuple[list[FeatureTable], list[FrameCodeSet]]:
        """Learn dictionaries on the unlabelled frames of all corpora, and code every recording.

        `sequences`: the frames of each corpus. `cache`: folder where the coder and the codes are
        kept. `n_jobs`: threads. Returns `tables`: pooled codes of each corpus, not normalised.
        `sets`: what codes new recordings of each corpus.
        """
        from sparsetransfer.features.table import FeatureTable
        from sparsetransfer.transfer import PooledSparseCoder

        frames = sequences[0].feature_set
        key = self._key(frames, sequences)
        place = None if cache is None else Path(cache) / "frame-codes" / key
        samples = _Patches(self.frames, sequences)
        numbers = np.repeat(_domains(len(sequences)), [len(table) for table in sequences])
        routed: dict[str, Any] = {"sample_domain": numbers} if len(sequences) > 1 else {}
        try:
            if place is None:
                raise FileNotFoundError
            coder = PooledSparseCoder.load(place / "coder.safetensors")
            with reading(place / "codes.npy") as stored:
                codes = np.load(stored, allow_pickle=False)
            if codes.shape != (len(samples), sum(coder.view_widths_)):
                raise ValueError("wrong shape")
        except (OSError, ValueError):
            coder = self.coder(n_jobs).fit(samples, **routed)
            codes = coder.transform(samples, **routed)
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
                coder.save(place / "coder.safetensors")
                with replacing(place / "codes.npy") as aside, aside.open("wb") as stream:
                    np.save(stream, codes, allow_pickle=False)
        names = coder.get_feature_names_out().tolist()
        identity = f"{_PREFIX}{frames}-{key[:8]}"
        ends = np.cumsum([len(table) for table in sequences])[:-1]
        tables = [
            FeatureTable(
                np.array(part, dtype=np.float64), names, table.index, identity, table.failures
            )
            for part, table in zip(np.split(codes, ends), sequences, strict=True)
        ]
        # Recordings still to come are spread over processes, not over threads.
        frozen = coder._frozen()
        sets = [
            FrameCodeSet(self.frames, frozen, int(number), identity)
            for number in coder.domains_[np.argsort(np.abs(coder.domains_))]
        ]
        return tables, sets

    def _key(self, frames: str, sequences: Sequence[SequenceTable]) -> str:
        from sparsetransfer.transfer.pooled import coder

        # Files of computed frames are named by the content of the audio; `frames` holds a digest of
        # the content of all others.
        content = [
            coder.CODES_VERSION,
            frames,
            asdict(replace(self, frames="")),
            *(
                [str(path) if self.are_files else path.name for path in table.paths]
                for table in sequences
            ),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


@dataclass(frozen=True, eq=False)
class FrameCodeSet:
    """Codes of new recordings of one corpus, in dictionaries that were learned: a feature set.

    `frames`: name of the frames, as in `frame_set`. `coder`: the fitted coder. `domain`: the fitted
    domain by whose moments frames are standardised. `id`: name and version.
    """

    frames: str
    coder: PooledSparseCoder
    domain: int
    id: str

    def __post_init__(self) -> None:
        texts: tuple[Any, ...] = (self.frames, self.id)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(f"frames and id must be texts, got {self.frames!r} and {self.id!r}")
        if self.domain not in self.coder.domains_.tolist():
            raise DomainError(
                f"domain must be one of {self.coder.domains_.tolist()}, got {self.domain}"
            )

    @cached_property
    def extractor(self) -> LogMel | SpeakerFrames:
        """What computes the frames.

        Raises ValueError if the frames have another version, or weights of another network, than
        those that were learned on.
        """
        found = frame_set(self.frames)
        learned = self.id.removeprefix(_PREFIX).rpartition("-")[0]
        if found.id != learned:
            raise ValueError(
                f"the dictionaries were learned on frames {learned}, this version computes "
                f"{found.id}; fit again"
            )
        return found

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the signals that `compute` takes."""
        return self.extractor.sample_rate

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every column."""
        return tuple(self.coder.get_feature_names_out().tolist())

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of every column."""
        return ("pooled code",) * sum(self.coder.view_widths_)

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Encode one utterance.

        `signal` (n_samples,): mono signal at `sample_rate`, full scale 1, at least one finite
        sample. Returns (len(names),): the pooled codes.
        """
        frames = _patches(self.frames, self.extractor.compute(signal))
        codes = self.coder.transform([frames], sample_domain=[self.domain])
        return np.asarray(codes[0], dtype=np.float64)


def _domains(count: int) -> NDArray[np.int64]:
    """Return numbers of domains, the last a target: the coder asks for one, and treats all alike."""
    numbers = np.arange(1, count + 1)
    numbers[-1] = -count if count > 1 else 1
    return numbers


class _Patches(Sequence[NDArray[np.float32]]):
    """The samples of several corpora in a row, read when they are asked for."""

    def __init__(self, frames: str, tables: Sequence[SequenceTable]) -> None:
        self.frames = frames
        self.places = [(table, row) for table in tables for row in range(len(table))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        table, row = self.places[index]
        return _patches(self.frames, table[row])


def _patches(name: str, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    if name != "log-mel":
        return np.asarray(frames)
    level = frames.mean(axis=1).max()
    steps = np.arange(len(frames))[:, None] + np.arange(_CONTEXT) - _CONTEXT // 2
    around = (frames - level)[np.clip(steps, 0, len(frames) - 1)]
    return np.ascontiguousarray(around.reshape(len(frames), -1))
