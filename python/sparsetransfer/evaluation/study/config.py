"""A study as a file: read, checked, and blamed on a line where it is wrong."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from sparsetransfer._files import existing_file
from sparsetransfer.evaluation.data.normalisation import SCOPES
from sparsetransfer.evaluation.data.views import check_features
from sparsetransfer.evaluation.methods.base import Method, wanted_views
from sparsetransfer.evaluation.methods.grid import GridMethod, with_grid
from sparsetransfer.evaluation.methods.registry import (
    DEFAULT_METHODS,
    available_methods,
    make_methods,
)
from sparsetransfer.evaluation.protocol.designs import DESIGNS
from sparsetransfer.evaluation.protocol.protocol import MOST_RESAMPLES, MOST_SEED, SETTINGS
from sparsetransfer.evaluation.protocol.selection import RULES
from sparsetransfer.exceptions import CorpusError

__all__ = ["MANIFESTS", "ConfigError", "CorpusEntry", "StudyConfig", "read_config"]

MANIFESTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", "db.yaml")
"""Endings (lower case) of paths that are manifests and not folders of recordings."""

_SCHEMA = "sparsetransfer.config"
_VERSION = 1


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
            "schema": _SCHEMA,
            "schema_version": _VERSION,
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


def read_config(path: str | os.PathLike[str]) -> StudyConfig:
    """Read a study from a TOML file, or from the JSON file that a report folder holds.

    Parameters
    ----------
    path : path-like
        The file. Paths of corpora in it are relative to its folder.

    Returns
    -------
    StudyConfig
        The study, checked as far as that is possible without the corpora.

    Raises
    ------
    ConfigError
        If the file cannot be read, or says something that cannot be used; the message names the
        line.

    Notes
    -----
    ::

        [study]
        design = "ordered-pairs"           # all designs: see `DESIGNS`
        classes = ["anger", "happiness", "neutral", "sadness"]
        methods = ["majority", "svm", "ridge", "forest"]
        normalisation = "speaker-or-corpus"

        [corpora.emodb]                    # `reader` is the name, unless given
        path = "recordings/emodb"

        [corpora.own]
        path = "own/manifest.csv"

        [features.mine]                    # a feature set for `feature_sets` and `views`
        path = "own/table.parquet"         # or CSV: columns file, start, end and numbers

        [features.codes]
        frames = "log-mel"                 # settings: see `FrameCodes`
        n_dictionaries = 2

        [methods.forest]
        estimator = "sklearn.ensemble:RandomForestClassifier"
        params = { n_estimators = 300 }
        grid = { min_samples_leaf = [20, 5, 1] }   # chosen as `selection` says

        [methods.two-views]                # a method under another name
        method = "multi-view"
        views = ["mine", "codes"]
    """
    place = Path(path)
    try:
        text = existing_file(place).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place}: is not UTF-8; save it as UTF-8 ({error})") from error
    except OSError as error:
        raise ConfigError(f"{place}: cannot be read: {error}") from error
    try:
        content = json.loads(text) if place.suffix == ".json" else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ConfigError(f"{place}: {error}") from error
    return _Reader(place, text).study(content)


def _renamed(method: Method, name: str) -> Method:
    if isinstance(method, GridMethod):
        return replace(method, method=_renamed(method.method, name))
    if "name" not in {each.name for each in fields(method)}:  # type: ignore[arg-type]
        raise ValueError(f"method {method.name!r} has no settings, and needs no other name")
    return replace(method, name=name)  # type: ignore[type-var]


class _Reader:
    """Checks the content of a file and knows its lines."""

    def __init__(self, place: Path, text: str) -> None:
        self.place = place
        self.lines = _lines(text) if place.suffix != ".json" else {}

    def fault(self, where: tuple[str, ...], message: str) -> ConfigError:
        for length in range(len(where), 0, -1):
            if where[:length] in self.lines:
                return ConfigError(f"{self.place}, line {self.lines[where[:length]]}: {message}")
        return ConfigError(f"{self.place}: {message}")

    def study(self, content: Any) -> StudyConfig:
        if not isinstance(content, dict):
            raise ConfigError(f"{self.place}: expected tables, got {type(content).__name__}")
        if self.place.suffix == ".json" and (
            content.pop("schema", None) != _SCHEMA
            or content.pop("schema_version", None) != _VERSION
        ):
            raise ConfigError(f"{self.place}: expected {_SCHEMA} of version {_VERSION}")
        self.known(content, ("study", "corpora", "features", "methods"), ())
        study = self.table(content, ("study",))
        corpora = self.corpora(self.table(content, ("corpora",)))
        settings = self.table(content, ("methods",)) if "methods" in content else {}
        for name in settings:
            self.table(settings, ("methods", name))
        sets = self.features(content)
        self.known(study, tuple(_FIELDS), ("study",))
        values = {
            name: self.value(study, name, check) for name, check in _FIELDS.items() if name in study
        }
        design = self.design(values, corpora)
        config = StudyConfig(
            corpora=corpora, design=design, settings=settings, features=sets, **values
        )
        self.methods(config)
        self.used(config)
        return config

    def known(
        self, content: Mapping[str, Any], names: tuple[str, ...], at: tuple[str, ...]
    ) -> None:
        for name in content:
            if name not in names:
                raise self.fault(
                    (*at, name), f"unknown name {name!r}, expected some of {', '.join(names)}"
                )

    def table(self, content: Mapping[str, Any], where: tuple[str, ...]) -> dict[str, Any]:
        found = content.get(where[-1])
        if not isinstance(found, dict):
            what = "is missing" if found is None else f"must be a table, got {found!r}"
            raise self.fault(where, f"[{'.'.join(where)}] {what}")
        return found

    def value(self, study: Mapping[str, Any], name: str, check: Callable[[Any], Any]) -> Any:
        try:
            return check(study[name])
        except ValueError as error:
            raise self.fault(("study", name), f"{name} {error}, got {study[name]!r}") from None

    def corpora(self, content: Mapping[str, Any]) -> tuple[CorpusEntry, ...]:
        from sparsetransfer.corpora import scheme

        entries = []
        for name, entry in content.items():
            where = ("corpora", name)
            if not isinstance(entry, dict):
                raise self.fault(where, f"[corpora.{name}] must be a table, got {entry!r}")
            self.known(entry, ("path", "reader", "label_map", "table"), where)
            path = entry.get("path")
            if not isinstance(path, str) or not path:
                raise self.fault((*where, "path"), f"path of {name!r} must be a text, got {path!r}")
            full = (self.place.parent / Path(os.path.expanduser(path))).absolute()
            reader = entry.get("reader", "manifest" if path.lower().endswith(MANIFESTS) else name)
            if reader != "manifest":
                try:
                    scheme(reader)
                except CorpusError as error:
                    raise self.fault((*where, "reader"), f"{error}, manifest") from None
            if not full.exists():
                raise self.fault((*where, "path"), f"there is no {full}")
            labels = entry.get("label_map", {})
            if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
                raise self.fault(
                    (*where, "label_map"), f"label_map must map labels to emotions, got {labels!r}"
                )
            table = entry.get("table")
            if table is not None and not isinstance(table, str):
                raise self.fault((*where, "table"), f"table must be a text, got {table!r}")
            entries.append(CorpusEntry(name, str(full), reader, labels, table))
        return tuple(entries)

    def design(self, values: dict[str, Any], corpora: tuple[CorpusEntry, ...]) -> dict[str, Any]:
        kind = values.pop("design", "ordered-pairs")
        names = [entry.name for entry in corpora]
        design: dict[str, Any] = {"kind": kind}
        for title in ("sources", "targets"):
            given = values.pop(title, None)
            if kind != "source-to-target":
                if given is not None:
                    raise self.fault(("study", title), f"the design {kind!r} has no {title}")
                continue
            strange = [name for name in given or () if name not in names]
            if not given or strange:
                raise self.fault(
                    ("study", title if given else "design"),
                    f"{title} must name corpora out of {', '.join(names)}, got {given}",
                )
            design[title] = list(given)
        folds = values.pop("speaker_folds", None)
        if kind == "speaker-k-fold":
            design["n_folds"] = 5 if folds is None else folds
        elif folds is not None:
            raise self.fault(
                ("study", "speaker_folds"), f"the design {kind!r} has no speaker_folds"
            )
        return design

    def features(self, content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        sets = self.table(content, ("features",)) if "features" in content else {}
        for name in sets:
            where = ("features", name)
            settings = dict(self.table(sets, where))
            try:
                check_features(name, settings)
            except ValueError as error:
                raise self.fault(where, str(error)) from None
            if "path" in settings:
                full = (self.place.parent / Path(settings["path"]).expanduser()).absolute()
                if not full.exists():
                    raise self.fault((*where, "path"), f"there is no {full}")
                settings["path"] = str(full)
            sets[name] = settings
        return sets

    def used(self, config: StudyConfig) -> None:
        views = (view for method in config.make_methods() for view in wanted_views(method))
        asked = {*config.feature_sets, *views}
        for name in config.features:
            if name not in asked:
                raise self.fault(
                    ("features", name),
                    f"{name!r} is neither among the feature_sets of [study] nor among the views of "
                    "a method",
                )

    def methods(self, config: StudyConfig) -> None:
        for name in config.settings:
            if name not in config.methods:
                raise self.fault(("methods", name), f"{name!r} is not among the methods of [study]")
        for name in config.methods:
            try:
                config.make_method(name)
            except ValueError as error:
                where = ("methods", name) if name in config.settings else ("study", "methods")
                raise self.fault(where, str(error)) from error


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of every table and key of a TOML text that parses."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?([^\[\]]+)\]\]?\s*(#.*)?$", line)
        key = re.match(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=", line)
        if header:
            table = _path(header[1])
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], number)
            found[table] = number
        elif key:
            found.setdefault((*table, *_path(key[1])), number)
    return found


def _path(dotted: str) -> tuple[str, ...]:
    try:
        content: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return (dotted,)
    path = []
    while isinstance(content, dict):
        name, content = next(iter(content.items()))
        path.append(name)
    return tuple(path)


def _one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value)

    return check


def _words(value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(word, str) and word for word in value)
        or len(set(value)) != len(value)
    ):
        raise ValueError("must be a list of texts without repetition")
    return tuple(value)


def _integer(value: Any, least: int, most: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"must be a whole number of at least {least}")
    if most is not None and value > most:
        raise ValueError(f"must be a whole number of at most {most}")
    return value


def _seeds(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
        raise ValueError("must be a list of whole numbers without repetition")
    return tuple(_integer(seed, 0, MOST_SEED) for seed in value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "design": _one_of(*DESIGNS),
    "sources": _words,
    "targets": _words,
    "speaker_folds": lambda value: _integer(value, 2),
    "classes": _words,
    "methods": _words,
    "feature_sets": _words,
    "normalisation": _one_of(*SCOPES),
    "setting": _one_of(*SETTINGS),
    "selection": _one_of(*RULES),
    "seeds": _seeds,
    "n_folds": lambda value: _integer(value, 2),
    "n_resamples": lambda value: _integer(value, 1, MOST_RESAMPLES),
    "drop_unmapped": _flag,
    "drop_unreadable": _flag,
}
