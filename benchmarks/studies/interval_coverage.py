"""How often intervals of the UAR over speakers hold the UAR of all speakers.

Studies are drawn from a population of speakers, whose recalls differ by a normal effect of the
speaker and one of speaker and class on the logit scale: ``python benchmarks/studies/interval_coverage.py``.
"""

import argparse
import warnings

import numpy as np
from scipy.special import expit, logit
from scipy.stats import bootstrap, t

from sparsetransfer.evaluation.scoring.metrics import unweighted_average_recall

CLASSES, RECORDINGS, POPULATION = 4, 10, 400_000  # recordings per speaker and class


def draw(n, recall, spread, rng):
    """Return the confusion matrix of each of n speakers."""
    effects = rng.normal(0, spread, (n, 1)) + rng.normal(0, spread, (n, CLASSES))
    hits = rng.binomial(RECORDINGS, expit(logit(recall) + effects))
    tables = np.zeros((n, CLASSES, CLASSES), dtype=int)
    for k in range(CLASSES):
        tables[:, k, k] = hits[:, k]
        tables[:, k, (k + 1) % CLASSES] = RECORDINGS - hits[:, k]
    return tables


def uar(tables):
    return unweighted_average_recall(tables)


def intervals(tables, rng):
    """Return intervals of 95 % by the bootstrap and by Student's t with a jackknifed error."""
    n = len(tables)

    def resampled(drawn, axis=-1):
        drawn = np.moveaxis(np.asarray(drawn), axis, -1)
        times = np.stack([(drawn == j).sum(-1) for j in range(n)], -1)
        return uar(np.tensordot(times, tables, axes=1))

    found = {
        method: tuple(
            bootstrap(
                (np.arange(n),), resampled, n_resamples=1000, method=method, rng=rng
            ).confidence_interval
        )
        for method in ("percentile", "BCa")
    }
    whole = tables.sum(axis=0)
    without = uar(whole - tables)
    error = np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))
    reach = t.ppf(0.975, n - 1) * error
    centre = float(uar(whole[None])[0])
    return found | {"jackknife t": (centre - reach, centre + reach)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=600)
    parser.add_argument("--speakers", type=int, nargs="+", default=[4, 6, 10])
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    for n in arguments.speakers:
        for recall, spread in ((0.6, 0.5), (0.85, 0.8)):
            truth = float(uar(draw(POPULATION, recall, spread, rng).sum(axis=0)[None])[0])
            held: dict[str, list[bool]] = {}
            for _ in range(arguments.studies):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # all speakers alike: no acceleration
                    for name, (low, high) in intervals(draw(n, recall, spread, rng), rng).items():
                        held.setdefault(name, []).append(low <= truth <= high)
            shares = "  ".join(f"{name} {100 * np.mean(part):.1f} %" for name, part in held.items())
            print(f"{n} speakers, recall {recall}, spread {spread}: {shares}", flush=True)


if __name__ == "__main__":
    main()
