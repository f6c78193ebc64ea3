"""From what the user wrote to corpora, label maps and folders."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparsetransfer._files import check_file, check_folder, existing_file

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus
    from sparsetransfer.evaluation import CorpusEntry
    from sparsetransfer.recognition import Recogniser

__all__ = [
    "CacheFolder",
    "Classes",
    "DropUnmapped",
    "DropUnreadable",
    "FeatureJobs",
    "LabelMap",
    "SpeakerWeights",
    "TargetLabels",
    "cache_folder",
    "check_outputs",
    "labels_line",
    "parse_label_map",
    "read_corpus",
    "read_corpus_entry",
    "split_list",
]


def _use_speaker_weights(path: Path | None) -> Path | None:
    """Name the weights where this process and its workers look for them."""
    if path is not None:
        from sparsetransfer._networks.weights import VARIABLE

        os.environ[VARIABLE] = str(path)
    return path


SpeakerWeights = Annotated[
    Path | None,
    typer.Option(
        "--speaker-weights",
        callback=_use_speaker_weights,
        help="Weights of the feature set speaker (CAM++).",
        show_default="those of an installed package",
    ),
]
"""An option whose callback does all the work."""

Classes = Annotated[
    str | None,
    typer.Option(help="Emotions, comma-separated.", show_default="all that every corpus has"),
]
"""The emotions of a study or a model."""

LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        help="RAW=EMOTION,… or a .json file, beside the readers' maps.", show_default=False
    ),
]
"""The option that `parse_label_map` reads."""

DropUnmapped = Annotated[
    bool, typer.Option("--drop-unmapped", help="Drop and count labels that no map contains.")
]

DropUnreadable = Annotated[
    bool, typer.Option("--drop-unreadable", help="Drop and list files that cannot be read.")
]

CacheFolder = Annotated[
    Path | None, typer.Option(help="Folder for features.", show_default="the user's cache folder")
]
"""The option that `cache_folder` checks."""

FeatureJobs = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="Processes for features.", show_default="all CPUs"),
]
"""How many processes compute features."""

TargetLabels = Annotated[
    Path | None,
    typer.Option(
        help="Manifest with labels of a few of the target's recordings: they score and calibrate, "
        "and train nothing.",
        show_default="none",
    ),
]
"""The option that `use_labels` serves."""


def cache_folder(path: Path | None) -> Path:
    """Return the folder of features.

    An OSError names ``--cache`` if no file could be made there.
    """
    import platformdirs

    # Without its own subfolder on Windows, where earlier versions kept their features.
    place = path or platformdirs.user_cache_path("sparsetransfer", appauthor=False, opinion=False)
    try:
        check_folder(place / "features")
    except OSError as error:
        raise OSError(f"--cache: {error}") from error
    return place


def check_outputs(outputs: Mapping[str, Path | None], inputs: Sequence[Path | str]) -> None:
    """Check the files that a command writes in the end, by option, before its work.

    Raises OSError if a file could not be written. Raises ValueError if a file is also another
    output, or an input; devices may be named twice.
    """
    taken = {os.path.realpath(os.path.expanduser(path)): "an input" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        check_file(path)
        place = os.path.realpath(os.path.expanduser(path))
        other = taken.setdefault(place, option)
        if other != option and (os.path.isfile(place) or not os.path.exists(place)):
            raise ValueError(f"{option} '{path}' is {other}, too; choose another file")


def labels_line(recogniser: Recogniser, unused: Mapping[str, int]) -> str:
    """Return a line about what a few labels of the target showed, and which were not used."""
    found = recogniser.about_["target_labels"]
    uar, low, high, accuracy = (100 * found[name] for name in ("uar", "low", "high", "accuracy"))
    after = 100 * found["calibrated"]["accuracy"]
    lost = "".join(f"; {reason}: {count}" for reason, count in unused.items())
    return (
        f"{sum(found['n_labels'])} labelled recordings: UAR {uar:.1f} % (95 % interval {low:.1f} to "
        f"{high:.1f} %); accuracy {accuracy:.1f} %, after the calibration by the others "
        f"{after:.1f} %{lost}"
    )


def split_list(text: str) -> tuple[str, ...]:
    """Split ``a,b, c`` into its parts, without empty ones."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_label_map(entries: Sequence[str]) -> dict[str, str]:
    """Read label maps given as ``raw=emotion,…`` or as the path of a JSON object.

    Raises ValueError if an entry is neither.
    """
    mapping: dict[str, str] = {}
    for entry in entries:
        if entry.lower().endswith(".json"):
            mapping |= _label_map_file(entry)
            continue
        for pair in split_list(entry):
            raw, separator, emotion = pair.partition("=")
            if not separator or not raw or not emotion:
                raise ValueError(
                    f"--label-map {entry!r}: expected RAW=EMOTION pairs or a .json file"
                )
            mapping[raw.strip()] = emotion.strip()
    return mapping


