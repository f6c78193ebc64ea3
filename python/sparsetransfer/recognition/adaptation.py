"""Fit a method on labelled corpora, adapt it to unlabelled recordings, measure the domain gap."""

from __future__ import annotations

import hashlib
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import sparsetransfer
from sparsetransfer._messages import listing
from sparsetransfer.evaluation.data.dataset import (
    Dataset,
    common_classes,
    select_classes,
    views_first,
)
from sparsetransfer.evaluation.data.folds import Fold, speaker_folds
from sparsetransfer.evaluation.data.normalisation import Scope, target_scalers
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import CheckedMethod, Method, Tuning, wanted_views
from sparsetransfer.evaluation.methods.fitted import (
    DeployableMethod,
    FittedMethod,
    deployment_obstacle,
)
from sparsetransfer.evaluation.protocol.designs import SourceToTarget
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.protocol.splits import Split, splits
from sparsetransfer.evaluation.scoring.discrepancy import measure_discrepancy
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.mmd import two_sample_test
from sparsetransfer.mmd.permutation import bootstrap_interval
from sparsetransfer.recognition.adapted import AdaptedModel
from sparsetransfer.recognition.calibration import Calibration, fit_calibration
from sparsetransfer.recognition.novelty import fit_novelty
from sparsetransfer.recognition.rows import recording_keys

__all__ = ["adapt", "check_method", "check_target_size", "domain_gap"]

_LEAST_TARGET = 5


def check_method(method: Method) -> DeployableMethod:
    """Return a method that can meet new recordings; one that cannot is a ValueError that says why."""
    reason = deployment_obstacle(method)
    if reason or not isinstance(method, DeployableMethod):
        raise ValueError(
            f"method {method.name!r} can be evaluated and not fitted for use: {reason}; take "
            "another, for example multi-view"
        )
    return method


def check_target_size(name: str, size: int, failures: Mapping[str, str] | None = None) -> None:
    """Check that a target has enough recordings to adapt to.

    `name`, `size`: of the target. `failures`: why others of its recordings cannot be read. Raises
    CorpusError if it is too small.
    """
    if size < _LEAST_TARGET:
        lost = (
            f" ({len(failures)} more cannot be read: {listing(failures.values())})"
            if failures
            else ""
        )
        raise CorpusError(
            f"target {name!r}: {size} recordings are too few to adapt to, expected at least "
            f"{_LEAST_TARGET}{lost}; fit without a target instead"
        )


def adapt(
    sources: Sequence[Dataset],
    target: Dataset | Sequence[Dataset],
    method: Method,
    *,
    classes: Sequence[str] | None = None,
    normalisation: Scope = "corpus",
    n_folds: int = 5,
    seed: int = 0,
) -> AdaptedModel:
    """Fit a method on labelled sources and the unlabelled target.

    Parameters
    ----------
    sources : sequence of Dataset
        Labelled corpora; the speaker of every recording must be known.
    target : Dataset or sequence of Dataset
        Recordings to adapt to; several are taken together as one. Their labels are not looked at.
    method : Method
        A method that passes `check_method`.
    classes : sequence of str, optional
        Emotions; by default those that every source has.
    normalisation : {"corpus", "robust", "source"}, default="corpus"
        As in `normalise`.
    n_folds : int, default=5
        Speaker-disjoint folds for the settings and the calibration.
    seed : int, default=0
        Seed of everything random.

    Returns
    -------
    AdaptedModel
        The fitted method.

    Raises
    ------
    ValueError
        If the method cannot meet new recordings, or the normalisation is another.
    CorpusError
        If corpora do not fit together, or the target has fewer than five recordings.
    DomainError
        If a recording or speaker is in source and target.

    Notes
    -----
    The method is fitted by the code that evaluates it, with the rows that an evaluation of the same
    corpora gives it, so that its answers for the recordings of the target are those that the
    evaluation would score. For the calibration it is fitted once more per fold, with the speakers
    of the fold among the unlabelled recordings.
    """
    chosen = check_method(method)
    views = wanted_views(method)
    sources = [views_first(domain, views) for domain in sources]
    targets = [target] if isinstance(target, Dataset) else list(target)
    whole = _together([views_first(domain, views) for domain in targets])
    check_target_size(whole.name, len(whole))
    names = common_classes(sources) if len(sources) > 1 else sources[0].classes
    names = names if classes is None else tuple(classes)
    protocol = EvaluationProtocol(
        SourceToTarget(tuple(domain.name for domain in sources), (whole.name,)),
        names,
        whole.feature_sets,
        normalisation=normalisation,
        seeds=(seed,),
        n_folds=n_folds,
    )
    known = [select_classes(domain, names) for domain in sources]
    _check_features([*known, whole])
    scalers = target_scalers(known, whole, normalisation)[: len(whole.feature_sets)]
    domains = {domain.name: domain for domain in (*known, whole)}
    (split,) = splits(protocol.design.tasks()[0], domains, protocol, seed)
    folds = speaker_folds(split.source.labels, split.source.speakers, n_folds=n_folds, seed=seed)
    if isinstance(method, CheckedMethod):
        method.check(len(split.source), len(split.target))
    tuning = Tuning(protocol.c_grid, n_folds, seed, protocol.selection)
    with (
        warnings.catch_warnings(record=True) as caught,
        threadpool_limits(1, user_api="blas"),
    ):
        warnings.simplefilter("always")
        fitted = chosen.fit(split.source, split.target, tuning)
        calibration = _calibrate(chosen, split.source, split.target, tuning, folds, fitted.classes)
        source_rows, target_rows = (
            np.hstack(side.every_view) for side in (split.source, split.target)
        )
        novelty = fit_novelty(source_rows, target_rows, folds, seed=seed)
        gap = domain_gap(known, whole, split, fitted, seed)
    keys = recording_keys(whole)
    order = np.argsort(keys.view("S16").ravel(), kind="stable")
    return AdaptedModel(
        classes=fitted.classes,
        feature_sets=whole.feature_sets,
        widths=tuple(view.shape[1] for view in (whole.features, *whole.views.values())),
        scalers=scalers,
        model=fitted.model,
        calibration=calibration,
        novelty=novelty,
        keys=keys[order],
        key_scores=np.ascontiguousarray(fitted.target_scores[order]),
        about={
            **_provenance(known, whole, protocol),
            "method": {"name": method.name, "settings": method.settings()},
            "diagnostics": dict(fitted.output.diagnostics),
            "gap": gap,
            "notes": [*split.notes, *dict.fromkeys(str(warning.message) for warning in caught)],
        },
    )


