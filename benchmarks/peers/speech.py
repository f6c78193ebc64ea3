"""What the speech side costs: first call, features, evaluation: ``speech.py --output FILE.json``.

CPU seconds of the first feature call of a fresh process, import included; seconds of audio per CPU second of one
core; and CPU seconds of ``sparsetransfer evaluate`` with twelve shallow methods on the twelve ordered pairs of
`studies/twelve_pairs.toml`, one process, one feature set, with the features in the cache. The corpora are read below
``SPARSETRANSFER_DATA``.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coding import circumstances, report
from threadpoolctl import threadpool_limits

from sparsetransfer import audio, features
from sparsetransfer.audio.files import find_files

STUDY = Path(__file__).parents[1] / "studies" / "twelve_pairs.toml"
SETS = ("functionals", "is09-style", "wide")
TWELVE = "majority,svm,svm-fixed,ridge,rbf-svm,logistic,sparse-coding,transfer-sparse-coding,coral,sa,tca,jda"
FIRST = """
import time
wall, cpu = time.perf_counter(), time.process_time()
import numpy as np
from sparsetransfer import features
imported = time.process_time() - cpu
features.feature_set({name!r}).compute(np.random.default_rng(0).normal(size=16000).astype("float32"))
print(time.perf_counter() - wall, time.process_time() - cpu, imported)
"""


def first_call(name, rounds):
    """Seconds of the first call of a fresh process, import included."""
    command = [sys.executable, "-c", FIRST.format(name=name)]
    times = []
    for _ in range(rounds):
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        times.append([float(word) for word in printed.split()])
    cpu = [row[1] for row in times]
    return {
        "benchmark": "speech",
        "name": f"first call, {name}",
        "value": statistics.median(cpu),
        "least": min(cpu),
        "imports": statistics.median(row[2] for row in times),
        "spread": (max(cpu) - min(cpu)) / statistics.median(cpu),
        **circumstances(),
    }


def times_real_time(folder, files, rounds):
    """Seconds of audio that a CPU second takes, set by set."""
    found = find_files(folder)
    signals = [audio.load(file) for file in found[:: max(len(found) // files, 1)][:files]]
    length = sum(signal.size for signal in signals) / 16000
    rates = {name: [] for name in SETS}
    sets = {name: features.feature_set(name) for name in SETS}
    for round_number in range(rounds + 1):
        for name, chosen in sets.items():
            began = time.process_time()
            for signal in signals[: None if round_number else 1]:
                chosen.compute(signal)
            if round_number:
                rates[name].append(length / (time.process_time() - began))
    return [
        {
            "benchmark": "speech",
            "name": f"times real time, {name}",
            "value": statistics.median(values),
            "best": max(values),
            "spread": (max(values) - min(values)) / statistics.median(values),
            "recordings": len(signals),
            "seconds": length,
            **circumstances(),
        }
        for name, values in rates.items()
    ]


def evaluation(data, cache):
    """CPU seconds of a study and of the processes that it starts, with all features in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / STUDY.name
        study.write_text(STUDY.read_text(encoding="utf-8"), encoding="utf-8")
        (Path(folder) / "recordings").symlink_to(data)
        command = [sys.executable, "-m", "sparsetransfer", "evaluate", "--config", str(study)]
        command += ["--cache", str(cache), "--jobs", "1", "-q", "--features", "functionals"]
        # Features first.
        warm = ["--methods", "majority,svm-fixed", "--output", f"{folder}/warm"]
        subprocess.run([*command, *warm], check=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        twelve = ["--methods", TWELVE, "--output", f"{folder}/report"]
        subprocess.run([*command, *twelve], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "benchmark": "speech",
        "name": "evaluate, twelve methods",
        "value": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        **circumstances(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument(
        "--cache", type=Path, help="of the features; by default one that is deleted"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--toy", action="store_true", help="no study, and two recordings")
    options = parser.parse_args()
    data = Path(os.environ["SPARSETRANSFER_DATA"]).resolve()
    with threadpool_limits(1):
        records = [first_call("functionals", options.rounds)]
        files = 2 if options.toy else 60
        records += times_real_time(data / "emodb", files, options.rounds)
    if not options.toy:
        with tempfile.TemporaryDirectory() as folder:
            records.append(evaluation(data, options.cache or Path(folder)))
    report(records, options.output)


if __name__ == "__main__":
    main()
