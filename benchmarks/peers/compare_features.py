"""Set the feature sets beside openSMILE's: speed, and agreement column by column.

Run for example ``python benchmarks/peers/compare_features.py --audio recordings --files 60``; needs
the package opensmile (research licence) and a folder with speech. Times are CPU seconds of one
process with one thread, the best of the rounds, taken in turns; the audio is in memory, at 16 kHz.

Agreement: `is09-style` against openSMILE's IS09 on the same recordings, cut to the stretch of speech
for both. Positions and slopes are brought to the same scale (share of the utterance, rise over it),
kurtosis is undone to the plain moment. The Pearson and the rank correlation over the recordings are
reported for every column of MFCC 1 to 12 and zero crossings, and for energy, voicing and F0, which
the two define differently.
"""

import argparse
import json
import platform
import statistics
import time
from importlib import metadata
from pathlib import Path

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from sparsetransfer import audio, features
from sparsetransfer.audio.files import find_files
from sparsetransfer.features.descriptors.contours import speech_stretch
from sparsetransfer.features.descriptors.framing import Grid
from sparsetransfer.features.descriptors.level import log_energy, mean_square

RATE = 16000
OWN = ("is09-style", "functionals", "wide")
THEIRS = ("opensmile-is09", "opensmile-emobase", "opensmile-egemaps", "opensmile-compare2016")

DESCRIPTORS = {
    "log_energy": "pcm_RMSenergy_sma",
    "zero_crossings": "pcm_zcr_sma",
    "voicing": "voiceProb_sma",
    "f0": "F0_sma",
} | {f"mfcc{i}": f"pcm_fftMag_mfcc_sma[{i}]" for i in range(1, 13)}
DIFFERENT = {
    "log_energy": "there linear and after pre-emphasis",
    "voicing": "there from the cepstrum",
    "f0": "there in Hz and zero in unvoiced frames",
}
FUNCTIONALS = {
    "mean": "amean",
    "std": "stddev",
    "skewness": "skewness",
    "kurtosis": "kurtosis",
    "min": "min",
    "max": "max",
    "span": "range",
    "argmin": "minPos",
    "argmax": "maxPos",
    "slope": "linregc1",
    "offset": "linregc2",
    "line_error": "linregerrQ",
}


def main() -> None:
    options = parse()
    files = find_files(options.audio)
    chosen = files[:: max(len(files) // options.files, 1)][: options.files]
    signals = [audio.load(file) for file in chosen]
    with threadpool_limits(1):
        report = {
            "machine": platform.processor() or platform.machine(),
            "versions": {name: metadata.version(name) for name in ("numpy", "scipy", "opensmile")},
            "recordings": len(signals),
            "seconds": sum(signal.size for signal in signals) / RATE,
            "times_real_time": speed(signals, options.rounds),
            "agreement": agreement(signals),
        }
    show(report)
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audio", type=Path, required=True, help="folder with speech")
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def speed(signals: list[np.ndarray], rounds: int) -> dict[str, dict[str, float]]:
    """Return how many seconds of audio a CPU second takes, best and median of the rounds."""
    sets = {name: features.feature_set(name) for name in (*OWN, *THEIRS)}
    for chosen in sets.values():
        chosen.compute(signals[0])
    seconds: dict[str, list[float]] = {name: [] for name in sets}
    for _ in range(rounds):
        for name, chosen in sets.items():
            start = time.process_time()
            for signal in signals:
                chosen.compute(signal)
            seconds[name].append(time.process_time() - start)
    total = sum(signal.size for signal in signals) / RATE
    return {
        name: {"best": total / min(taken), "median": total / statistics.median(taken)}
        for name, taken in seconds.items()
    }


def agreement(signals: list[np.ndarray]) -> dict[str, dict[str, float]]:
    """Return both correlations for every column that has a counterpart."""
    own, theirs = features.feature_set("is09-style"), features.feature_set("opensmile-is09")
    cut = [trimmed(signal) for signal in signals]
    ours = np.array([own.compute(signal) for signal in cut])
    there = np.array([theirs.compute(signal) for signal in cut])
    n_steps = np.array([max((signal.size - 400) // 160, 1) for signal in cut])
    result: dict[str, dict[str, float]] = {}
    for descriptor, their_descriptor in DESCRIPTORS.items():
        for suffix, their_suffix in (("", ""), ("_delta", "_de")):
            for what, their_what in FUNCTIONALS.items():
                name = f"{descriptor}{suffix}_{what}"
                their_name = their_descriptor.replace("_sma", f"_sma{their_suffix}")
                one = ours[:, own.names.index(name)]
                other = there[:, theirs.names.index(f"{their_name}_{their_what}")]
                if what == "kurtosis":
                    one = np.expm1(one)
                elif what in ("argmin", "argmax"):
                    other = other / n_steps
                elif what == "slope":
                    other = other * n_steps
                if np.ptp(one) > 0 and np.ptp(other) > 0:
                    result[name] = {
                        "pearson": float(stats.pearsonr(one, other).statistic),
                        "rank": float(stats.spearmanr(one, other).statistic),
                    }
    return result


def trimmed(signal: np.ndarray) -> np.ndarray:
    """Cut a signal to its stretch of speech, so that both sets see the same frames."""
    grid = Grid(block=1 << 30)
    (piece,) = grid.blocks(signal)
    stretch = speech_stretch(log_energy(mean_square(piece, grid, 400)))
    return signal[max(stretch.start * grid.hop - 200, 0) : stretch.stop * grid.hop + 200]


def show(report: dict) -> None:
    print(f"{report['recordings']} recordings, {report['seconds']:.0f} s; {report['versions']}")
    for name, times in report["times_real_time"].items():
        print(f"  {name:24s} {times['best']:6.0f} x real time (median {times['median']:.0f})")
    print("rank correlation over the recordings of every column")
    print(" " * 16 + " ".join(f"{what[:8]:>8s}" for what in FUNCTIONALS))
    for descriptor in DESCRIPTORS:
        for suffix in ("", "_delta"):
            cells = [
                report["agreement"].get(f"{descriptor}{suffix}_{what}", {}).get("rank", np.nan)
                for what in FUNCTIONALS
            ]
            note = DIFFERENT.get(descriptor, "")
            label = f"{descriptor}{suffix}".replace("zero_crossings", "zero_cr")
            print(f"{label:16s}" + " ".join(f"{cell:8.2f}" for cell in cells) + f"  {note}")


if __name__ == "__main__":
    main()
