"""The studies that ``evaluate`` makes itself: the embedded corpora, and one corpus by gender."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sparsetransfer._progress import Bars

if TYPE_CHECKING:
    from sparsetransfer.evaluation import StudyConfig

__all__ = ["METHODS", "demonstration"]

METHODS = (
    *("recommended", "frame-codes", "coral", "tca", "transfer-sparse-coding"),
    *("svm", "majority"),
)
"""Methods of the demonstrations, where the user names none."""

_GENDERS = ("m", "f")


def demonstration(corpus: str | None, cache: Path, progress: Bars) -> StudyConfig:
    """Return the study of a demonstration.

    `corpus`: ``NAME=FOLDER``, or the name of a corpus that was fetched: its male speakers train and
    its female speakers are recognised, and back. None for the embedded corpora. `cache`: folder of
    features, fetched corpora and synthesised ones. `progress`: where progress is shown.
    Returns: features are normalised on the source: as a recogniser meets other voices or another
    room, what it knows of levels and channels is the source's. Raises ValueError if the corpus was
    not fetched, or lacks the gender of its speakers.
    """
    from sparsetransfer.evaluation import CorpusEntry, StudyConfig

    if corpus is None:
        parts, kind = _embedded(cache, progress), "source-to-target"
        roles: dict[str, object] = {"sources": list(parts)[:1], "targets": list(parts)[1:]}
    else:
        parts, kind = _by_gender(corpus, cache), "ordered-pairs"
        roles = {"corpora": list(parts)}
    return StudyConfig(
        corpora=tuple(CorpusEntry(name, str(path), "manifest") for name, path in parts.items()),
        design={"kind": kind, **roles},
        methods=METHODS,
        normalisation="source",
    )


def _embedded(cache: Path, progress: Bars) -> dict[str, Path]:
    from sparsetransfer import corpora, synthetic

    task = progress.add_task("synthesising the embedded corpora", total=None)
    manifests = synthetic.make_corpora(
        cache / "synthetic", shift="recording", n_speakers=12, n_sentences=4
    )
    progress.update(task, total=1, completed=1)
    return {corpora.read_manifest(path).name: path for path in manifests}


def _by_gender(text: str, cache: Path) -> dict[str, Path]:
    """Write a manifest for the speakers of either gender."""
    from sparsetransfer import corpora
    from sparsetransfer._files import write_text

    name, _, path = text.partition("=")
    facts = corpora.scheme(name)
    name = facts.name
    root = Path(path).expanduser().absolute() if path else cache / "corpora" / name
    if not path and not root.exists():
        fetch = f"run `sparsetransfer corpora fetch {name}`, or " if facts.archive else ""
        raise ValueError(
            f"--demo {name}: '{root}' does not exist; {fetch}name the folder of the corpus: "
            f"--demo {name}=PATH"
        )
    table = corpora.read(name, root).table
    if missing := sorted(set(_GENDERS) - set(table["gender"])):
        raise ValueError(
            f"--demo {name}: expected male and female speakers, got none of gender "
            f"{', '.join(missing)} in '{root}'; choose another corpus"
        )
    place = cache / "demonstrations" / hashlib.sha256(bytes(root)).hexdigest()[:16]
    parts = {}
    for code in _GENDERS:
        rows = table[table["gender"] == code]
        rows = rows[["file", "label", "speaker", "gender", "language", "sentence"]]
        parts[f"{name}-{code}"] = place / f"{name}-{code}.csv"
        write_text(parts[f"{name}-{code}"], rows.to_csv(index=False))
    return parts
