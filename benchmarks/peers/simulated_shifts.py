"""Accuracy on skada's simulated shifts, of its methods, of POT's and of ours, with one classifier.

The data and the settings of skada's methods are those of its gallery's comparison: 160 points a side,
noise 0.4, `SVC()` for all. Needs skada and POT. Labels of the target are used by the last line only.
"""

import argparse
import warnings

import numpy as np
import skada
import skada.datasets
import sklearn
from ot.da import SinkhornLpl1Transport
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KernelDensity
from sklearn.svm import SVC

from sparsetransfer.evaluation.methods.covariate_shift import kernel_mean_matching, kliep
from sparsetransfer.subspace import (
    CORAL,
    JointDistributionAdaptation,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from sparsetransfer.transfer import TransferSparseCoding, pack

SHIFTS = ("covariate_shift", "target_shift", "conditional_shift", "subspace")


def machine():
    return SVC().set_fit_request(sample_weight=True)


def peers():
    return {
        "skada `DensityReweight`": skada.DensityReweight(machine(), KernelDensity(bandwidth=0.5)),
        "skada `GaussianReweight`": skada.GaussianReweight(machine()),
        "skada `DiscriminatorReweight`": skada.DiscriminatorReweight(machine()),
        "skada `KLIEPReweight`": skada.KLIEPReweight(machine(), [1.0, 0.1, 0.001], random_state=0),
        "skada `KMMReweight`": skada.KMMReweight(machine(), gamma=1.0),
        "skada `SubspaceAlignment`": skada.SubspaceAlignment(SVC(), n_components=1),
        "skada `TransferComponentAnalysis`": skada.TransferComponentAnalysis(
            SVC(), n_components=1, mu=0.5
        ),
        "skada `OTMapping`": skada.OTMapping(SVC()),
        "skada `EntropicOTMapping`": skada.EntropicOTMapping(SVC()),
        "skada `ClassRegularizerOTMapping`": skada.ClassRegularizerOTMapping(SVC()),
        "skada `LinearOTMapping`": skada.LinearOTMapping(SVC()),
        "skada `CORAL`": skada.CORAL(SVC()),
    }


def ours():
    return {
        "`CORAL`": CORAL(),
        "`SubspaceAlignment(1)`": SubspaceAlignment(1),
        "`TransferComponentAnalysis(1)`": TransferComponentAnalysis(1),
        "`JointDistributionAdaptation(1)`": JointDistributionAdaptation(1),
        "`TransferSparseCoding(16)`": TransferSparseCoding(16, alpha=0.1, mmd=60.0, random_state=0),
    }


def predictions(source, labels, target):
    """Return the labels of the target by every method."""
    found = {"no adaptation": SVC().fit(source, labels).predict(target)}
    X, y, domain = pack(source, labels, target)
    for name, model in peers().items():
        model.fit(X, y, sample_domain=domain)
        found[name] = model.predict(target, sample_domain=np.full(len(target), -2))
    transport = SinkhornLpl1Transport(0.1, 0.1, norm="median", max_inner_iter=1000)
    moved = transport.fit(Xs=source, ys=labels, Xt=target).transform(Xs=source)
    found["`optimal-transport`, by POT"] = SVC().fit(moved, labels).predict(target)
    for name, weigh in (("`kliep`", kliep), ("`kmm`", kernel_mean_matching)):
        weighted = SVC().fit(source, labels, sample_weight=weigh(source, target))
        found[name] = weighted.predict(target)
    for name, model in ours().items():
        codes = model.fit_transform(X, y, sample_domain=domain)
        found[name] = SVC().fit(codes[: len(source)], labels).predict(codes[len(source) :])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, *range(19)])
    seeds = parser.parse_args().seeds
    sklearn.set_config(enable_metadata_routing=True)
    warnings.simplefilter("ignore")
    table = {}
    for column, shift in enumerate(SHIFTS):
        for seed in seeds:
            X, y, domain = skada.datasets.make_shifted_datasets(
                20, 20, shift, noise=0.4, random_state=seed
            )
            source, target = X[domain > 0], X[domain < 0]
            labels = y[domain > 0].astype(int)
            for name, predicted in predictions(source, labels, target).items():
                scores = table.setdefault(name, [[] for _ in SHIFTS])
                scores[column].append(accuracy_score(y[domain < 0].astype(int), predicted))
    print("| method | " + " | ".join(SHIFTS) + " |\n|---|" + "---|" * len(SHIFTS))
    for name, columns in table.items():
        cells = (f"{100 * np.mean(scores):.1f}" for scores in columns)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
