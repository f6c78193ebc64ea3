"""Results of a whole evaluation, as plain immutable values."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sparsetransfer._messages import shortened
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.protocol.designs import Task
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy
from sparsetransfer.evaluation.scoring.metrics import confusion_matrix
from sparsetransfer.evaluation.study.fields import check_fields
from sparsetransfer.evaluation.study.run_result import Projection, RunResult

__all__ = ["SCHEMA_VERSION", "CorpusSummary", "MethodSummary", "StudyResults"]

SCHEMA_VERSION = 2
"""Version of the layout of ``Study.as_dict``."""


@dataclass(frozen=True)
class CorpusSummary:
    """Summary of a corpus for reports: everything but its features.

    `fingerprint`: `Dataset.fingerprint`. `feature_sets`: names and numbers of columns, of named
    views and spectrograms too if a method reads them. `files`, `labels`, `speakers`: of each row.
    `dropped`: what was left out, by reason. `failures`: unreadable recordings and why.
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
    def of(cls, domain: Dataset) -> CorpusSummary:
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
    def from_dict(cls, content: Mapping[str, Any]) -> CorpusSummary:
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
class MethodSummary:
    """Name, description and fixed settings of a method.

    `name`: name in the tables. `description`: one sentence. `settings`: parameters fixed in
    advance.
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


@dataclass(frozen=True, eq=False, repr=False)
class StudyResults:
    """The values of a `Study`; its table is made from them, by `rank_methods`."""

    protocol: EvaluationProtocol
    corpora: tuple[CorpusSummary, ...]
    methods: tuple[MethodSummary, ...]
    cells: tuple[RunResult, ...]
    before: Mapping[str, Discrepancy]
    feature_pictures: Mapping[str, Projection]
    remarks: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]

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

    @property
    def refusals(self) -> tuple[RunResult, ...]:
        """The cells whose method refused the task; they have a reason and no figures."""
        return tuple(cell for cell in self.cells if cell.refusal)

    def corpus(self, name: str) -> CorpusSummary:
        """Return the corpus of a name."""
        return next(corpus for corpus in self.corpora if corpus.name == name)

    def cell(self, task: str, method: str, seed: int | None = None) -> RunResult:
        """Return one cell, by default that of the first seed.

        Parameters
        ----------
        task, method : str
            Names.
        seed : int, optional
            Seed.

        Returns
        -------
        RunResult
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
    ) -> Self:
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
            study = cls._restored(results, timings, coordinates)
            check_fields(study)
            study._check()
        except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
            raise ValueError(f"these results are damaged: {shortened(repr(error))}") from error
        return study

    @classmethod
    def _restored(
        cls, results: Mapping[str, Any], timings: Mapping[str, Any], coordinates: Mapping[str, Any]
    ) -> Self:
        def place(part: Mapping[str, Any]) -> tuple[Any, ...]:
            return part["task"], part["method"], part["seed"]

        times = {place(part): part for part in timings["cells"]}
        drawn = {place(part): part for part in coordinates["codes"]}
        tasks = results["tasks"]
        return cls(
            protocol=EvaluationProtocol.from_dict(results["protocol"]),
            corpora=tuple(CorpusSummary.from_dict(part) for part in results["corpora"]),
            methods=tuple(MethodSummary(**part) for part in results["methods"]),
            cells=tuple(
                RunResult.from_record(
                    {**part, "timing": times[place(part)], "picture": drawn.get(place(part))}
                )
                for part in results["cells"]
            ),
            before={part["name"]: Discrepancy(**part["mmd_before"]) for part in tasks},
            feature_pictures={
                name: Projection.from_dict(part) for name, part in coordinates["features"].items()
            },
            remarks={part["name"]: tuple(part["remarks"]) for part in tasks},
            versions=dict(results["versions"]),
        )

    def _check(self) -> None:
        """Check that parts belong together, so that every table and picture can be made of them."""
        for corpus in self.corpora:
            if not len(corpus.files) == len(corpus.labels) == len(corpus.speakers) > 0:
                raise ValueError(f"corpus {corpus.name!r} has columns of several lengths")
        pictures = [c.picture for c in self.cells if c.picture is not None]
        for picture in (*pictures, *self.feature_pictures.values()):
            counts = len(picture.source_labels), len(picture.target_labels)
            if counts != (len(picture.source), len(picture.target)):
                raise ValueError(f"a picture has {counts} labels for other numbers of points")
            if not (np.isfinite(picture.source).all() and np.isfinite(picture.target).all()):
                raise ValueError("a picture has points that are not finite")
        for task, method in itertools.product(self.tasks, self.methods):
            truth = self.corpus(task.target).labels
            for parts in (self.before, self.remarks, self.feature_pictures):
                if task.name not in parts:
                    raise ValueError(f"nothing is known of the domains of task {task.name!r}")
            for seed in self.protocol.seeds:
                cell = self.cell(task.name, method.name, seed)
                found = cell.scores.confusion
                if not cell.refusal:
                    found = confusion_matrix(truth, cell.predictions, self.protocol.classes)
                if not (
                    cell.target == task.target
                    and np.array_equal(found, cell.scores.confusion)
                    and bool(cell.refusal) != bool(cell.predictions)
                ):
                    raise ValueError(
                        f"predictions and counts of cell {(task.name, method.name)} differ"
                    )
        if not self.methods or len(self.cells) != len(self.tasks) * len(self.methods) * len(
            self.protocol.seeds
        ):
            raise ValueError("there are other cells than those of tasks, methods and seeds")

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
