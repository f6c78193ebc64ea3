"""Normalisation of features, over the rows that the protocol names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import listing
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.exceptions import DomainError

__all__ = [
    "SCOPES",
    "Scaler",
    "Scope",
    "normalise",
    "running_scaler",
    "speaker_doubt",
    "speaker_objection",
    "standardise",
    "target_scalers",
]

Scope = Literal["corpus", "speaker", "speaker-or-corpus", "robust", "source"]
"""Over which rows features are normalised; see `normalise`."""

SCOPES: tuple[str, ...] = get_args(Scope)

_NORMAL_QUARTILES = 1.3489795003921634
"""Distance of the quartiles of the standard normal distribution."""


@dataclass(frozen=True, eq=False)
class Scaler:
    """Centre and spread of columns.

    `centre` (d,): what is taken away. `spread` (d,): what the rest is divided by; where it is 0,
    the column was constant and becomes zero.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `features` (n, d), normalised."""
        constant = self.spread == 0
        scaled = (features - self.centre) / np.where(constant, 1.0, self.spread)
        return np.where(constant, 0.0, scaled)


def _scaler(
    features: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> Scaler:
    rounding = 8 * np.finfo(np.float64).eps * np.maximum(np.abs(features).max(axis=0), abs(centre))
    return Scaler(centre, np.where(spread <= rounding, 0.0, spread))


def standardise(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardise every column to zero mean and unit variance.

    `features` (n, d): rows of one corpus, of all its speakers. Returns (n, d): centred columns,
    divided by their standard deviation. A column that is constant up to rounding becomes zero,
    instead of blown-up rounding noise.

    No labels are used. Where all corpora are treated so, all their means are zero and a *linear*
    MMD between the features of two corpora vanishes by construction.

    Examples
    --------
    >>> import numpy as np
    >>> standardise(np.array([[1.0], [3.0]]))
    array([[-1.],
           [ 1.]])
    """
    return _standard(features).apply(features)


def _standard(features: NDArray[np.float64]) -> Scaler:
    return _scaler(features, *_moments(features))


