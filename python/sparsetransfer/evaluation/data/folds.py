"""Splits that no speaker and no recording straddles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from sparsetransfer._messages import listing
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.exceptions import CorpusError, DomainError

__all__ = ["assert_disjoint", "check_folds", "speaker_folds"]

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def check_folds(folds: Sequence[Fold], speakers: NDArray[np.str_]) -> None:
    """Check that no speaker is on both sides of a fold; otherwise raise a DomainError."""
    for number, (train, test) in enumerate(folds):
        both = sorted(set(speakers[train].tolist()) & set(speakers[test].tolist()))
        if both:
            raise DomainError(f"fold {number}: speakers on both sides: {listing(both)}")


def speaker_folds(
    labels: NDArray[np.str_], speakers: NDArray[np.str_], *, n_folds: int, seed: int
) -> list[Fold]:
    """Split rows into stratified folds of whole speakers.

    `labels`, `speakers` (n,): label and speaker of each row. `n_folds`: wanted number of folds, at
    least 2; fewer speakers give fewer folds. `seed`: seed of the assignment of speakers to folds.
    Returns (list of (train, test)): row indices, ascending. Raises CorpusError if a speaker is
    unknown, there are fewer than two speakers, no class has two rows, or a training part has rows
    of one class only.

    Examples
    --------
    >>> import numpy as np
    >>> labels, speakers = np.tile(["anger", "sadness"], 6), np.repeat(["a", "b", "c", "d"], 3)
    >>> train, test = speaker_folds(labels, speakers, n_folds=2, seed=0)[0]
    >>> set(speakers[train]) & set(speakers[test])
    set()
    """
    if (speakers == "").any():
        raise CorpusError(
            f"{int((speakers == '').sum())} source recordings have no speaker; speaker-disjoint "
            "cross-validation needs the speaker of every source recording"
        )
    count = len(set(speakers.tolist()))
    if count < 2:
        raise CorpusError(
            f"speaker-disjoint cross-validation needs at least two source speakers, got {count}"
        )
    most = int(np.unique(labels, return_counts=True)[1].max())
    if most < 2:
        raise CorpusError(
            f"speaker-disjoint cross-validation needs classes with several recordings, got "
            f"{len(labels)} recordings of {len(labels)} classes"
        )
    splitter = StratifiedGroupKFold(min(n_folds, count, most), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class rarer than the number of folds is no concern here: scores are pooled over folds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = [fold for fold in splitter.split(labels, labels, groups=speakers) if len(fold[1])]
    check_folds(folds, speakers)
    for train, _ in folds:
        if len(set(labels[train].tolist())) < 2:
            raise CorpusError(
                f"without some of the {count} source speakers only the class "
                f"{labels[train][0]!r} is left: every class needs several speakers"
            )
    return folds


def assert_disjoint(sources: Sequence[Dataset], target: Dataset) -> None:
    """Raise a DomainError that lists speakers and recordings which a target shares with a source.

    A speaker is shared when corpora of the same name have the same speaker, a recording when the
    bytes of two audio files are the same. Recordings that occur twice among the sources are
    refused where they carry different speakers, because cross-validation would then see them on
    both sides.
    """
    heard = {key for source in sources for key in source.speaker_keys.tolist() if key}
    shared = sorted(heard & set(target.speaker_keys.tolist()))
    if shared:
        raise DomainError(
            f"speakers of the target {target.name!r} are also in the source: {listing(shared)}"
        )
    owners: dict[str, tuple[str, str]] = {}
    straddling: list[str] = []
    for source in sources:
        if source.digests is None:
            continue
        for digest, file, speaker in zip(
            source.digests.tolist(), source.files, source.speaker_keys, strict=True
        ):
            if not digest:
                continue
            name = f"{source.name}/{file}"
            other, its_speaker = owners.setdefault(digest, (name, speaker))
            if its_speaker != speaker:
                straddling.append(f"{other} = {name}")
    if straddling:
        raise DomainError(f"the same audio stands under two source speakers: {listing(straddling)}")
    if target.digests is not None:
        pairs = [
            f"{owners[digest][0]} = {target.name}/{file}"
            for digest, file in zip(target.digests.tolist(), target.files, strict=True)
            if digest and digest in owners
        ]
        if pairs:
            raise DomainError(f"the same audio is in source and target: {listing(pairs)}")
