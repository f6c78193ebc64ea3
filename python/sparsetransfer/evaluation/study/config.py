"""What decides a study: corpora, design, methods and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sparsetransfer.evaluation.methods.base import Method
from sparsetransfer.evaluation.methods.grid import GridMethod, with_grid
from sparsetransfer.evaluation.methods.registry import (
    DEFAULT_METHODS,
    available_methods,
    make_methods,
)

__all__ = ["MANIFESTS", "SCHEMA", "SCHEMA_VERSION", "ConfigError", "CorpusEntry", "StudyConfig"]

MANIFESTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", "db.yaml")
"""Endings (lower case) of paths that are manifests and not folders of recordings."""

SCHEMA = "sparsetransfer.config"
SCHEMA_VERSION = 1


class ConfigError(ValueError):
    """A study file cannot be used; the message names the file and the line."""


@dataclass(frozen=True)
class CorpusEntry:
    """Where a corpus is and how it is read.

    Parameters
    ----------
    name : str
        Name in the study.
    path : str
        Absolute path of a folder, or of a manifest.
    reader : str
        Name of a reader, or ``manifest``.
    label_map : mapping of str to str, default={}
        Raw labels to emotions, beside those of the reader.
    table : str, optional
        Table of an audformat database, where several have labels.
    """

    name: str
    path: str
    reader: str
    label_map: Mapping[str, str] = field(default_factory=dict)
    table: str | None = None


@dataclass(frozen=True)
class StudyConfig:
    """Everything that decides a study.

    Parameters
    ----------
    corpora : tuple of CorpusEntry
        The corpora.
    design : mapping
        ``kind`` and, where the design has them, ``sources``, ``targets``, ``n_folds``.
    classes : tuple of str or None, default=None
        Classes; None for those that every corpus has.
    methods : tuple of str
        Names of the methods, in the order of the tables.
    settings : mapping of str to mapping, default={}
        Per method, settings that replace the defaults; with ``method``, those of a registered
        method under another name; with ``estimator``, a scikit-learn estimator of that name; with
        ``grid``, settings to choose from.
    feature_sets : tuple of str, default=("functionals",)
        Names of feature sets; methods of one view take the first.
    features : mapping of str to mapping, default={}
        Feature sets of the study's own, by name: ``path`` of a table, or ``frames`` with settings
        of `FrameCodes`.
    normalisation, setting, selection : str
        As in `EvaluationProtocol`.
    seeds : tuple of int, default=(0,)
        Seeds.
    n_folds : int, default=5
        Folds for the choice of hyper-parameters.
    n_resamples : int, default=1000
        Resamples and permutations.
    drop_unmapped, drop_unreadable : bool, default=False
        Whether unmapped labels and unreadable files are dropped and counted.
    """

    corpora: tuple[CorpusEntry, ...]
    design: Mapping[str, Any]
    classes: tuple[str, ...] | None = None
    methods: tuple[str, ...] = DEFAULT_METHODS
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    feature_sets: tuple[str, ...] = ("functionals",)
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    normalisation: str = "corpus"
    setting: str = "transductive"
    selection: str = "source"
    seeds: tuple[int, ...] = (0,)
    n_folds: int = 5
    n_resamples: int = 1000
    drop_unmapped: bool = False
    drop_unreadable: bool = False

    def make_method(self, name: str) -> Method:
        """Build a method.

        Parameters
        ----------
        name : str
            One of `methods`.

        Returns
        -------
        Method
            The method with its settings.

        Raises
        ------
        ValueError
            If the name or a setting does not exist.
        """
        from sparsetransfer.evaluation.methods.estimator import EstimatorMethod

        settings = dict(self.settings.get(name, {}))
        if name not in available_methods() and "method" in settings:
            known = str(settings.pop("method"))
            (method,) = make_methods([known], {known: settings} if settings else {})
            return _renamed(method, name)
        if name in available_methods() or "estimator" not in settings:
            return make_methods([name], {name: settings} if settings else {})[0]
        grid = settings.pop("grid", None)
        try:
            method = EstimatorMethod(name, "Given by its import path.", **settings)
        except TypeError as error:
            raise ValueError(f"method {name!r}: {error}") from error
        return method if grid is None else with_grid(method, grid)

    def make_methods(self) -> tuple[Method, ...]:
        """Build all methods, in the order of `methods`, as by `make_method`."""
        return tuple(self.make_method(name) for name in self.methods)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values in the layout of a study file."""
        study: dict[str, Any] = {
            "design": self.design["kind"],
            **{
                name: value for name, value in self.design.items() if name in ("sources", "targets")
            },
            "methods": list(self.methods),
            "feature_sets": list(self.feature_sets),
            "normalisation": self.normalisation,
            "setting": self.setting,
            "selection": self.selection,
            "seeds": list(self.seeds),
            "n_folds": self.n_folds,
            "n_resamples": self.n_resamples,
            "drop_unmapped": self.drop_unmapped,
            "drop_unreadable": self.drop_unreadable,
        }
        if self.classes is not None:
            study["classes"] = list(self.classes)
        if "n_folds" in self.design:
            study["speaker_folds"] = self.design["n_folds"]
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "study": study,
            "corpora": {
                entry.name: {
                    "path": entry.path,
                    "reader": entry.reader,
                    "label_map": dict(entry.label_map),
                    **({} if entry.table is None else {"table": entry.table}),
                }
                for entry in self.corpora
            },
            "features": {name: dict(settings) for name, settings in self.features.items()},
            "methods": {name: dict(settings) for name, settings in self.settings.items()},
        }


def _renamed(method: Method, name: str) -> Method:
    if isinstance(method, GridMethod):
        return replace(method, method=_renamed(method.method, name))
    if "name" not in {each.name for each in fields(method)}:  # type: ignore[arg-type]
        raise ValueError(f"method {method.name!r} has no settings, and needs no other name")
    return replace(method, name=name)  # type: ignore[type-var]
