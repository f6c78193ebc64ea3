"""Results of a whole evaluation, as plain immutable values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.data.domain import Domain
from sparsetransfer.evaluation.protocol.designs import Task
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy
from sparsetransfer.evaluation.scoring.metrics import Scores, score_confusion

__all__ = ["SCHEMA_VERSION", "Cell", "CorpusCard", "MethodCard", "Picture", "Study", "Timing"]

SCHEMA_VERSION = 2
"""Version of the layout of ``Study.as_dict``."""


@dataclass(frozen=True)
class CorpusCard:
    """What a report tells about a corpus: everything but its features.

    Parameters
    ----------
    name : str
        Name.
    fingerprint : str
        `Domain.fingerprint`.
    feature_sets : mapping of str to int
        Names and numbers of columns, of named views and spectrograms too if a method reads them.
    files, labels, speakers : tuple of str
        Of each row.
    dropped : mapping of str to int
        What was left out, by reason.
    failures : tuple of (str, str)
        Unreadable recordings and why.
    """

    name: str
    fingerprint: str
    feature_sets: Mapping[str, int]
    files: tuple[str, ...]
    labels: tuple[str, ...]
    speakers: tuple[str, ...]
    dropped: Mapping[str, int]
    failures: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Return the number of rows per label, labels in alphabetical order."""
        return dict(sorted(Counter(self.labels).items()))

    @property
    def n_speakers(self) -> int:
        """Number of known speakers."""
        return len(set(self.speakers) - {""})

    @classmethod
    def of(cls, domain: Domain) -> CorpusCard:
        """Describe a corpus."""
        views = (domain.features, *domain.views.values())
        columns = {
            name: view.shape[1] for name, view in zip(domain.feature_sets, views, strict=True)
        }
        columns |= {name: view.shape[1] for name, view in domain.named.items()}
        if domain.spectrograms:
            columns[domain.spectrogram_set] = domain.spectrograms[0].shape[1]
        columns.update({name: parts[0].shape[1] for name, parts in domain.frames.items()})
        return cls(
            name=domain.name,
            fingerprint=domain.fingerprint,
            feature_sets=columns,
            files=tuple(domain.files.tolist()),
            labels=tuple(domain.labels.tolist()),
            speakers=tuple(domain.speakers.tolist()),
            dropped=dict(domain.dropped),
            failures=domain.failures,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "feature_sets": dict(self.feature_sets),
            "counts": self.counts(),
            "n_speakers": self.n_speakers,
            "dropped": dict(self.dropped),
            "failures": [{"file": file, "reason": reason} for file, reason in self.failures],
            "files": list(self.files),
            "labels": list(self.labels),
            "speakers": list(self.speakers),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> CorpusCard:
        """Restore what `as_dict` gave."""
        return cls(
            name=content["name"],
            fingerprint=content["fingerprint"],
            feature_sets=dict(content["feature_sets"]),
            files=tuple(content["files"]),
            labels=tuple(content["labels"]),
            speakers=tuple(content["speakers"]),
            dropped=dict(content["dropped"]),
            failures=tuple((part["file"], part["reason"]) for part in content["failures"]),
        )


@dataclass(frozen=True)
class MethodCard:
    """Name, description and fixed settings of a method.

    Parameters
    ----------
    name : str
        Name in the tables.
    description : str
        One sentence.
    settings : mapping
        Parameters fixed in advance.
    """

    name: str
    description: str
    settings: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "description": self.description,
            "settings": dict(self.settings),
        }


@dataclass(frozen=True, eq=False)
class Picture:
    """Rows of source and target in the plane of their first two principal axes.

    Parameters
    ----------
    source, target : ndarray of shape (n, 2)
        Coordinates.
    source_labels, target_labels : tuple of str
        Labels of the rows.
    """

    source: NDArray[np.float64]
    target: NDArray[np.float64]
    source_labels: tuple[str, ...]
    target_labels: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "source": self.source.tolist(),
            "target": self.target.tolist(),
            "source_labels": list(self.source_labels),
            "target_labels": list(self.target_labels),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Picture:
        """Restore what `as_dict` gave."""
        return cls(
            np.array(content["source"], dtype=np.float64).reshape(-1, 2),
            np.array(content["target"], dtype=np.float64).reshape(-1, 2),
            tuple(content["source_labels"]),
            tuple(content["target_labels"]),
        )


@dataclass(frozen=True)
class Timing:
    """Time and memory spent on one cell.

    Parameters
    ----------
    wall, cpu : float
        Seconds, over all folds; `cpu` counts all threads of the process.
    peak : float
        Largest resident memory of the process up to the end of the cell, in MiB; NaN where the
        system does not tell.
    """

    wall: float
    cpu: float
    peak: float

    def as_dict(self) -> dict[str, float | None]:
        """Return plain JSON values."""
        return {"wall_s": self.wall, "cpu_s": self.cpu, "peak_mib": _number(self.peak)}