def _together(targets: Sequence[Dataset]) -> Dataset:
    """Return several targets as one."""
    if len(targets) == 1:
        return targets[0]
    if not targets:
        raise CorpusError("a target needs recordings, got none")
    _check_features(targets)
    known = all(domain.digests is not None for domain in targets)
    first = targets[0]
    return replace(
        first,
        name=" + ".join(domain.name for domain in targets),
        features=np.vstack([domain.features for domain in targets]),
        labels=np.concatenate([domain.labels for domain in targets]),
        speakers=np.concatenate([domain.speaker_keys for domain in targets]),
        files=np.array([f"{d.name}/{file}" for d in targets for file in d.files], dtype=np.str_),
        digests=np.concatenate([d.digests for d in targets if d.digests is not None])
        if known
        else None,
        failures=tuple(failure for domain in targets for failure in domain.failures),
        views={name: np.vstack([domain.views[name] for domain in targets]) for name in first.views},
        named={name: np.vstack([domain.named[name] for domain in targets]) for name in first.named},
    )


def _check_features(domains: Sequence[Dataset]) -> None:
    found = {(domain.feature_sets, domain.feature_names) for domain in domains}
    if len(found) > 1:
        each = "; ".join(f"{domain.name}: {', '.join(domain.feature_sets)}" for domain in domains)
        raise CorpusError(f"corpora have other features: {each}")


def _calibrate(
    method: DeployableMethod,
    source: LabelledRows,
    target: UnlabelledRows,
    tuning: Tuning,
    folds: Sequence[Fold],
    classes: tuple[str, ...],
) -> Calibration:
    scores = np.empty((len(source), len(classes)))
    for train, test in folds:
        part = source.take(train)
        if set(part.labels.tolist()) != set(classes):
            raise CorpusError("every class needs several speakers: a fold trains on fewer classes")
        held_out = source.take(test).unlabelled()
        found = method.fit(part, held_out.join(target), tuning)
        scores[test] = found.target_scores[: len(test)]
    return fit_calibration(scores, np.searchsorted(classes, source.labels))


def _provenance(
    sources: Sequence[Dataset], target: Dataset, protocol: EvaluationProtocol
) -> dict[str, Any]:
    return {
        "library_version": sparsetransfer.__version__,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "scipy", "scikit-learn")},
        },
        "protocol": {"id": protocol.id, **protocol.as_dict()},
        "sources": {
            domain.name: {**_identity(domain), "classes": domain.counts()} for domain in sources
        },
        "target": {"name": target.name, **_identity(target)},
    }


def _identity(domain: Dataset) -> dict[str, Any]:
    audio = None
    if domain.digests is not None:
        audio = hashlib.sha256("\n".join(sorted(domain.digests)).encode()).hexdigest()[:16]
    return {
        "recordings": len(domain),
        "speakers": len(set(domain.speakers.tolist()) - {""}),
        "unreadable": len(domain.failures),
        "fingerprint": domain.fingerprint,
        "audio": audio,
    }


_PERMUTATIONS = 999
_MOST_TESTED = 1000


def domain_gap(
    sources: Sequence[Dataset], target: Dataset, split: Split, fitted: FittedMethod, seed: int
) -> dict[str, Any]:
    """Measure the domains as recorded, normalised and, where `fitted` has codes, coded.

    The seed draws at most 1000 recordings a side, the permutations and the resamples.

    Returns: of each state that there is, ``linear`` and ``gaussian`` of `measure_discrepancy`, and
    the unbiased estimate of the squared MMD (``unbiased``) with its 95 % interval (``low``,
    ``high``) and the p-value of its permutation test.
    """

    def figures(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> dict[str, float]:
        rng = np.random.default_rng(seed)
        drawn = [
            rows[np.sort(rng.choice(len(rows), min(len(rows), _MOST_TESTED), replace=False))]
            for rows in (known, unknown)
        ]
        test = two_sample_test(*drawn, n_permutations=_PERMUTATIONS, rng=seed)
        low, high = bootstrap_interval(drawn[0], drawn[1], test.bandwidths, rng)
        return {
            **measure_discrepancy(known, unknown).as_dict(),
            "unbiased": test.statistic,
            "low": min(low, test.statistic),
            "high": max(high, test.statistic),
            "p_value": test.p_value,
        }

    output = fitted.output
    raw = np.vstack([domain.features for domain in sources])
    scaler = target_scalers(sources, target, "source")[0]
    found = {
        "recorded": figures(scaler.apply(raw), scaler.apply(target.features)),
        "normalised": figures(split.source.features, split.target.features),
    }
    if output.source_codes is not None and output.target_codes is not None:
        found["coded"] = figures(output.source_codes, output.target_codes)
    return found
