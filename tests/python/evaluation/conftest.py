"""Small domains with a planted shift."""

import numpy as np
import pytest

from sparsetransfer.evaluation import Dataset, EvaluationProtocol, SourceToTarget

CLASSES = ("anger", "neutral", "sadness")


def toy_domain(name, *, seed, n_speakers=5, per_class=6, d=8, shift=0.0, spread=1.0, digests=None):
    rng = np.random.default_rng(seed)
    centres = 2.0 * np.eye(d)[: len(CLASSES)]
    labels, speakers, rows = [], [], []
    for speaker in range(n_speakers):
        offset = 0.3 * rng.standard_normal(d)
        for number, label in enumerate(CLASSES):
            rows.append(centres[number] + offset + spread * rng.standard_normal((per_class, d)))
            labels += [label] * per_class
            speakers += [f"s{speaker}"] * per_class
    features = np.vstack(rows) * 3.0 + shift
    return Dataset(
        name=name,
        features=features,
        labels=np.array(labels),
        speakers=np.array(speakers),
        files=np.array([f"{number:03d}.wav" for number in range(len(labels))]),
        feature_names=tuple(f"f{column}" for column in range(d)),
        feature_set="toy-1",
        digests=digests,
    )


@pytest.fixture
def domains():
    return toy_domain("alpha", seed=1), toy_domain("beta", seed=2, shift=5.0)


@pytest.fixture
def protocol():
    return EvaluationProtocol(
        SourceToTarget(("alpha",), ("beta",)),
        CLASSES,
        ("toy-1",),
        c_grid=(0.01, 1.0),
        n_folds=3,
        n_resamples=50,
    )


@pytest.fixture
def make_domain():
    return toy_domain