@dataclass(frozen=True, eq=False)
class Cell:
    """One method with one seed on one task.

    Parameters
    ----------
    task, target, method : str
        Names.
    seed : int
        Seed.
    predictions : tuple of str
        Predicted label of each target row.
    scores : Scores
        Figures of the predictions.
    interval : tuple of (float, float)
        Speaker bootstrap interval of the UAR; NaN where speakers are unknown.
    diagnostics : mapping
        What the method says about itself; of several folds, that of the first one, and all under
        ``folds``.
    after : Discrepancy or None
        Between the codes, for methods that have codes; mean over folds.
    picture : Picture or None
        Of the codes, in the first fold.
    warnings : tuple of str
        Warnings raised while the method ran.
    timing : Timing
        The only part that differs between two equal runs.
    """

    task: str
    target: str
    method: str
    seed: int
    predictions: tuple[str, ...]
    scores: Scores
    interval: tuple[float, float]
    diagnostics: Mapping[str, Any]
    after: Discrepancy | None
    picture: Picture | None
    warnings: tuple[str, ...]
    timing: Timing

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values without picture and times; NaN becomes None."""
        return {
            "task": self.task,
            "target": self.target,
            "method": self.method,
            "seed": self.seed,
            "uar": _number(self.scores.uar),
            "uar_interval": [_number(value) for value in self.interval],
            "war": _number(self.scores.war),
            "macro_f1": _number(self.scores.macro_f1),
            "recalls": {
                name: _number(value)
                for name, value in zip(
                    self.scores.classes, self.scores.recalls.tolist(), strict=True
                )
            },
            "confusion": self.scores.confusion.tolist(),
            "mmd_after": None if self.after is None else self.after.as_dict(),
            "diagnostics": dict(self.diagnostics),
            "warnings": list(self.warnings),
            "predictions": list(self.predictions),
        }

    def as_record(self) -> dict[str, Any]:
        """Return everything as plain JSON values, for `from_record`."""
        return {
            **self.as_dict(),
            "picture": None if self.picture is None else self.picture.as_dict(),
            "timing": self.timing.as_dict(),
        }

    @classmethod
    def from_record(cls, content: Mapping[str, Any]) -> Cell:
        """Restore what `as_record` gave.

        Parameters
        ----------
        content : mapping
            The record.

        Returns
        -------
        Cell
            An equal cell.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the record is not one.
        """
        low, high = (_float(value) for value in content["uar_interval"])
        after, picture, timing = content["mmd_after"], content["picture"], content["timing"]
        return cls(
            task=str(content["task"]),
            target=str(content["target"]),
            method=str(content["method"]),
            seed=int(content["seed"]),
            predictions=tuple(content["predictions"]),
            scores=score_confusion(content["confusion"], tuple(content["recalls"])),
            interval=(low, high),
            diagnostics=dict(content["diagnostics"]),
            after=None if after is None else Discrepancy(**after),
            picture=None if picture is None else Picture.from_dict(picture),
            warnings=tuple(content["warnings"]),
            timing=Timing(timing["wall_s"], timing["cpu_s"], _float(timing["peak_mib"])),
        )


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Everything that a report shows.

    Parameters
    ----------
    protocol : EvaluationProtocol
        What was evaluated.
    corpora : tuple of CorpusCard
        The corpora, restricted to the classes.
    methods : tuple of MethodCard
        The methods, in the order of the tables.
    cells : tuple of Cell
        By task, method and seed, in the order of the protocol.
    before : mapping of str to Discrepancy
        Per task, between the normalised features of source and target; mean over folds.
    feature_pictures : mapping of str to Picture
        Per task, the normalised features of the first fold.
    remarks : mapping of str to tuple of str
        Per task, what the normalisation had to decide.
    versions : mapping of str to str
        Versions of Python and of the libraries that compute.
    """

    protocol: EvaluationProtocol
    corpora: tuple[CorpusCard, ...]
    methods: tuple[MethodCard, ...]
    cells: tuple[Cell, ...]
    before: Mapping[str, Discrepancy]
    feature_pictures: Mapping[str, Picture]
    remarks: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]

    def __repr__(self) -> str:
        from sparsetransfer.evaluation.study.ranking import study_text

        return study_text(self)

    def _repr_html_(self) -> str:
        from sparsetransfer.evaluation.study.ranking import study_html

        return study_html(self)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The rows of the tables."""
        return self.protocol.design.tasks()

    @property
    def title(self) -> str:
        """The one task, or how many there are of which design."""
        tasks = self.tasks
        return (
            tasks[0].name if len(tasks) == 1 else f"{len(tasks)} tasks, {self.protocol.design.kind}"
        )

    def corpus(self, name: str) -> CorpusCard:
        """Return the corpus of a name."""
        return next(corpus for corpus in self.corpora if corpus.name == name)

    def cell(self, task: str, method: str, seed: int | None = None) -> Cell:
        """Return one cell, by default that of the first seed.

        Parameters
        ----------
        task, method : str
            Names.
        seed : int, optional
            Seed.

        Returns
        -------
        Cell
            The cell.

        Raises
        ------
        KeyError
            If there is none.
        """
        wanted = (task, method, self.protocol.seeds[0] if seed is None else seed)
        for cell in self.cells:
            if (cell.task, cell.method, cell.seed) == wanted:
                return cell
        raise KeyError(f"no cell {wanted}")

    def as_dict(self) -> dict[str, Any]:
        """Return the results, without times and pictures, as plain JSON values."""
        return {
            "schema": "sparsetransfer.study",
            "schema_version": SCHEMA_VERSION,
            "protocol": {"id": self.protocol.id, **self.protocol.as_dict()},
            "versions": dict(self.versions),
            "methods": [method.as_dict() for method in self.methods],
            "corpora": [corpus.as_dict() for corpus in self.corpora],
            "tasks": [
                {
                    "name": task.name,
                    "sources": list(task.sources),
                    "target": task.target,
                    "mmd_before": self.before[task.name].as_dict(),
                    "remarks": list(self.remarks[task.name]),
                }
                for task in self.tasks
            ],
            "cells": [cell.as_dict() for cell in self.cells],
        }

    @classmethod
    def from_dicts(
        cls,
        results: Mapping[str, Any],
        timings: Mapping[str, Any],
        coordinates: Mapping[str, Any],
    ) -> Study:
        """Restore a study from what `as_dict` and its companions gave.

        Parameters
        ----------
        results, timings, coordinates : mapping
            Contents of ``results.json``, ``timings.json`` and ``coordinates.json``.

        Returns
        -------
        Study
            An equal study.

        Raises
        ------
        ValueError
            If they are of another layout, or do not belong together.
        """
        for content, schema in (
            (results, "study"),
            (timings, "timings"),
            (coordinates, "coordinates"),
        ):
            found = (content.get("schema"), content.get("schema_version"))
            if found != (f"sparsetransfer.{schema}", SCHEMA_VERSION):
                raise ValueError(
                    f"expected sparsetransfer.{schema} of version {SCHEMA_VERSION}, got {found}"
                )
        try:
            return cls._restored(results, timings, coordinates)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"these results are damaged: {error!r}") from error

    @classmethod
    def _restored(
        cls, results: Mapping[str, Any], timings: Mapping[str, Any], coordinates: Mapping[str, Any]
    ) -> Study:
        def place(part: Mapping[str, Any]) -> tuple[Any, ...]:
            return part["task"], part["method"], part["seed"]

        times = {place(part): part for part in timings["cells"]}
        drawn = {place(part): part for part in coordinates["codes"]}
        tasks = results["tasks"]
        return cls(
            protocol=EvaluationProtocol.from_dict(results["protocol"]),
            corpora=tuple(CorpusCard.from_dict(part) for part in results["corpora"]),
            methods=tuple(MethodCard(**part) for part in results["methods"]),
            cells=tuple(
                Cell.from_record(
                    {**part, "timing": times[place(part)], "picture": drawn.get(place(part))}
                )
                for part in results["cells"]
            ),
            before={part["name"]: Discrepancy(**part["mmd_before"]) for part in tasks},
            feature_pictures={
                name: Picture.from_dict(part) for name, part in coordinates["features"].items()
            },
            remarks={part["name"]: tuple(part["remarks"]) for part in tasks},
            versions=dict(results["versions"]),
        )

    def timings_as_dict(self) -> dict[str, Any]:
        """Return times and memory as plain JSON values."""
        return {
            "schema": "sparsetransfer.timings",
            "schema_version": SCHEMA_VERSION,
            "protocol_id": self.protocol.id,
            "cells": [
                {"task": c.task, "method": c.method, "seed": c.seed, **c.timing.as_dict()}
                for c in self.cells
            ],
        }

    def coordinates_as_dict(self) -> dict[str, Any]:
        """Return the pictures of features and codes as plain JSON values."""
        return {
            "schema": "sparsetransfer.coordinates",
            "schema_version": SCHEMA_VERSION,
            "protocol_id": self.protocol.id,
            "features": {name: p.as_dict() for name, p in self.feature_pictures.items()},
            "codes": [
                {"task": c.task, "method": c.method, "seed": c.seed, **c.picture.as_dict()}
                for c in self.cells
                if c.picture is not None
            ],
        }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)
