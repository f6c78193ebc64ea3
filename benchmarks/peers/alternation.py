"""Does the alternation of transfer coding converge, and when: ``alternation.py --output FILE.json``.

`TransferSparseCoding` with its default settings on pairs of corpora (four classes, rows z-scored and of unit
length) and on digits; beside it the plain alternation from the same start, without momentum and with
codes to 0.1 and then 0.01 alpha, until it is as low to a thousandth or has taken six times as long. Features of the speaker network need its weights
(see `reproduce.py`), pairs and digits the folder ``SPARSETRANSFER_DATA``; what is absent is left out.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from coding import circumstances
from problems import digit_pair, unit_rows

from sparsetransfer import corpora, features
from sparsetransfer.transfer import TransferSparseCoding, transfer_learn

CLASSES = ["anger", "happiness", "neutral", "sadness"]
NEAR = 1e-3
"""Relative distance of the objectives that counts as the same: its codes are not exact."""
MOST = 6
"""The plain alternation ends when it has taken so many times the time of ours: twice the aim."""
PAIRS = ("emodb + urdu", "emodb + ravdess")


def speech(pair, feature_set, cache):
    """Both corpora, each z-scored, as unit rows."""
    parts = []
    for name in pair.split(" + "):
        folder = Path(os.environ["SPARSETRANSFER_DATA"]) / name
        corpus = corpora.read(name, folder, classes=CLASSES, drop_unmapped=True)
        rows = features.extract(corpus, feature_set, cache=cache).values.astype(np.float64)
        scales = rows.std(axis=0)
        parts.append(unit_rows((rows - rows.mean(axis=0)) / np.where(scales > 0, scales, 1)))
    return parts


def measure(name, parts):
    """Return the record of a pair: the default alternation, and the plain one to its objective."""
    X = np.vstack(parts)
    domains = np.repeat([1, -1], [len(part) for part in parts])
    model = TransferSparseCoding(random_state=0, n_jobs=1)
    start = TransferSparseCoding(random_state=0, n_jobs=1, max_iter=0)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        began = time.process_time()
        model.fit(X, sample_domain=domains)
        seconds = time.process_time() - began
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = start.fit(X, sample_domain=domains).components_
        plain = plainly(X, atoms, domains, model, MOST * seconds)
    print(f"{name}: {model.n_iter_} iterations, {seconds:.2f} s; plainly {plain}", flush=True)
    return {
        "benchmark": "alternation",
        "name": name,
        "size": f"{X.shape[1]}x{len(atoms)}",
        "signals": len(X),
        "max_iter": model.max_iter,
        "iterations": model.n_iter_,
        "settled": not any("alternation stopped" in str(note.message) for note in notes),
        "cpu_s": seconds,
        "objective": float(model.objective_),
        "plain": plain,
        **circumstances(),
    }


def plainly(X, atoms, domains, model, limit):
    """Iterations and CPU seconds in which the plain alternation gets as low, or what it has then."""
    codes, accuracy, last, seconds, iteration = None, 0.1, np.inf, 0.0, 0
    while seconds < limit:
        iteration += 1
        began = time.process_time()
        found = transfer_learn(
            X,
            atoms,
            domains,
            alpha=model.alpha,
            mmd=model.mmd,
            solver="fista",
            code_init=codes,
            max_iter=1,
            kkt_tol=accuracy,
            n_jobs=1,
        )
        seconds += time.process_time() - began
        atoms, codes, objective = found.components, found.codes.codes, found.codes.objective
        if objective <= (1 + NEAR) * model.objective_:
            break
        if last - objective <= model.tol * objective:
            accuracy = max(accuracy / 4, 0.01)
        last = objective
    reached = bool(objective <= (1 + NEAR) * model.objective_)
    return {"iterations": iteration, "cpu_s": seconds, "reached": reached, "objective": objective}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--cache", type=Path, help="of the features; by default the user's")
    parser.add_argument("--sets", default="functionals,speaker")
    parser.add_argument("--toy", action="store_true", help="one small problem only")
    options = parser.parse_args()
    if options.toy:
        rng = np.random.default_rng(0)
        records = [measure("toy", [unit_rows(rng.normal(size=(40, 12))) for _ in range(2)])]
    else:
        records = []
        for feature_set in options.sets.split(","):
            for pair in PAIRS:
                try:
                    parts = speech(pair, feature_set, options.cache)
                except FileNotFoundError as error:
                    print(f"{pair}, {feature_set} is left out: {error}")
                    continue
                records.append(measure(f"{pair}, {feature_set}", parts))
        records.append(measure("usps + mnist", digit_pair()))
    if options.output:
        options.output.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
