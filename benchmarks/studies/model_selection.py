"""Which criterion picks settings that hold: ``python benchmarks/studies/model_selection.py DATA``.

DATA is a folder with the corpora ``emodb``, ``ravdess``, ``urdu`` and ``nemo``. For every ordered
pair and every model, settings are chosen by grid search over folds of the source's speakers, once
per criterion that reads no label of the target, and by the recall on the source alone. Printed per
model: mean UAR on the target of the chosen settings, in percent, with the pairs where it was
higher, equal and lower than the choice by "source"; the best and the middle of the grid stand
beside them. Features are standardised per corpus.
"""

import argparse
import itertools
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sparsetransfer.classification import (
    BalancedRidge,
    LabelledOnly,
    SourceGroupKFold,
    known_label_scorer,
    make_transfer_pipeline,
    unlabelled_scorer,
)
from sparsetransfer.evaluation import CorpusEntry, StudyConfig, prepare, score
from sparsetransfer.subspace import JointDistributionAdaptation, TransferComponentAnalysis
from sparsetransfer.transfer import pack

CORPORA = ("emodb", "ravdess", "urdu", "nemo")
CRITERIA = ("source", "importance", "deep_embedded", "reverse", "entropy", "density")


def models():
    """Return the estimators and grids by name; the middle of each grid comes at half its length."""
    machine = LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced")
    return {
        "logistic": (
            LabelledOnly(machine),
            [{"estimator__C": c} for c in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)],
        ),
        "ridge": (
            LabelledOnly(BalancedRidge()),
            [{"estimator__alpha": a} for a in (0.1, 1.0, 10.0, 100.0, 1000.0)],
        ),
        "tca": (
            make_transfer_pipeline(TransferComponentAnalysis(), machine),
            [{"transfercomponentanalysis__n_components": k} for k in (5, 10, 20, 40, 80)],
        ),
        "jda": (
            make_transfer_pipeline(JointDistributionAdaptation(), machine),
            [{"jointdistributionadaptation__n_components": k} for k in (5, 10, 20, 40, 80)],
        ),
    }


def scores_of(model, X, y, folds):
    """Return the mean score of every criterion over the folds; NaN where one cannot be computed."""
    table = []
    for train, test in folds:
        fitted = clone(model).fit(X[train], y[train])
        row = []
        for criterion in CRITERIA:
            if criterion == "source":
                scorer = known_label_scorer("balanced_accuracy")
            else:
                scorer = unlabelled_scorer(criterion)
            try:
                row.append(scorer(fitted, X[test], y[test]))
            except AttributeError:  # no probabilities
                row.append(np.nan)
        table.append(row)
    return np.mean(table, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--features", default="functionals")
    parser.add_argument("--models", default=",".join(models()))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sklearn.set_config(enable_metadata_routing=False)
    config = StudyConfig(
        corpora=tuple(CorpusEntry(name, str(options.data / name), name) for name in CORPORA),
        design={"kind": "ordered-pairs"},
        feature_sets=(options.features,),
    )
    domains, protocol = prepare(config, cache=options.cache)
    print(f"{', '.join(protocol.classes)}; {options.features}; 3 folds of the source's speakers")
    pairs = list(itertools.permutations(domains, 2))
    rows = {domain.name: StandardScaler().fit_transform(domain.features) for domain in domains}
    for name in options.models.split(","):
        model, grid = models()[name]
        chosen = {criterion: [] for criterion in (*CRITERIA, "middle", "best")}
        for source, target in pairs:
            X, y, _ = pack(rows[source.name], source.labels, rows[target.name])
            speakers = np.concatenate([source.speaker_keys, target.speaker_keys])
            folds = list(SourceGroupKFold(3, score_target=True).split(X, y, speakers))
            tables, recalls = [], []
            for setting in grid:
                candidate = clone(model).set_params(**setting)
                tables.append(scores_of(candidate, X, y, folds))
                answers = candidate.fit(X, y).predict(rows[target.name])
                recalls.append(100 * score(target.labels, answers, protocol.classes).uar)
            for criterion, column in zip(CRITERIA, np.array(tables).T, strict=True):
                known = np.isfinite(column).all()
                chosen[criterion].append(recalls[int(np.argmax(column))] if known else np.nan)
            chosen["middle"].append(recalls[len(recalls) // 2])
            chosen["best"].append(max(recalls))
        base = np.array(chosen["source"])
        for criterion, found in chosen.items():
            gain = np.array(found) - base
            wins = f"{(gain > 0).sum():2d} {(gain == 0).sum():2d} {(gain < 0).sum():2d}"
            print(f"{name:10s} {criterion:14s} {np.mean(found):5.1f}  {wins}", flush=True)


if __name__ == "__main__":
    main()
