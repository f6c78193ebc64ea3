"""Recordings, folds and predictions of a study in the layout of EmoBox."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from sparsetransfer._files import ASIDE, check_folder, write_text
from sparsetransfer._messages import listing
from sparsetransfer.audio.recording import open_recording
from sparsetransfer.evaluation import Study, score
from sparsetransfer.evaluation.data.joining import identifiers
from sparsetransfer.evaluation.protocol.splits import folds_within
from sparsetransfer.evaluation.study.results import CorpusSummary

if TYPE_CHECKING:
    from sparsetransfer.corpora import Corpus

__all__ = ["write_emobox"]

_SHORT = ("wav", "length", "emo", "dataset", "channel", "start_time", "end_time")
"""Fields of a recording in the files ``.json``; ``.jsonl`` has all."""

Record = dict[str, Any]


def write_emobox(
    study: Study,
    corpora: Sequence[Corpus],
    folder: str | os.PathLike[str],
    *,
    seed: int | None = None,
) -> Path:
    """Write the recordings, folds and predictions of a study in the layout of EmoBox.

    Parameters
    ----------
    study : Study
        Results of an evaluation.
    corpora : sequence of Corpus
        Its corpora, restricted to its classes; their files are opened for rate and length.
    folder : path-like
        A folder that does not exist or is empty.
    seed : int, optional
        The seed whose folds and predictions are written; by default the first one.

    Returns
    -------
    Path
        The folder, with

        - ``data/NAME/NAME.jsonl`` and ``.json``: the recordings of a corpus, and
          ``data/NAME/label_map.json``, which maps every class to itself;
        - ``data/NAME/fold_K/NAME_{train,test}_fold_K.jsonl`` and ``.json`` for tasks within a
          corpus, K from 1; between corpora EmoBox has no folds: whole corpora train and test;
        - ``label2idx.json``: the number of each class;
        - ``predictions.jsonl``: ``key``, ``pred`` and ``label`` as EmoEval takes them, with
          ``task``, ``method``, ``seed`` and, within a corpus, ``fold``;
        - ``scores.jsonl``: ``wa``, ``ua``, ``micro_f1``, ``macro_f1``, ``confusion`` and ``num`` as
          EmoEval gives them, for each of these;
        - ``refused.jsonl``, if a method refused a task: ``task``, ``method``, ``seed`` and the
          ``reason``, for these have neither predictions nor scores.

    Raises
    ------
    ValueError
        If the study has no such seed, a corpus is missing or has other recordings than the study,
        or its name is none of a folder.
    OSError
        If `folder` is not empty or no file can be made there.
    CorpusError
        If a recording cannot be read.

    Notes
    -----
    The layout is that of the metadata in the public repository of EmoBox [1]_: ``wav`` begins with
    ``downloads/NAME``, below which the corpus has to lie, and ``key`` is the name of the corpus and
    that of the file, or its path where names repeat. There are no validation sets: parameters are
    chosen on the training speakers.

    References
    ----------
    .. [1] Ma, Z., Chen, M., Zhang, H., Zheng, Z., Chen, W., Li, X., Ye, J., Chen, X. and Hain, T.
       "EmoBox: Multilingual multi-corpus speech emotion recognition toolkit and benchmark."
       Interspeech, 2024. https://doi.org/10.48550/arXiv.2406.07162

    Examples
    --------
    >>> from sparsetransfer import corpora, synthetic
    >>> from sparsetransfer.evaluation import (
    ...     EvaluationProtocol,
    ...     SourceToTarget,
    ...     describe,
    ...     make_methods,
    ...     run,
    ... )
    >>> manifests = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> both = [corpora.read_manifest(manifest) for manifest in manifests]
    >>> domains = [describe(corpus, ["functionals"], n_jobs=1) for corpus in both]
    >>> names = [domain.name for domain in domains]
    >>> protocol = EvaluationProtocol(
    ...     SourceToTarget(names[:1], names[1:]), domains[0].classes, ("functionals-1",)
    ... )
    >>> study = run(domains, make_methods(["majority"]), protocol)
    >>> place = write_emobox(study, both, "emobox")
    >>> len((place / "predictions.jsonl").read_text().splitlines())
    8
    """
    seed = study.protocol.seeds[0] if seed is None else seed
    if seed not in study.protocol.seeds:
        raise ValueError(f"seed must be one of {list(study.protocol.seeds)}, got {seed}")
    place = check_folder(folder)
    if place.is_dir() and any(place.iterdir()):
        raise FileExistsError(f"'{folder}' is not empty; choose another folder")
    given = {corpus.name: corpus for corpus in corpora}
    absent = sorted({corpus.name for corpus in study.corpora} - set(given))
    if absent:
        raise ValueError(f"corpora must hold those of the study, got none named {listing(absent)}")
    records = {corpus.name: _records(corpus, given[corpus.name]) for corpus in study.corpora}
    classes = study.protocol.classes
    contents = {"label2idx.json": _json({name: n for n, name in enumerate(classes)})}
    for name, rows in records.items():
        contents |= _rows(f"data/{name}/{name}", rows)
        contents[f"data/{name}/label_map.json"] = _json({each: each for each in classes})
    folds = {}
    for task in study.tasks:
        if task.n_folds is None:
            continue
        corpus, rows = study.corpus(task.target), records[task.target]
        labels, speakers = np.array(corpus.labels), np.array(corpus.speakers)
        folds[task.name] = folds_within(corpus.name, labels, speakers, task.n_folds, seed)
        for number, sides in enumerate(folds[task.name], start=1):
            for side, chosen in zip(("train", "test"), sides, strict=True):
                stem = f"fold_{number}/{corpus.name}_{side}_fold_{number}"
                contents |= _rows(f"data/{corpus.name}/{stem}", [rows[row] for row in chosen])
    predictions, scores = [], []
    for answers, figures in _results(study, records, folds, seed):
        predictions += answers
        scores.append(figures)
    contents["predictions.jsonl"] = _lines(predictions)
    contents["scores.jsonl"] = _lines(scores)
    refused = [
        {"task": cell.task, "method": cell.method, "seed": seed, "reason": cell.refusal}
        for cell in study.cells
        if cell.seed == seed and cell.refusal
    ]
    if refused:
        contents["refused.jsonl"] = _lines(refused)
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=ASIDE, dir=place) as aside:
        for path, text in contents.items():
            write_text(Path(aside, path), text)
        for part in Path(aside).iterdir():
            part.rename(place / part.name)
    return place


def _records(summary: CorpusSummary, corpus: Corpus) -> list[Record]:
    """Describe the recordings of a corpus, in the order of the study."""
    name = corpus.name
    if PurePath(name).name != name or "\\" in name or name.startswith("."):
        raise ValueError(f"corpus {name!r} has a name that no folder can have; rename it")
    index = corpus.table[["file", "start", "end"]]
    rows = dict(zip(identifiers(index), index.itertuples(index=False), strict=True))
    strange = [file for file in summary.files if file not in rows]
    if strange:
        raise ValueError(
            f"corpus {name!r} has other recordings than in the study: no {listing(strange)}"
        )
    stems = [PurePath(file).stem for file in summary.files]
    keys = stems if len(set(stems)) == len(stems) else summary.files
    found = []
    for key, file, label in zip(keys, summary.files, summary.labels, strict=True):
        path, start, end = rows[file]
        whole = math.isnan(start)
        with open_recording(path) as recording:
            rate = recording.sample_rate
            if whole or math.isnan(end):
                end = recording.duration()
        length = end if whole else end - start
        found.append(
            {
                "key": f"{name}-{key}",
                "dataset": name,
                "wav": f"downloads/{name}/{file.partition('#t=')[0]}",
                "type": "raw",
                "sample_rate": rate,
                "num_frame": round(length * rate),
                "task": "category",
                "length": length,
                "emo": label,
                "channel": 1,
                **({} if whole else {"start_time": start, "end_time": end}),
            }
        )
    return found


def _results(
    study: Study, records: Mapping[str, list[Record]], folds: Mapping[str, Any], seed: int
) -> Iterator[tuple[list[Record], Record]]:
    """Yield predictions and scores of every cell of a seed, within a corpus fold by fold."""
    number = {name: n for n, name in enumerate(study.protocol.classes)}
    for cell in study.cells:
        if cell.seed != seed or cell.refusal:
            continue
        about: Record = {"task": cell.task, "method": cell.method, "seed": seed}
        rows, truth = records[cell.target], study.corpus(cell.target).labels
        parts: Iterable[tuple[Record, Any]] = [(about, range(len(rows)))]
        if cell.task in folds:
            tests = enumerate((test for _, test in folds[cell.task]), start=1)
            parts = [({**about, "fold": fold}, test) for fold, test in tests]
        for head, chosen in parts:
            answers = [
                {
                    **head,
                    "key": rows[row]["key"],
                    "pred": number[cell.predictions[row]],
                    "label": number[truth[row]],
                }
                for row in chosen
            ]
            figures = score(
                [truth[row] for row in chosen],
                [cell.predictions[row] for row in chosen],
                study.protocol.classes,
            )
            yield (
                answers,
                {
                    **head,
                    "wa": figures.war,
                    "ua": figures.uar,
                    "micro_f1": figures.war,  # every recording has one label and one prediction
                    "macro_f1": figures.macro_f1,
                    "confusion": figures.confusion.tolist(),
                    "num": len(answers),
                },
            )


def _rows(stem: str, rows: Sequence[Record]) -> dict[str, str]:
    short = {row["key"]: {name: row[name] for name in _SHORT if name in row} for row in rows}
    return {f"{stem}.jsonl": _lines(rows), f"{stem}.json": _json(short)}


def _lines(rows: Iterable[Record]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n"