def _label_map_file(path: str) -> dict[str, str]:
    try:
        content = json.loads(existing_file(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"--label-map {path}: is not UTF-8; save it as UTF-8") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"--label-map {path}: cannot be read: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(each, str) for each in content.values()):
        raise ValueError(f"--label-map {path}: expected a JSON object of strings")
    return content


def read_corpus_entry(
    text: str, *, label_map: Mapping[str, str], drop_unmapped: bool
) -> CorpusEntry:
    """Find the corpus of ``NAME=PATH``, or of a manifest.

    - `text`: ``NAME=FOLDER`` with the name of a reader; ``NAME=FILE.csv`` for a manifest that is
      given a name, or that has a column ``corpus`` with that name; ``manifest=PATH`` or
      ``FILE.csv`` for a manifest that names itself. Manifests may also end in ``.tsv``,
      ``.parquet`` or ``.jsonl``, or be an audformat header ``db.yaml``, followed by ``#TABLE``
      where several of its tables have labels.
    - `label_map`: raw labels to emotions, beside those of the reader.
    - `drop_unmapped`: whether unmapped labels are dropped instead of refused.

    Returns: where the corpus is; the manifest is read for its name. Raises ValueError if the text
    has none of these forms. Raises CorpusError if the corpus cannot be read.
    """
    from sparsetransfer import corpora
    from sparsetransfer.evaluation import CorpusEntry
    from sparsetransfer.evaluation.study.config import MANIFESTS

    name, separator, path = text.partition("=")
    if not separator and text.lower().partition("#")[0].endswith(MANIFESTS):
        name, path = "manifest", text
    if not name or not path:
        raise ValueError(
            f"corpus {text!r}: expected NAME=PATH, for example emodb=recordings/emodb, or a "
            f"manifest .csv; readers are {', '.join(corpora.names())}"
        )
    table = ""
    if not os.path.exists(os.path.expanduser(path)):
        path, _, table = path.partition("#")
    place = Path(os.path.expanduser(path)).absolute()
    is_manifest = name == "manifest" or bool(table) or path.lower().endswith(MANIFESTS)
    reader = "manifest" if is_manifest else name
    entry = CorpusEntry(name, str(place), reader, dict(label_map), table or None)
    if name != "manifest":
        return entry
    corpus = corpora.read_manifest(
        place,
        table=entry.table,
        label_map=label_map,
        drop_unmapped=drop_unmapped,
        must_exist=False,
    )
    return replace(entry, name=corpus.name)


def read_corpus(
    text: str, *, label_map: Mapping[str, str], drop_unmapped: bool, must_exist: bool
) -> Corpus:
    """Read the corpus that `read_corpus_entry` finds."""
    from sparsetransfer.evaluation.study.prepare import read_entry

    entry = read_corpus_entry(text, label_map=label_map, drop_unmapped=drop_unmapped)
    return read_entry(entry, drop_unmapped=drop_unmapped, must_exist=must_exist)
