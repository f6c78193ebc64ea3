"""Write the two embedded corpora: WAV files and a manifest each."""

from __future__ import annotations

import csv
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from sparsetransfer._validation import check_choice, check_integer
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.synthetic.domains import (
    ROOM,
    SOURCE,
    STUDIO,
    TARGET,
    SpeechDomain,
    draw_speaker,
    draw_text,
)
from sparsetransfer.synthetic.emotions import EMOTIONS, express
from sparsetransfer.synthetic.synthesis import record, synthesise
from sparsetransfer.synthetic.voice import SAMPLE_RATE

__all__ = ["COLUMNS", "VERSION", "make_corpora"]

logger = logging.getLogger(__name__)

VERSION = 2
"""Version of the synthesiser's recipe; another version is another corpus."""

COLUMNS = ("file", "label", "speaker", "corpus", "gender", "language", "sentence")
"""Columns of ``manifest.csv``."""

_SHIFTS = {"habits": (SOURCE, TARGET), "recording": (STUDIO, ROOM)}

_STAMP = "synthetic.json"
_MANIFEST = "manifest.csv"


def make_corpora(
    directory: str | os.PathLike[str],
    *,
    seed: int = 0,
    n_speakers: int = 6,
    n_sentences: int = 8,
    shift: str = "habits",
) -> tuple[Path, Path]:
    """Write the embedded source and target corpora, or find them already written.

    Parameters
    ----------
    directory : path-like
        Folder below which ``synthetic-source`` and ``synthetic-target``, or ``synthetic-studio``
        and ``synthetic-room``, are written; it is made if absent. The two folders belong to this function: it replaces them when they were made
        with other arguments or are incomplete.
    seed : int, default=0
        Seed of speakers, sentences and all variation, at least 0.
    n_speakers : int, default=6
        Speakers per corpus, at least 2, women and men in turn.
    n_sentences : int, default=8
        Sentences per corpus, at least 1; every speaker says each once per emotion (anger,
        happiness, neutral, sadness).
    shift : {"habits", "recording"}, default="habits"
        What differs between the corpora beside speakers, sentences, phoneme inventory, microphone,
        room, noise and level: with ``"habits"`` also how each emotion is expressed, by acted
        speech; with ``"recording"`` nothing more, and emotions are expressed at 0.6 of their full
        strength in both.

    Returns
    -------
    tuple of two Path
        The ``manifest.csv`` of the source and of the target.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If a number is too small, or `shift` is none of these.
    CorpusError
        If a folder of that name exists that this function did not write.

    Notes
    -----
    Files are 16 kHz, 16 bit, mono. The same arguments give the same bytes. A corpus appears under
    its name only when complete. The two corpora share no speaker and no sentence.

    Examples
    --------
    >>> from sparsetransfer import corpora
    >>> manifests = make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> [len(corpora.read_manifest(path)) for path in manifests]
    [8, 8]
    """
    seed = check_integer(seed, "seed", minimum=0, maximum=None)
    n_speakers = check_integer(n_speakers, "n_speakers", minimum=2)
    n_sentences = check_integer(n_sentences, "n_sentences", minimum=1)
    check_choice(shift, "shift", _SHIFTS)
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    source, target = (
        _make_corpus(root, domain, key, seed, n_speakers, n_sentences)
        for key, domain in enumerate(_SHIFTS[shift])
    )
    return source, target


def _make_corpus(
    root: Path, domain: SpeechDomain, key: int, seed: int, n_speakers: int, n_sentences: int
) -> Path:
    folder = root / domain.name
    stamp: Mapping[str, str | int] = {
        "version": VERSION,
        "corpus": domain.name,
        "seed": seed,
        "n_speakers": n_speakers,
        "n_sentences": n_sentences,
    }
    if _is_complete(folder, stamp):
        logger.info("%s: already there", folder)
        return folder / _MANIFEST
    if folder.exists() and not (folder / _STAMP).is_file():
        raise CorpusError(
            f"{folder} exists and is no embedded corpus (it has no {_STAMP}); "
            "move it away or choose another directory"
        )
    with tempfile.TemporaryDirectory(prefix=f".{domain.name}-", dir=root) as aside:
        fresh = Path(aside) / "fresh"
        fresh.mkdir()
        _write_corpus(fresh, domain, (seed, key), n_speakers, n_sentences)
        (fresh / _STAMP).write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
        try:
            if folder.exists():
                folder.rename(Path(aside) / "old")
            fresh.rename(folder)
        except OSError:
            # another process was faster; its files are the same
            if not _is_complete(folder, stamp):
                raise
    logger.info("%s: %d files", folder, n_speakers * n_sentences * len(EMOTIONS))
    return folder / _MANIFEST


def _is_complete(folder: Path, stamp: Mapping[str, str | int]) -> bool:
    """Whether `folder` holds exactly the corpus of `stamp`, with every file of its manifest."""
    try:
        if json.loads((folder / _STAMP).read_text(encoding="utf-8")) != stamp:
            return False
        with (folder / _MANIFEST).open(newline="", encoding="utf-8") as lines:
            files = [row["file"] for row in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError):
        return False
    expected = int(stamp["n_speakers"]) * int(stamp["n_sentences"]) * len(EMOTIONS)
    return len(files) == expected and all((folder / file).is_file() for file in files)


def _write_corpus(
    folder: Path, domain: SpeechDomain, seed: tuple[int, int], n_speakers: int, n_sentences: int
) -> None:
    texts: list[str] = []
    rng = np.random.default_rng([*seed, 0])
    while len(texts) < n_sentences:
        text = draw_text(domain.language, rng)
        if text not in texts:
            texts.append(text)
    rows = []
    for number in range(n_speakers):
        # one generator per speaker and utterance: sizes do not change what is common
        speaker = draw_speaker(domain, number, np.random.default_rng([*seed, 1, number]))
        name = f"{domain.language.name[-1]}{number + 1:02d}"
        for i, text in enumerate(texts):
            for j, emotion in enumerate(EMOTIONS):
                rng = np.random.default_rng([*seed, 2, number, i, j])
                prosody = express(
                    speaker.neutral,
                    domain.habits["neutral"],
                    domain.habits[emotion],
                    speaker.strength[emotion],
                    rng,
                )
                wave = synthesise(text, speaker.voice, prosody, rng)
                pcm = np.rint(32767 * record(wave, domain.recording, rng)).astype(np.int16)
                file = f"{name}-{i + 1:02d}-{emotion}.wav"
                wavfile.write(folder / file, SAMPLE_RATE, pcm)
                rows.append(
                    (file, emotion, name, domain.name, speaker.gender, domain.language.name, text)
                )
    with (folder / _MANIFEST).open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
