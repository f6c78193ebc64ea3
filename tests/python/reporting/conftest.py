"""A small study with every kind of content a report shows."""

import warnings

import numpy as np
import pytest

from sparsetransfer.evaluation import (
    Dataset,
    EvaluationProtocol,
    LabelledRows,
    MethodOutput,
    SourceToTarget,
    UnlabelledRows,
    make_methods,
    run,
)
from sparsetransfer.evaluation.methods.base import Tuning

CLASSES = ("anger", "neutral", "sadness")


class Squared:
    """Nearest class mean on made-up codes, with the diagnostics of an iterative coder."""

    name = "squared <codes> name"
    description = "A stand-in & nothing more."
    adapts = True

    def settings(self):
        return {"power": 2}

    def predict(self, source: LabelledRows, rows: UnlabelledRows, tuning: Tuning):
        target = rows.features
        warnings.warn("did <not> settle", stacklevel=1)
        source_codes, target_codes = np.maximum(source.features, 0) ** 2, np.maximum(target, 0) ** 2
        classes = sorted(set(source.labels.tolist()))
        means = np.stack([source_codes[source.labels == c].mean(0) for c in classes])
        nearest = ((target_codes[:, None] - means) ** 2).sum(2).argmin(1)
        return MethodOutput(
            np.array(classes)[nearest],
            {
                "coder": {
                    "objective": 1.5,
                    "history": [3.0, 2.0, 1.6, 1.5],
                    "n_iter": 4,
                    "kkt_violation": 2e-9,
                    "converged": False,
                    "nonzeros": 0.25,
                }
            },
            source_codes,
            target_codes,
        )


def make_domain(name, seed, *, labels=CLASSES, dropped=None, failures=()):
    rng = np.random.default_rng(seed)
    names = [c for _ in range(4) for c in labels for _ in range(5)]
    features = rng.standard_normal((len(names), 6))
    for row, label in enumerate(names):
        features[row, CLASSES.index(label)] += 3
    return Dataset(
        name=name,
        features=features,
        labels=np.array(names),
        speakers=np.array([f"s{row // (5 * len(labels))}" for row in range(len(names))]),
        files=np.array([f"{row}.wav" for row in range(len(names))]),
        feature_names=tuple("abcdef"),
        feature_set="toy-1",
        dropped=dropped or {},
        failures=failures,
    )


@pytest.fixture(scope="session")
def make_study():
    def make(seeds=(0,), n_jobs=1):
        protocol = EvaluationProtocol(
            SourceToTarget(("first",), ("second", "third")),
            CLASSES,
            ("toy-1",),
            seeds=seeds,
            c_grid=(0.01, 1.0),
            n_resamples=20,
        )
        targets = [
            make_domain("second", 2, dropped={"label 'x' unmapped": 3}),
            make_domain("third", 3, labels=CLASSES[:2], failures=(("9.wav", "<broken>"),)),
        ]
        methods = [*make_methods(["majority", "svm"]), Squared()]
        return run([make_domain("first", 1), *targets], methods, protocol, n_jobs=n_jobs)

    return make


@pytest.fixture(scope="session")
def study(make_study):
    return make_study()


@pytest.fixture(scope="session")
def evaluated():
    """Two tasks, the second with a target of 40 rows."""

    def evaluate(methods, store=None):
        protocol = EvaluationProtocol(
            SourceToTarget(("first",), ("second", "third")),
            CLASSES,
            ("toy-1",),
            c_grid=(0.01, 1.0),
            n_resamples=20,
        )
        targets = [make_domain("second", 2), make_domain("third", 3, labels=CLASSES[:2])]
        return run([make_domain("first", 1), *targets], methods, protocol, store=store)

    return evaluate
