"""Time windows of a long recording: ``python benchmarks/kernels/predict_latency.py [--minutes 10]``.

A recogniser is fitted on the embedded corpora; a recording made of them is recognised window by
window (4 s every 2 s), with BLAS on one thread. Printed: milliseconds a window (median, 95 %, the
first one), and by how much memory grew.
"""

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from sparsetransfer import synthetic
from sparsetransfer.evaluation import CorpusEntry, StudyConfig, prepare
from sparsetransfer.recognition import fit_recogniser, recognise


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--feature-set", default="functionals")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    manifests = synthetic.make_corpora(folder)
    config = StudyConfig(
        corpora=(CorpusEntry("source", str(manifests[0]), "manifest"),),
        design={"kind": "leave-one-speaker-out"},
        feature_sets=(options.feature_set,),
    )
    model = fit_recogniser(prepare(config)[0], options.feature_set)
    parts, length = [], 0.0
    for file in itertools.cycle(sorted(manifests[0].parent.rglob("*.wav"))):
        signal, rate = soundfile.read(file)
        parts.append(signal)
        length += len(signal) / rate
        if length >= 60 * options.minutes:
            break
    soundfile.write(folder / "long.wav", np.concatenate(parts), rate)
    before = peak_mib()
    seconds = []
    with threadpool_limits(1):
        start = time.perf_counter()
        for _ in recognise(model, str(folder / "long.wav")):
            seconds.append(time.perf_counter() - start)
            start = time.perf_counter()
    milliseconds = 1000 * np.array(seconds)
    print(
        f"{options.feature_set}: {len(seconds)} windows of 4 s; median "
        f"{np.median(milliseconds[1:]):.1f} ms, 95 % {np.percentile(milliseconds[1:], 95):.1f} ms, "
        f"first {milliseconds[0]:.0f} ms; {peak_mib() - before:.0f} MiB more than before"
    )


if __name__ == "__main__":
    main()
