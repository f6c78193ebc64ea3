"""Recordings that came after the adaptation: ``python benchmarks/studies/new_recordings.py DATA``.

DATA is a folder with the corpora ``emodb`` and ``urdu``. A method is adapted to all unlabelled
recordings of the target, as an evaluation does, and to those of half its speakers; both predict the
recordings of the other half, the first one also without knowing them again. Printed per method and
direction: mean UAR over random halves in the three cases, the difference of the last to the first
with its standard deviation over halves, and the seconds of a core that one adaptation takes. The
second figure differs from the first by what the method answers otherwise for a row that is new; the
third from the second by what was learned from the recordings.
"""

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparsetransfer.evaluation import CorpusEntry, StudyConfig, prepare, score
from sparsetransfer.evaluation.data.dataset import select_rows
from sparsetransfer.recognition import Recogniser

METHODS = (
    *("svm-fixed", "ridge", "coral", "tca", "dosl", "idar"),
    *("transfer-sparse-coding", "multi-view", "multi-view-safeguarded"),
)


def halves(domain, seed):
    """Return rows of half the speakers, and of the others."""
    rng = np.random.default_rng(seed)
    speakers = rng.permutation(sorted(set(domain.speaker_keys.tolist())))
    first = np.isin(domain.speaker_keys, speakers[: len(speakers) // 2])
    return np.flatnonzero(first), np.flatnonzero(~first)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--halves", type=int, default=5)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--features", default="functionals,is09-style")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = ("emodb", "urdu")
    config = StudyConfig(
        corpora=tuple(CorpusEntry(name, str(options.data / name), name) for name in names),
        design={"kind": "ordered-pairs"},
        feature_sets=tuple(options.features.split(",")),
    )
    domains, protocol = prepare(config, cache=options.cache)
    print(f"{', '.join(protocol.classes)}; {' + '.join(protocol.feature_sets)}")
    for source, target in (domains, domains[::-1]):
        print(f"{source.name} -> {target.name}: {len(target)} recordings of the target")
        for method in options.methods.split(","):
            begin = time.process_time()
            whole = Recogniser(method).fit(source, target)
            seconds = time.process_time() - begin
            everything = whole.predict(target)
            forgotten = whole.predict(replace(target, digests=None))
            figures = []
            for seed in range(options.halves):
                known, new = halves(target, seed)
                half = Recogniser(method).fit(source, select_rows(target, known))
                rest = select_rows(target, new)
                figures.append(
                    [
                        100 * score(rest.labels, found, protocol.classes).uar
                        for found in (everything[new], forgotten[new], half.predict(rest))
                    ]
                )
            fitted, again, fresh = np.array(figures).T
            print(
                f"{method:24s} {fitted.mean():5.1f} {again.mean():5.1f} {fresh.mean():5.1f} "
                f"{(fresh - fitted).mean():+5.1f} ± {(fresh - fitted).std(ddof=1):.1f} "
                f"{seconds:6.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
