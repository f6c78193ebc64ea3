"""The deep systems as methods; PyTorch is imported when one of them is asked for."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._domains import pack
from sparsetransfer._networks.front_end import FILTER_BANK
from sparsetransfer._threads import one_torch_thread
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import MethodOutput, Tuning
from sparsetransfer.evaluation.methods.estimator import check_params, estimator_class
from sparsetransfer.evaluation.methods.settings import check_estimator, check_settings

__all__ = ["DeepMethod"]

_HELD_OUT = 0.1
_NOT_GIVEN = frozenset({"pretrained", "checkpoint", "progress", "random_state"})
"""Arguments that are no settings: the method gives them itself, or they concern a single run."""


def _campplus_weights() -> str:
    from sparsetransfer._networks import weights

    try:
        return weights.digest(weights.locate("campplus"))
    except (ModuleNotFoundError, OSError) as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class DeepMethod:
    """A deep system, trained on the source and the unlabelled target.

    Held-out speakers of the source decide when training stops. PyTorch runs on one thread, as its
    sums depend on the number of threads.

    - `estimator`: a class of `sparsetransfer.deep`. The first two read spectrograms, standardised
      per band by the frames of each corpus whatever the protocol's normalisation, the third the
      filter bank of CAM++; the last reads feature rows.
    - `reads`: what a "DIDAN" reads: spectrograms, or the feature rows that the protocol normalises.
    - `params`: arguments of the class, as plain JSON values.
    - `pretrain_epochs`: passes over the source in which a "SpeakerResNet" learns to distinguish its
      speakers apart before it learns emotions; those who speak only once are left out. 0 starts
      from random parameters.
    - `weights`: first twelve hexadecimal digits of the SHA-256 of the weights of a
      "FineTunedCampplus"; by default those that are found.
    - `normalise_level`: whether to remove the level of every recording from its spectrogram.

    Raises ValueError if PyTorch or the weights are missing or not those named, or a parameter
    cannot be used.
    """

    name: str
    description: str
    estimator: str
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    pretrain_epochs: int = 0
    weights: str = ""
    normalise_level: bool = False
    reads: str = "spectrograms"
    adapts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        known = set(inspect.signature(self._class()).parameters) - _NOT_GIVEN
        params = check_params(self.estimator, self.params, known)
        object.__setattr__(self, "params", params)
        if self.reads not in ("spectrograms", "features") or (
            self.reads == "features" and self.estimator != "DIDAN"
        ):
            raise ValueError(
                "reads must be 'spectrograms', or for DIDAN 'features', got "
                f"{self.reads!r} for {self.estimator}"
            )
        own = {name: getattr(self, name) for name in ("pretrain_epochs", "normalise_level")}
        check_settings(self.name, DeepMethod, own)
        check_estimator(self.name, self._class()(**params), params)
        if self.pretrain_epochs and not self._reads_speakers:
            raise ValueError(
                "pretrain_epochs must be 0, or positive for SpeakerResNet, got "
                f"{self.pretrain_epochs} for {self.estimator}"
            )
        found = _campplus_weights() if self._reads_filter_bank else ""
        if self.weights not in ("", found):
            raise ValueError(
                f"weights with the SHA-256 {self.weights}… are asked for, found are "
                f"{found or 'none, as ' + self.estimator + ' has none'}"
            )
        object.__setattr__(self, "weights", found)

    def _class(self) -> type[Any]:
        return estimator_class(f"sparsetransfer.deep:{self.estimator}")

    @property
    def _reads_speakers(self) -> bool:
        return self.estimator == "SpeakerResNet"

    @property
    def _reads_filter_bank(self) -> bool:
        return self.estimator == "FineTunedCampplus"

    @property
    def reads_spectrograms(self) -> bool:
        """Whether the samples are spectrograms, which `prepare` then computes."""
        return self.estimator in ("DIDAN", "SpeakerResNet") and self.reads == "spectrograms"

    @property
    def frame_set(self) -> str:
        """Name and version of the frames that it reads, other than spectrograms."""
        return FILTER_BANK if self._reads_filter_bank else ""

    def settings(self) -> dict[str, Any]:
        """Return the parameters fixed in advance."""
        before: dict[str, Any] = {}
        if self._reads_speakers:
            before["pretrain_epochs"] = self.pretrain_epochs
        if self._reads_filter_bank:
            before["weights"] = self.weights
        elif self.estimator != "MetricAutoencoder":
            before["normalise_level"] = self.normalise_level
        reads = {"reads": self.reads} if self.estimator == "DIDAN" else {}
        return {"estimator": self.estimator, "params": dict(self.params), **before, **reads}

    def predict(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> MethodOutput:
        """Train on `source` and the rows of `target`, and label `target`."""
        with one_torch_thread():
            return self._predict(source, target, tuning.seed)

    def _predict(self, source: LabelledRows, target: UnlabelledRows, seed: int) -> MethodOutput:
        rows, labels, domain = pack(source.features, source.labels.astype(object), target.features)
        samples: Any = rows
        unknown: Any = target.features
        learned: dict[str, Any] = {}
        if self._reads_filter_bank:
            unknown = target.frames[self.frame_set]
            samples = [*source.frames[self.frame_set], *unknown]
        elif self.reads_spectrograms:
            from sparsetransfer.deep.training.sequences import normalise_levels, standardise_groups

            known, unknown = list(source.spectrograms), list(target.spectrograms)
            if self.normalise_level:
                known, unknown = normalise_levels(known), normalise_levels(unknown)
            # Each source corpus by its own; the estimators do so for source and target.
            known = standardise_groups(known, source.corpora)
            samples = [*known, *unknown]
            if self.pretrain_epochs:
                learned["pretrained"] = self._speaker_network(known, source, seed)
        estimator = self._class()(**learned, **self.params, random_state=seed)
        speakers = np.concatenate([source.speakers, target.speakers])
        estimator.fit(samples, labels, sample_domain=domain, groups=speakers)
        if self._reads_filter_bank:  # the network has just been run on the same recordings
            codes = estimator.embedding_.astype(np.float64)
            predictions = estimator.transduction_[len(source) :]
        else:
            codes = estimator.transform(samples, sample_domain=domain).astype(np.float64)
            predictions = estimator.predict(unknown)
        history = {name: [float(v) for v in values] for name, values in estimator.history_.items()}
        return MethodOutput(
            np.asarray(predictions, dtype=np.str_),
            {"training": history},
            codes[: len(source)],
            codes[len(source) :],
        )

    def _speaker_network(
        self, spectrograms: Sequence[NDArray[np.float32]], source: LabelledRows, seed: int
    ) -> Any:
        from sparsetransfer.deep import train_speaker_network

        counts = Counter(source.speakers.tolist())
        rows = [row for row, name in enumerate(source.speakers.tolist()) if counts[name] > 1]
        n_speakers = sum(count > 1 for count in counts.values())
        shape = {
            name: self.params[name]
            for name in ("channels", "n_blocks", "n_embedding", "batch_size", "crop_frames")
            if name in self.params
        }
        return train_speaker_network(
            [spectrograms[row] for row in rows],
            source.speakers[rows],
            corpora=source.corpora[rows],
            max_epochs=self.pretrain_epochs,
            # With many speakers of few recordings each, nothing can be held out.
            validation_fraction=_HELD_OUT if _HELD_OUT * len(rows) >= n_speakers else 0.0,
            random_state=seed,
            **shape,
        )