def _moments(features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # The mean is refined once: the rounding of a long sum would pass for spread.
    centre = features.mean(axis=0)
    centre = centre + (features - centre).mean(axis=0)
    return centre, np.sqrt(np.square(features - centre).mean(axis=0))


def running_scaler(scaler: Scaler, n_rows: int, features: NDArray[np.float64]) -> Scaler:
    """Return the z-scores of earlier rows and new ones together, from the moments of the earlier.

    `scaler`: mean and standard deviation of the earlier rows. `n_rows`: how many they were.
    `features` (n, d): new rows, n > 0. Returns: mean and standard deviation of all rows.

    The update of pairs of moments by Chan, Golub and LeVeque [1]_, which does not cancel.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance:
       analysis and recommendations", The American Statistician 37 (1983),
       doi:10.1080/00031305.1983.10483115.
    """
    centre, spread = _moments(features)
    total = n_rows + len(features)
    shift = centre - scaler.centre
    variance = (n_rows * scaler.spread**2 + len(features) * spread**2) / total
    variance = variance + shift**2 * (n_rows * len(features) / total**2)
    return _scaler(features, scaler.centre + shift * (len(features) / total), np.sqrt(variance))


def _robust(features: NDArray[np.float64]) -> Scaler:
    low, middle, high = np.percentile(features, [25, 50, 75], axis=0)
    return _scaler(features, middle, (high - low) / _NORMAL_QUARTILES)


def target_scalers(sources: Sequence[Dataset], target: Dataset, scope: Scope) -> tuple[Scaler, ...]:
    """Return what `normalise` does to each feature set of the target, for rows still to come.

    `sources`: labelled corpora. `target`: corpus to recognise; its labels are not looked at.
    `scope`: as for `normalise`. Per speaker there is no map for speakers still to come. Returns:
    one per feature set, in the order of `Dataset.matrices`. Raises ValueError if the scope is
    another.
    """
    if scope == "source":
        return tuple(
            _scaler(views[-1], *_moments(np.vstack(views[:-1])))
            for views in zip(*(domain.matrices for domain in (*sources, target)), strict=True)
        )
    if scope not in ("corpus", "robust"):
        raise ValueError(
            f"normalisation must be 'corpus', 'robust' or 'source' for recordings still to come, "
            f"got {scope!r}: their speakers are not known"
        )
    steps = _robust if scope == "robust" else _standard
    return tuple(steps(view) for view in target.matrices)


def speaker_objection(domain: Dataset, n_classes: int, *, labelled: bool) -> str:
    """Return why the rows of a corpus must not be normalised per speaker; empty if they may.

    A speaker who shows one emotion only loses it when their own mean is taken away. What may be
    looked at depends on the role: labels in a source, nothing but the number of recordings in a
    target.

    There are three: speakers are unknown; more than half of the speakers have fewer than two
    recordings per class, so that they cannot have shown all of them; and, in a source, more than
    half of the speakers occur with one class. A target whose speakers have many recordings of one
    emotion each passes; no unlabelled fact tells that for certain.
    """
    unknown = int((domain.speakers == "").sum())
    if unknown:
        return f"{unknown} recordings have no speaker"
    counts = Counter(domain.speakers.tolist())
    few = sum(count < 2 * n_classes for count in counts.values())
    if 2 * few > len(counts):
        return (
            f"{few} of {len(counts)} speakers have fewer than {2 * n_classes} recordings, "
            f"two per class, and so hardly every emotion"
        )
    if labelled:
        single = _speakers_of_one_class(domain)
        if 2 * len(single) > len(counts):
            return (
                f"{len(single)} of {len(counts)} speakers occur with one class only "
                f"({listing(single)}), and their own mean would carry it away"
            )
    return ""


def speaker_doubt(domain: Dataset, n_classes: int) -> str:
    """Return which speakers of a labelled corpus lose their emotion to normalisation per speaker.

    They occur with one class only and have enough recordings for a mean of their own; a sentence
    names them, which is empty if there are none.
    """
    counts = Counter(domain.speakers.tolist())
    single = [name for name in _speakers_of_one_class(domain) if counts[name] >= 2 * n_classes]
    if not single:
        return ""
    rows = sum(counts[name] for name in single)
    return (
        f"{len(single)} of {len(counts)} speakers ({listing(single)}; {rows} of {len(domain)} "
        "recordings) occur with one class only, and their own mean carries it away; compare "
        "normalisation per corpus"
    )


def _speakers_of_one_class(domain: Dataset) -> list[str]:
    shown: dict[str, set[str]] = {}
    for speaker, label in zip(domain.speakers.tolist(), domain.labels.tolist(), strict=True):
        shown.setdefault(speaker, set()).add(label)
    return sorted(speaker for speaker, labels in shown.items() if len(labels) == 1)


def _per_speaker(
    features: NDArray[np.float64], speakers: NDArray[np.str_], fewest: int
) -> NDArray[np.float64]:
    # A speaker with too few recordings for a mean of their own keeps that of the corpus.
    normalised = standardise(features)
    for speaker in sorted(set(speakers.tolist())):
        rows = speakers == speaker
        if rows.sum() >= fewest:
            normalised[rows] = standardise(features[rows])
    return normalised


def normalise(
    sources: Sequence[Dataset], target: Dataset, scope: Scope, *, n_classes: int
) -> tuple[list[list[NDArray[np.float64]]], list[NDArray[np.float64]], dict[str, str]]:
    """Normalise every feature set of sources and target.

    - `sources`: labelled corpora.
    - `target`: corpus to recognise; its labels are not looked at.
    - `scope`: "corpus": z-score over the rows of each corpus. "speaker": over those of each
      speaker; speakers with fewer than two recordings per class take the figures of their corpus.
      "speaker-or-corpus": the same where `speaker_objection` has none, else per corpus. "robust":
      median and quartiles of each corpus in place of mean and standard deviation. "source": mean
      and deviation of all source rows together, for the target too.
    - `n_classes`: number of evaluated classes.

    Returns `sources`: per source its feature sets, in the order of `Dataset.matrices`. `target`:
    the same of the target. `objections`: corpora that fell back to z-scores per corpus, and why.
    Raises DomainError if the scope is "speaker" and there is an objection.

    Examples
    --------
    >>> import numpy as np
    >>> n = 8
    >>> domain = Dataset(
    ...     name="own",
    ...     features=np.arange(2.0 * n).reshape(n, 2),
    ...     labels=np.tile(["anger", "sadness"], n // 2),
    ...     speakers=np.repeat(["s1", "s2"], n // 2),
    ...     files=np.array([f"{number}.wav" for number in range(n)]),
    ...     feature_names=("f0", "energy"),
    ...     feature_set="own-1",
    ... )

    >>> (source,), target, notes = normalise([domain], domain, "corpus", n_classes=2)
    >>> np.allclose(source[0].mean(axis=0), 0), np.allclose(source[0].std(axis=0), 1)
    (True, True)
    """
    objections: dict[str, str] = {}
    if scope in ("speaker", "speaker-or-corpus"):
        for domain in (*sources, target):
            objection = speaker_objection(domain, n_classes, labelled=domain is not target)
            if objection:
                objections[domain.name] = objection
        if scope == "speaker" and objections:
            reasons = "; ".join(f"{name!r}: {text}" for name, text in objections.items())
            raise DomainError(
                f"features cannot be normalised per speaker: {reasons}; normalise per corpus, or "
                "by 'speaker-or-corpus', which does so where it must"
            )

    def of(domain: Dataset) -> list[NDArray[np.float64]]:
        per_speaker = scope in ("speaker", "speaker-or-corpus")
        if per_speaker and domain.name not in objections:
            return [_per_speaker(view, domain.speakers, 2 * n_classes) for view in domain.matrices]
        scalers = target_scalers(sources, domain, "corpus" if per_speaker else scope)
        return [each.apply(view) for each, view in zip(scalers, domain.matrices, strict=True)]

    return [of(domain) for domain in sources], of(target), objections
