"""Measure the codes of ``docs/benchmarks.md`` anew and write the page: ``remeasure.py FOLDER``.

About twenty minutes on two idle cores. A run that was stopped goes on where it was; what the folder
does not hold, Gaussian discrepancies and SIMD levels, stays on the page as it is. ``--toy`` tries
every step on a few signals and writes the page into the folder instead.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import page

GRID = "--rounds 3 --signals 0.15"
FEW = "--rounds 25 --sizes 64x256,384x1024"
PURSUITS = "--problem omp --coders ours_ols,ours_ols_prepared,spams"
OTHERS = (
    "--rounds 1 --max-signals 200 --shares 0.1 --coders ours,spams,sklearn_cd,sklearn_lars,celer"
)
SLICES = {
    "pursuits": "--problem omp --coders ours_omp,ours_ols,spams --threads 1,2 --max-signals 15000",
    "five": f"{GRID} --max-signals 3000 --shares 0.05",
    "ten": f"{GRID} --max-signals 3000 --shares 0.1 --threads 1,2",
    # SPAMS takes half a minute for 3,000 signals.
    "quarter": f"{GRID} --max-signals 1000 --shares 0.25",
    **{
        f"few-{number}": f"{FEW} --max-signals {number} --shares 0.01,0.05"
        " --coders ours,ours_prepared,spams"
        for number in (1, 16, 64)
    },
    **{f"few-omp-{number}": f"{FEW} --max-signals {number} {PURSUITS}" for number in (1, 16, 64)},
    "others": f"{OTHERS} --kinds gaussian --sizes 64x256,384x512,384x1024",
    "others-spectral": f"{OTHERS} --kinds spectral --sizes 64x256",
}
TOY = "--rounds 1 --max-signals 8 --sizes 64x256"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args()
    coding = [sys.executable, str(page.HERE / "coding.py")]
    for name, arguments in SLICES.items():
        words = f"{arguments} {TOY if options.toy else ''}".split()
        subprocess.run([*coding, *words, "--results", str(options.folder / name)], check=True)
    if options.toy:
        text = page.page(page.merge(page.stored(), page.found(options.folder)))
        (options.folder / "benchmarks.md").write_text(text, encoding="utf-8")
    else:
        page.write(options.folder)


if __name__ == "__main__":
    main()
