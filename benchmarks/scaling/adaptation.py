"""Adaptation to many recordings with cached features: ``python benchmarks/scaling/adaptation.py``.

Rows are drawn: two feature sets of 384 and 512 columns, 500 labelled recordings of 10 speakers, and
a target of --recordings. Printed per method: CPU seconds and peak memory of the adaptation, of
saving and loading, and of predicting all recordings of the target; every method runs in a process
of its own, with one BLAS thread.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from sparsetransfer.evaluation import Dataset
from sparsetransfer.recognition import Recogniser

METHODS = ("ridge", "coral", "multi-view", "multi-view-safeguarded")
WIDTHS = (384, 512)
EMOTIONS = ("anger", "happiness", "neutral", "sadness")


def corpus(name, n_rows, n_speakers, shift):
    """Sample feature rows with separated classes, and a constant offset between the domains."""
    rng = np.random.default_rng(len(name))
    labels = np.resize(EMOTIONS, n_rows)
    centres = np.random.default_rng(0).normal(size=(len(EMOTIONS), sum(WIDTHS)))
    rows = centres[np.searchsorted(EMOTIONS, labels)] + 3 * rng.normal(size=(n_rows, sum(WIDTHS)))
    first, second = np.split(rows + shift, [WIDTHS[0]], axis=1)
    return Dataset(
        name,
        first,
        labels,
        np.array([f"{name}{number * n_speakers // n_rows}" for number in range(n_rows)]),
        np.array([f"{number}.wav" for number in range(n_rows)]),
        tuple(f"f{column}" for column in range(WIDTHS[0])),
        "first-1",
        views={"second-1": second},
    )


def peak():
    """Return the peak of the memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(method, n_rows):
    """Print the figures of one method."""
    warnings.simplefilter("ignore")
    source, target = corpus("acted", 500, 10, 0.0), corpus("calls", n_rows, n_rows // 20, 1.0)
    before = peak()
    begin = time.process_time()
    recogniser = Recogniser(method).fit(source, target)
    adapted, most = time.process_time() - begin, peak()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model.st"
        recogniser.save(place)
        size = place.stat().st_size / 2**20
        loaded = Recogniser.load(place)
    begin = time.process_time()
    for first in range(0, n_rows, 128):
        views = [
            target.features[first : first + 128],
            target.views["second-1"][first : first + 128],
        ]
        loaded.predict_proba(views)
    predicted = time.process_time() - begin
    print(
        f"{method:24s} {adapted:7.1f} s {before:5.2f} -> {most:5.2f} GB, file {size:5.1f} MB, "
        f"predict {predicted:6.1f} s, {peak():5.2f} GB",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--alone", action="store_true", help="measure in this process")
    options = parser.parse_args()
    for method in options.methods.split(","):
        if options.alone:
            measure(method, options.recordings)
        else:
            arguments = ["--alone", "--methods", method, "--recordings", str(options.recordings)]
            subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
