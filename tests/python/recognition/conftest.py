"""Two toy corpora, and a way to make more."""

import numpy as np
import pytest

from sparsetransfer.evaluation import Dataset, make_methods
from sparsetransfer.evaluation.methods.base import wanted_views

CLASSES = ("anger", "neutral", "sadness")

NAMED = sorted(
    {view for m in make_methods(["frame-codes", "recommended"]) for view in wanted_views(m)}
)


def _corpus(name, seed, shift, n_speakers=5, per_class=6, d=8):
    rng = np.random.default_rng(seed)
    labels, speakers, rows = [], [], []
    for speaker in range(n_speakers):
        offset = 0.3 * rng.standard_normal(d)
        for number, label in enumerate(CLASSES):
            centre = 2.0 * np.eye(d)[number] + offset
            rows.append(centre + rng.standard_normal((per_class, d)))
            labels += [label] * per_class
            speakers += [f"s{speaker}"] * per_class
    features = 3.0 * np.vstack(rows) + shift
    return Dataset(
        name,
        features,
        np.array(labels),
        np.array(speakers),
        np.array([f"{number:03d}.wav" for number in range(len(labels))]),
        tuple(f"f{column}" for column in range(d)),
        "toy-1",
        views={"more-2": features[:, :5] + rng.standard_normal((len(features), 5))},
        named={view: features + rng.standard_normal(features.shape) for view in NAMED},
    )


@pytest.fixture(scope="session")
def corpus():
    """Return a function that makes a corpus of three classes."""
    return _corpus


@pytest.fixture(scope="session")
def pair():
    """Return a source and a target that is shifted."""
    return _corpus("alpha", 1, 0.0), _corpus("beta", 2, 5.0)
