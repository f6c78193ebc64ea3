"""Features of a whole corpus: cached, in parallel, with failures listed."""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from sparsetransfer._messages import listing
from sparsetransfer._validation import check_callable, check_choice
from sparsetransfer.audio import load
from sparsetransfer.audio.files import content_hash
from sparsetransfer.corpora import Corpus
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.cache import Cache
from sparsetransfer.features.feature_set import BatchFeatureSet, FeatureSet
from sparsetransfer.features.feature_set import feature_set as by_name
from sparsetransfer.features.pool import compute_all, n_workers
from sparsetransfer.features.table import FeatureTable

__all__ = ["extract"]

_log = logging.getLogger(__name__)

_GROUP = 32  # utterances that a set which works in batches gets at once


@dataclasses.dataclass(frozen=True)
class _Utterance:
    """One row of the corpus: where to read it."""

    row: int
    file: str
    start: float
    end: float


@dataclasses.dataclass(frozen=True)
class _Outcome:
    """What became of an utterance: values, or why there are none."""

    row: int
    values: NDArray[np.float64] | None
    error: str = ""


def extract(
    corpus: Corpus,
    feature_set: str | FeatureSet = "functionals",
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    executor: Executor | None = None,
    on_error: str = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """Compute the features of every utterance of a corpus.

    Parameters
    ----------
    corpus : Corpus
        The utterances.
    feature_set : str or FeatureSet, default="functionals"
        Name of a feature set, or one of your own (it must be picklable for `n_jobs` > 1).
    cache : path-like, optional
        Folder in which values are kept, by content of the audio, segment and feature set. A run
        that was stopped continues where it was. None, the default, keeps nothing.
    n_jobs : int, optional
        Processes at most; None or -1 is every CPU this process may use. Little work stays in
        this process: workers are started only when that saves time. The values do not depend on
        the number.
    executor : concurrent.futures.Executor, optional
        Computes instead of this process's pool, for example ``client.get_executor()`` of a Dask
        client; its workers must see the audio files, and the cache if there is one.
    on_error : {"raise", "drop"}, default="raise"
        What to do about utterances that cannot be read: raise one error that lists them all
        after the others are done (and cached), or list them in `FeatureTable.failures`.
    progress : callable, optional
        Called in this process with the number of finished utterances and of all, first with what
        the cache had.

    Returns
    -------
    FeatureTable
        One row per readable utterance, in the order of the corpus.

    Raises
    ------
    CorpusError
        If utterances cannot be read and `on_error` is "raise", or if none can.
    ValueError
        If `on_error`, `n_jobs` or the name of the feature set is none of the above.
    TypeError
        If `feature_set` is neither a name nor a feature set.

    Notes
    -----
    Workers run with one BLAS thread each, and so does this process while it computes: more would
    be slower on matrices of this size and could change last digits.

    Examples
    --------
    >>> from sparsetransfer import corpora, synthetic
    >>> manifest, _ = synthetic.make_corpora("synthetic", n_speakers=2, n_sentences=1)
    >>> table = extract(corpora.read_manifest(manifest), "functionals", n_jobs=1)
    >>> table.values.shape == (8, len(table.names))
    True
    """
    check_callable(progress, "progress")
    chosen = by_name(feature_set) if isinstance(feature_set, str) else feature_set
    if not isinstance(chosen, FeatureSet):
        raise TypeError(f"feature_set must be a name or a FeatureSet, got {feature_set!r}")
    check_choice(on_error, "on_error", ("raise", "drop"))
    workers = n_workers(n_jobs)
    utterances = [
        _Utterance(row, file, start, end)
        for row, (file, start, end) in enumerate(
            zip(corpus.table["file"], corpus.table["start"], corpus.table["end"], strict=True)
        )
    ]
    store = None if cache is None else Cache(cache, chosen.id, len(chosen.names))
    report = progress or _ignore
    outcomes: dict[int, _Outcome] = {}
    pending: list[_Utterance] = []
    for utterance in utterances:
        cached = None if store is None else _look_up(utterance, store)
        if cached is None:
            pending.append(utterance)
        else:
            outcomes[utterance.row] = cached
    report(len(outcomes), len(utterances))
    compute = functools.partial(_compute, chosen=chosen, store=store)
    size = _GROUP if isinstance(chosen, BatchFeatureSet) else 1
    groups = [pending[first : first + size] for first in range(0, len(pending), size)]
    for done in compute_all(groups, compute, workers, executor):
        outcomes.update((outcome.row, outcome) for outcome in done)
        report(len(outcomes), len(utterances))
    ordered = [outcomes[row] for row in range(len(utterances))]
    return _table(corpus, chosen, ordered, drop=on_error == "drop")


def _ignore(done: int, total: int) -> None:
    """Report to nobody."""


def _look_up(utterance: _Utterance, store: Cache) -> _Outcome | None:
    """Return the cached values; an unreadable file is a matter for the computation to report."""
    try:
        content = content_hash(utterance.file)
    except CorpusError:
        return None
    values = store.load(store.path(content, utterance.start, utterance.end))
    return (
        None if values is None else _Outcome(utterance.row, values.astype(np.float64, copy=False))
    )


def _compute(
    group: Sequence[_Utterance], chosen: FeatureSet, store: Cache | None
) -> list[_Outcome]:
    """Compute utterances and keep their values."""
    outcomes, readable, signals = [], [], []
    for utterance in group:
        try:
            content = "" if store is None else content_hash(utterance.file)
            signals.append(
                load(
                    utterance.file,
                    sample_rate=chosen.sample_rate,
                    start=utterance.start,
                    end=utterance.end,
                )
            )
        except CorpusError as error:
            outcomes.append(_Outcome(utterance.row, None, str(error)))
        else:
            readable.append((utterance, content))
    with _blas().limit(limits=1):
        rows: Sequence[NDArray[np.float64] | str]
        if isinstance(chosen, BatchFeatureSet):
            rows = chosen.compute_many(signals) if signals else []
        else:
            rows = [_row(chosen, signal) for signal in signals]
    for (utterance, content), values in zip(readable, rows, strict=True):
        outcome = _checked(utterance, chosen, values)
        if store is not None and outcome.values is not None:
            store.save(store.path(content, utterance.start, utterance.end), outcome.values)
        outcomes.append(outcome)
    return outcomes


def _row(chosen: FeatureSet, signal: NDArray[np.float32]) -> NDArray[np.float64] | str:
    """Compute one utterance, or return why it has no values."""
    try:
        return chosen.compute(signal)
    except CorpusError as error:
        return str(error)


def _checked(
    utterance: _Utterance, chosen: FeatureSet, values: NDArray[np.float64] | str
) -> _Outcome:
    """Accept a row of finite values; a wrong shape is the feature set's own fault."""
    if isinstance(values, str):
        return _Outcome(utterance.row, None, f"'{utterance.file}': {values}")
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (len(chosen.names),):
        raise ValueError(
            f"feature set {chosen.id} returned the shape {values.shape} for '{utterance.file}', "
            f"expected {(len(chosen.names),)}"
        )
    finite = np.isfinite(values)
    if not finite.all():
        wrong = [name for name, fine in zip(chosen.names, finite, strict=True) if not fine]
        return _Outcome(
            utterance.row,
            None,
            f"'{utterance.file}': {len(wrong)} values are not finite: {listing(wrong)}",
        )
    return _Outcome(utterance.row, values)


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    """Return a handle on this process's thread pools; finding them takes milliseconds."""
    return threadpoolctl.ThreadpoolController()


def _table(
    corpus: Corpus, chosen: FeatureSet, outcomes: Sequence[_Outcome], *, drop: bool
) -> FeatureTable:
    """Stack rows, or raise an error that lists those that failed."""
    failed = [outcome for outcome in outcomes if outcome.values is None]
    if failed and (not drop or len(failed) == len(outcomes)):
        listed = listing(outcome.error for outcome in failed)
        advice = "" if drop else "; on_error='drop' leaves them out"
        raise CorpusError(
            f"corpus '{corpus.name}': {len(failed)} of {len(outcomes)} utterances have no "
            f"features{advice}: {listed}"
        )
    for outcome in failed:
        _log.warning("%s: dropped: %s", corpus.name, outcome.error)
    index = corpus.table[["file", "start", "end"]]
    kept = [outcome.row for outcome in outcomes if outcome.values is not None]
    failures = index.iloc[[outcome.row for outcome in failed]].reset_index(drop=True)
    failures["error"] = pd.Series([outcome.error for outcome in failed], dtype=str)
    return FeatureTable(
        values=np.stack([outcome.values for outcome in outcomes if outcome.values is not None]),
        names=list(chosen.names),
        index=index.iloc[kept].reset_index(drop=True),
        feature_set=chosen.id,
        failures=failures,
    )
