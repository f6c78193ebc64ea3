"""A planted shift whose best method is known: the table must say so."""

import numpy as np

from sparsetransfer.evaluation import (
    Dataset,
    EvaluationProtocol,
    SourceToTarget,
    compare,
    make_methods,
    run,
)
from sparsetransfer.reporting.overview import markdown

CLASSES = ("anger", "neutral", "sadness")


def corpus(name, seed, mixing):
    rng = np.random.default_rng(seed)
    labels = np.tile(CLASSES, 60)
    rows = rng.standard_normal((180, 6))
    rows[:, :3] += 2.5 * (labels[:, None] == np.array(CLASSES))
    # White rows first: then the target's covariance is the square of the mixing, and correlation
    # alignment, which maps the source by its root, undoes the shift exactly.
    rows = rows - rows.mean(0)
    values, axes = np.linalg.eigh(np.cov(rows.T))
    white = rows @ axes / np.sqrt(values) @ axes.T
    return Dataset(
        name=name,
        features=white @ mixing,
        labels=labels,
        speakers=np.repeat([f"s{number}" for number in range(12)], 15),
        files=np.array([f"{number}.wav" for number in range(180)]),
        feature_names=tuple("abcdef"),
        feature_set="planted-1",
    )


def test_correlation_alignment_wins_where_only_the_covariance_differs():
    rng = np.random.default_rng(4)
    axes = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    mixing = axes @ np.diag([4.0, 3.0, 2.0, 0.5, 0.2, 0.1]) @ axes.T
    protocol = EvaluationProtocol(
        SourceToTarget(("plain",), ("mixed",)),
        CLASSES,
        ("planted-1",),
        normalisation="source",
        n_resamples=500,
    )
    methods = make_methods(
        ["majority", "svm", "ridge", "coral"], {"coral": {"params": {"regularization": 1e-6}}}
    )
    study = run([corpus("plain", 0, np.eye(6)), corpus("mixed", 1, mixing)], methods, protocol)
    found = {cell.method: cell.scores.uar for cell in study.cells}
    assert max(found, key=found.get) == "coral"
    assert found["coral"] > 0.85
    assert found["coral"] > found["svm"] + 0.05
    comparison = {part.method: part for part in compare(study)[1]}
    assert comparison["coral"].permutation_holm < 0.05
    assert comparison["coral"].mcnemar_holm < 0.05
    assert comparison["majority"].gain < 0
    assert f"{100 * found['coral']:.1f}" in markdown(study)
