"""Measure the codes of ``docs/benchmarks.md`` again and write the page: ``remeasure.py FOLDER``.

Less than half an hour on two idle cores. A run that was stopped goes on where it was; what it does not measure
(larger Gaussian discrepancies, SIMD levels, the alternation, features, evaluation, build) stays on the page as it is.
Peers that are not installed are left out, and with them their columns.
``--toy`` tries every step on a few signals and writes the page into the folder instead. Recordings
and pictures are read as `problems.py` says; without ``SPARSETRANSFER_DATA`` they are left out.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import page

GRID = "--rounds 3 --signals 0.15"
BEYOND = "--rounds 5 --max-signals 3000"
FEW = "--rounds 25 --sizes 64x256,384x1024"
PURSUITS = "--problem omp --coders ours_ols,ours_ols_prepared,spams"
# Packages of coders that few will have.
PEERS = {"celer": "celer", "daal4py": "intel", "dictlearn": "dictlearn"}
MORE = [coder for module, coder in PEERS.items() if importlib.util.find_spec(module)]
CODERS = ",".join(["ours", "spams", "sklearn_cd", "sklearn_lars", "numpy_fista", *MORE])
OTHERS = f"--rounds 1 --shares 0.1 --coders {CODERS}"
SLICES = {
    "pursuits": "--problem omp --coders ours_omp,ours_ols,spams --threads 1,2 --max-signals 15000",
    **{
        f"pursuits-{count}": f"--problem omp --coders ours_omp,ours_ols,spams --max-signals 3000"
        f" --sizes 20x60,64x100,64x256 --count {count}"
        for count in (1, 3)
    },
    "five": f"{GRID} --max-signals 3000 --shares 0.05",
    "ten": f"{GRID} --max-signals 3000 --shares 0.1 --threads 1,2 --rounds 5",
    # SPAMS takes half a minute for 3,000 signals.
    "quarter": f"{GRID} --max-signals 1000 --shares 0.25",
    **{
        f"few-{number}": f"{FEW} --max-signals {number} --shares 0.01,0.05"
        " --coders ours,ours_prepared,spams"
        for number in (1, 16, 64)
    },
    **{f"few-omp-{number}": f"{FEW} --max-signals {number} {PURSUITS}" for number in (1, 16, 64)},
    "small": f"{BEYOND} --sizes 20x60,40x120,64x100,64x256 --non-zeros 2,5,15",
    # Codes of nearly as many atoms as there are features.
    "full-5": f"{BEYOND} --kinds gaussian --sizes 5x8 --non-zeros 4",
    "full-10": f"{BEYOND} --kinds gaussian --sizes 10x1000 --non-zeros 9",
    "full-16": f"{BEYOND} --kinds gaussian --sizes 16x64 --non-zeros 8,15",
    "many-atoms": "--rounds 3 --max-signals 100 --kinds gaussian --sizes 250x3000 --non-zeros 41,143",
    "others": f"{OTHERS} --max-signals 200 --kinds gaussian --sizes 64x256,384x512,384x1024",
    "others-spectral": f"{OTHERS} --max-signals 20 --kinds spectral --sizes 64x256",
}
REAL = {
    "frames": f"{BEYOND} --kinds frames --sizes 40x120,280x700,280x2000 --non-zeros 3,7,14",
    "digits": f"{BEYOND} --kinds digits --sizes 256x500 --non-zeros 4,9,22",
    "patches": f"{BEYOND} --kinds patches --sizes 64x256 --non-zeros 2,5,15",
}
LEARNING = {
    "learn-frames": "--peers spams --kind frames --sizes 40x120 --signals 4",
    "learn-digits": "--peers spams --kind digits --sizes 256x500 --batch-size 128",
    "learn-patches": "--peers spams --kind patches --sizes 64x256 --signals 0.2",
}
DISCREPANCIES = {
    f"mmd-{samples}-{dtype}": f"--samples {samples} --features 1024 --dtype {dtype} --rounds 3"
    for samples in (100, 2000)
    for dtype in ("float32", "float64")
}
TOY = "--rounds 1 --max-signals 8 --sizes 64x256"


def run(script, *words):
    subprocess.run([sys.executable, str(page.HERE / script), *words], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args()
    slices, learning = SLICES, {}
    if os.environ.get("SPARSETRANSFER_DATA"):
        slices, learning = SLICES | REAL, LEARNING
    for name, arguments in slices.items():
        words = f"{arguments} {TOY if options.toy else ''}".split()
        run("coding.py", *words, "--results", str(options.folder / name))
    for script, table, toy in (
        ("learning.py", learning, "--rounds 1 --signals 0.05 --max-epochs 1"),
        ("compare_mmd.py", DISCREPANCIES, "--rounds 1 --samples 20"),
        ("call_overhead.py", {"calls": ""}, "--rounds 1"),
        ("one_signal.py", {"one-signal": ""}, "--rounds 1 --toy"),
    ):
        for name, arguments in table.items():
            path = options.folder / f"{name}.json"
            words = f"{arguments} {toy if options.toy else ''}".split()
            if not path.exists():
                run(script, *words, "--output", str(path))
    if options.toy:
        text = page.page(page.merge(page.stored(), page.found(options.folder)))
        (options.folder / "benchmarks.md").write_text(text, encoding="utf-8")
    else:
        page.write(options.folder)


if __name__ == "__main__":
    main()
