"""Reading a corpus from the names of its files."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sparsetransfer import audio
from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.emotions import map_labels
from sparsetransfer.corpora.manifest import read_manifest
from sparsetransfer.corpora.rows import manifest_in
from sparsetransfer.corpora.scheme import Scheme, names, scheme
from sparsetransfer.exceptions import CorpusError

__all__ = ["NO_EMOTION", "read"]

NO_EMOTION = "is no emotion"
"""How the reason in `Corpus.dropped` ends for labels that their corpus declares to be none."""

_log = logging.getLogger(__name__)


def read(
    name: str,
    root: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    drop_unmapped: bool = False,
) -> Corpus:
    """
    Read a corpus from a folder of recordings or from a manifest.

    A corpus in `names` is read by the names of its files, wherever below `root` they lie and
    whatever audio format they have. Any other name needs a manifest: `root` is then the manifest
    or a folder with one, see `read_manifest`.

    Parameters
    ----------
    name : str
        Name of the corpus.
    root : path-like
        Folder that is searched with all its sub-folders, or a manifest file.
    classes : sequence of str, optional
        The emotions to keep; all by default. The others are counted in `Corpus.dropped`.
    label_map : mapping of str to str, optional
        Raw label to emotion; adds to the corpus' own map and wins over it.
    drop_unmapped : bool, default=False
        Drop recordings whose label is in no map, counted in `Corpus.dropped`, instead of
        refusing the corpus.

    Returns
    -------
    Corpus
        The recordings, sorted by path.

    Raises
    ------
    CorpusError
        If `root` does not exist, holds no audio or no name that follows the scheme, two different
        files carry the same name, a label is in no map, or a class of `classes` is empty. The
        message lists every offender.

    Notes
    -----
    Names outside the scheme are not an error, as distributions carry other material, but they are
    counted in `Corpus.dropped`. Byte-identical copies of a recording, which some mirrors have, are
    read once and counted as well.
    """
    path = Path(root).expanduser().absolute()
    if path.is_file():
        corpus = read_manifest(path, name=name, label_map=label_map, drop_unmapped=drop_unmapped)
    elif name in names():
        corpus = _read_scheme(scheme(name), path, label_map, drop_unmapped)
    elif manifest_in(path) is not None:
        corpus = read_manifest(path, name=name, label_map=label_map, drop_unmapped=drop_unmapped)
    else:
        raise CorpusError(
            f"no reader for a corpus named '{name}' (there are {', '.join(names())}) "
            f"and no manifest.csv, .parquet, .jsonl or db.yaml in '{path}'"
        )
    return corpus if classes is None else corpus.restrict(classes)


def _read_scheme(
    facts: Scheme, root: Path, label_map: Mapping[str, str] | None, drop_unmapped: bool
) -> Corpus:
    """Read all files below `root` that follow the scheme."""
    files = audio.find_files(root)
    known = None if facts.annotations is None else facts.annotations.read(root)
    dropped: Counter[str] = Counter()
    rows: list[dict[str, str]] = []
    for file in files:
        match = facts.match(file.relative_to(root).with_suffix("").as_posix())
        if match is None:
            dropped["name outside the scheme"] += 1
            continue
        parts = {name: value or "" for name, value in match.groupdict().items()}
        other = [
            f"{group} {parts[group]}"
            for group, value in facts.keep.items()
            if parts[group] != value
        ]
        if other:
            dropped[", ".join(other)] += 1
            continue
        if known is not None:
            annotation = known.get(parts.get("file", file.stem))
            if annotation is None:
                dropped["no annotation"] += 1
                continue
            parts |= annotation
        rows.append({"key": match.group(), **_row(facts, file, parts)})
    if not rows:
        shown = ", ".join(f"'{file.name}'" for file in files[:3])
        unlabelled = f", {dropped['no annotation']} lack one" if known is not None else ""
        raise CorpusError(
            f"root: none of the {len(files)} audio files below '{root}' is named like a recording "
            f"of {facts.name} ('{facts.example}'){unlabelled}; found for example {shown}"
        )
    rows, copies = _without_copies(rows)
    if copies:
        dropped["identical copy"] = copies
    if known is not None and (absent := len(known) - len(rows)) > 0:
        dropped["annotation without recording"] = absent
    return _mapped(facts, rows, dropped, label_map, drop_unmapped)


def _mapped(
    facts: Scheme,
    rows: list[dict[str, str]],
    dropped: Counter[str],
    label_map: Mapping[str, str] | None,
    drop_unmapped: bool,
) -> Corpus:
    """Turn raw labels into emotions, drop those that stand for none, make the corpus."""
    label_map = {**facts.labels, **(label_map or {})}
    kept = []
    for row in rows:
        row["label"] = _spelt(row["label"], label_map, facts.no_emotion)
        if row["label"] in facts.no_emotion and row["label"] not in label_map:
            dropped[f"label '{row['label']}' {NO_EMOTION}"] += 1
        else:
            kept.append(row)
    raw = [row["label"] for row in kept]
    emotions, unmapped = map_labels(
        raw, label_map, drop_unmapped=drop_unmapped, where=f"corpus '{facts.name}'"
    )
    dropped.update({f"label '{label}' unmapped": count for label, count in unmapped.items()})
    table = pd.DataFrame(kept, columns=None if kept else ["file", "label"])
    table["label"] = emotions
    table = table[table["label"].notna()]
    for reason, count in dropped.items():
        _log.info("%s: %d recordings left out: %s", facts.name, count, reason)
    used = {label: label_map[label] for label in sorted(set(raw)) if label in label_map}
    return Corpus(facts.name, table, dropped, used)


def _spelt(label: str, label_map: Mapping[str, str], no_emotion: Sequence[str]) -> str:
    """Spell a label as the scheme does: distributions differ in capitals."""
    if label in label_map or label in no_emotion:
        return label
    lower = label.lower()
    return lower if lower in label_map or lower in no_emotion else label


def _row(facts: Scheme, file: Path, parts: Mapping[str, str]) -> dict[str, str]:
    """Return one row of the table, with the raw label."""
    code = parts.get("speaker", "")
    code = facts.aliases.get(code, code)
    told = parts.get("gender", "")
    others = {name: value for name, value in parts.items() if name != "speaker"}
    row = {
        "file": str(file),
        "label": parts["label"],
        "speaker": facts.speaker_format.format(code, **others) if code else "",
        "gender": facts.gender_codes.get(told, facts.genders.get(code, "")),
        "language": facts.languages.get(code, facts.language),
        "sentence": parts.get("sentence", ""),
    }
    return row | {name: parts[name] for name in ("split", "activation", "valence") if name in parts}


def _without_copies(rows: list[dict[str, str]]) -> tuple[list[dict[str, str]], int]:
    """Keep the first of byte-identical files of one name; refuse different files of one name."""
    by_name: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_name.setdefault(row.pop("key"), []).append(row)
    clashes = [
        " and ".join(f"'{row['file']}'" for row in same)
        for same in by_name.values()
        if len(same) > 1 and len({audio.content_hash(row["file"]) for row in same}) > 1
    ]
    if clashes:
        raise CorpusError(
            "root: different files carry the name of one recording; choose a folder that holds "
            f"one version: {'; '.join(clashes)}"
        )
    return [same[0] for same in by_name.values()], len(rows) - len(by_name)
