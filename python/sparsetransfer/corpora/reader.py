"""Reading a corpus from the names of its files."""

import logging
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sparsetransfer._files import is_lfs_pointer
from sparsetransfer._messages import listing
from sparsetransfer._validation import check_flags
from sparsetransfer.audio.files import content_hash, find_files
from sparsetransfer.corpora.corpus import Corpus
from sparsetransfer.corpora.emotions import check_label_map, map_labels
from sparsetransfer.corpora.manifest import read_manifest
from sparsetransfer.corpora.rows import manifest_in
from sparsetransfer.corpora.scheme import Scheme, scheme
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
    must_exist: bool = True,
) -> Corpus:
    """Read a corpus from a folder of recordings or from a manifest.

    A corpus in `names` (in any capitals) is read by the names of its files, wherever below `root` they lie and
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
    must_exist : bool, default=True
        Refuse a manifest if one of its files does not exist, as in `read_manifest`.

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
    read once and counted as well, and so is what lies beside the folder in which a distribution
    keeps its recordings.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("emodb").mkdir()
    >>> for name in ("03a01Fa", "08a02Wb"):
    ...     _ = Path(f"emodb/{name}.wav").write_text(name)  # labels are in the names
    >>> read("emodb", "emodb").table[["label", "speaker", "gender"]].values.tolist()
    [['happiness', '03', 'm'], ['anger', '08', 'f']]
    """
    check_flags(drop_unmapped=drop_unmapped, must_exist=must_exist)
    check_label_map(label_map or {})
    path = Path(os.path.expanduser(root)).absolute()
    facts: Scheme | None = None
    if not path.exists():
        raise CorpusError(
            f"root: '{path}' does not exist; expected a folder with audio files or a manifest"
        )
    if not path.is_file():
        try:
            facts = scheme(name)
        except CorpusError as error:
            if manifest_in(path) is None:
                raise CorpusError(
                    f"{error}; and no manifest.csv, .parquet, .jsonl or db.yaml in '{path}'"
                ) from None
    if facts is None:
        corpus = read_manifest(
            path,
            name=name,
            label_map=label_map,
            drop_unmapped=drop_unmapped,
            must_exist=must_exist,
        )
    else:
        corpus = _read_scheme(facts, path, label_map, drop_unmapped)
    return corpus if classes is None else corpus.restrict(classes)


def _read_scheme(
    facts: Scheme, root: Path, label_map: Mapping[str, str] | None, drop_unmapped: bool
) -> Corpus:
    """Read all files below `root` that follow the scheme."""
    files = find_files(root)
    known: dict[str, dict[str, str]] | None = None
    if facts.annotations is not None:
        known = {file.lower(): row for file, row in facts.annotations.read(root).items()}
    dropped: Counter[str] = Counter()
    rows: list[dict[str, str]] = []
    for file, match in _matches(facts, files, root, dropped):
        parts = facts.parts(match)
        other = [
            f"{group} {parts[group]}"
            for group, value in facts.keep.items()
            if parts[group] != value
        ]
        if other:
            known_as = ", ".join(filter(None, map(facts.excluded.get, other)))
            dropped[", ".join(other) + (f" ({known_as})" if known_as else "")] += 1
            continue
        if known is not None:
            annotation = known.get(parts.get("file", file.stem).lower())
            if annotation is None:
                dropped["no annotation"] += 1
                continue
            parts |= annotation
        rows.append({"key": match.group().lower(), **_row(facts, file, parts)})
    if not rows:
        raise CorpusError(_nothing_read(facts, root, files, dropped))
    _refuse_pointers(root, rows)
    rows, copies = _without_copies(rows)
    if copies:
        dropped["identical copy"] = copies
    if known is not None and (absent := len(known) - len(rows)) > 0:
        dropped["annotation without recording"] = absent
    return _mapped(facts, rows, dropped, label_map, drop_unmapped)


def _matches(
    facts: Scheme, files: Sequence[Path], root: Path, dropped: Counter[str]
) -> list[tuple[Path, re.Match[str]]]:
    """Return the files that follow the scheme, below its folder if the distribution has it."""
    found = []
    for file in files:
        # With the folders above, of which the user may have chosen one that belongs to the scheme.
        match = facts.match(file.with_suffix("").as_posix())
        if match is None:
            dropped["name outside the scheme"] += 1
        else:
            found.append((file, match))
    folder = facts.folder.lower()
    inside = [
        pair for pair in found if folder in map(str.lower, pair[0].relative_to(root).parts[:-1])
    ]
    if inside and len(inside) < len(found):
        dropped[f"outside '{facts.folder}'"] = len(found) - len(inside)
    return inside or found


def _nothing_read(
    facts: Scheme, root: Path, files: Sequence[Path], dropped: Mapping[str, int]
) -> str:
    """Describe why no file below a folder is a recording of the corpus."""
    if dropped.get("name outside the scheme", 0) < len(files):
        listed = [f"{reason}: {count}" for reason, count in dropped.items()]
        return (
            f"root: none of the {len(files)} audio files below '{root}' is read as {facts.name}: "
            f"{listing(listed)}" + (f". {facts.title}: {facts.obtain}" if facts.excluded else "")
        )
    shown = ", ".join(f"'{file.name}'" for file in files[:3])
    return (
        f"root: none of the {len(files)} audio files below '{root}' is named like a recording of "
        f"{facts.name} ('{facts.example}'); found for example {shown}"
    )


def _refuse_pointers(root: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Raise an error for files that are Git LFS pointers: their recordings are not fetched yet."""
    pointers = [row["file"] for row in rows if is_lfs_pointer(row["file"])]
    if pointers:
        raise CorpusError(
            f"root: {len(pointers)} of {len(rows)} recordings below '{root}' are Git LFS pointers, "
            f"not audio: {listing(pointers)}; run `git lfs pull` in the clone"
        )


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
    table = pd.DataFrame(kept, columns=None if kept else ["file", "label"], dtype=object)
    table["label"] = emotions
    table = table[table["label"].notna()]
    for reason, count in dropped.items():
        _log.info("%s: %d recordings left out: %s", facts.name, count, reason)
    used = {label: label_map[label] for label in sorted(set(raw)) if label in label_map}
    return Corpus(facts.name, table, dropped, used)


def _spelt(label: str, label_map: Mapping[str, str], no_emotion: Sequence[str]) -> str:
    """Spell a label as the scheme does: distributions differ in capitals."""
    known = {other.lower(): other for other in (*no_emotion, *label_map)}
    return label if label in label_map else known.get(label.lower(), label)


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
        if len(same) > 1 and len({content_hash(row["file"]) for row in same}) > 1
    ]
    if clashes:
        raise CorpusError(
            "root: different files carry the name of one recording; choose a folder that holds "
            f"one version: {listing(clashes)}"
        )
    return [same[0] for same in by_name.values()], len(rows) - len(by_name)
