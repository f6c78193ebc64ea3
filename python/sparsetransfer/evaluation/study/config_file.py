"""A study file: read, and checked line by line."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sparsetransfer._files import existing_file
from sparsetransfer._messages import shortened
from sparsetransfer.corpora import scheme
from sparsetransfer.evaluation.data.frame_codes import FrameCodes
from sparsetransfer.evaluation.data.views import check_features
from sparsetransfer.evaluation.methods.base import wanted_views
from sparsetransfer.evaluation.study.config import (
    MANIFESTS,
    SCHEMA,
    SCHEMA_VERSION,
    ConfigError,
    CorpusEntry,
    StudyConfig,
)
from sparsetransfer.evaluation.study.fields import FIELDS
from sparsetransfer.exceptions import CorpusError

__all__ = ["read_config"]

_LONGEST = 1000  # characters of a message, which may repeat what the file holds


def read_config(path: str | os.PathLike[str]) -> StudyConfig:
    r"""Read a study from a TOML file, or from the JSON file that a report folder holds.

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

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("study.toml").write_text("[study]\ndesign = 'pairs'\n[corpora]\n")
    >>> read_config("study.toml")
    Traceback (most recent call last):
    ...
    sparsetransfer.evaluation.study.config.ConfigError: study.toml, line 2: design must be one of ...
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


class _Reader:
    """Checks the content of a file and knows its lines."""

    def __init__(self, place: Path, text: str) -> None:
        self.place = place
        self.lines = _lines(text) if place.suffix != ".json" else {}

    def fault(self, where: tuple[str, ...], message: str) -> ConfigError:
        message = message if len(message) < _LONGEST else shortened(message)
        for length in range(len(where), 0, -1):
            if where[:length] in self.lines:
                return ConfigError(f"{self.place}, line {self.lines[where[:length]]}: {message}")
        return ConfigError(f"{self.place}: {message}")

    def study(self, content: Any) -> StudyConfig:
        if not isinstance(content, dict):
            raise ConfigError(f"{self.place}: expected tables, got {type(content).__name__}")
        if self.place.suffix == ".json" and (
            content.pop("schema", None) != SCHEMA
            or content.pop("schema_version", None) != SCHEMA_VERSION
        ):
            raise ConfigError(f"{self.place}: expected {SCHEMA} of version {SCHEMA_VERSION}")
        self.known(content, ("study", "corpora", "features", "methods"), ())
        study = self.table(content, ("study",))
        corpora = self.corpora(self.table(content, ("corpora",)))
        settings = self.table(content, ("methods",)) if "methods" in content else {}
        for name in settings:
            self.table(settings, ("methods", name))
        sets = self.features(content)
        self.known(study, tuple(FIELDS), ("study",))
        values = {
            name: self.value(study, name, check) for name, check in FIELDS.items() if name in study
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
            if not isinstance(reader, str):
                raise self.fault((*where, "reader"), f"reader must be a text, got {reader!r}")
            if reader != "manifest":
                try:
                    scheme(reader)
                except CorpusError as error:
                    raise self.fault((*where, "reader"), f"{error}, manifest") from None
            if not os.path.exists(full):
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
            key = "path" if "path" in settings else "frames"
            if key == "path" or FrameCodes(**settings).are_files:
                full = (self.place.parent / Path(settings[key]).expanduser()).absolute()
                if not os.path.exists(full):
                    raise self.fault((*where, key), f"there is no {full}")
                settings[key] = str(full)
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
