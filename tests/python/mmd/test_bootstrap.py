import numpy as np
import pytest

from sparsetransfer.mmd import two_sample_test
from sparsetransfer.mmd.permutation import bootstrap_interval


def gaussian(x, y, width):
    return np.exp(-np.square(x[:, None] - y[None]).sum(axis=2) / (2 * width**2))


def test_resamples_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(5, 2)), rng.normal(0.5, 1.0, size=(4, 2))
    found = bootstrap_interval(source, target, [1.3], np.random.default_rng(1), n_resamples=7)
    rng = np.random.default_rng(1)
    counts = [rng.multinomial(n, np.full(n, 1 / n), 7) for n in (5, 4)]
    values = []
    for first, second in zip(*counts, strict=True):
        rows = np.repeat(np.arange(5), first), np.repeat(np.arange(4), second)

        def within(side, chosen):
            apart = chosen[:, None] != chosen[None]  # a row is not compared with itself
            return gaussian(side[chosen], side[chosen], 1.3)[apart].mean()

        between = gaussian(source[rows[0]], target[rows[1]], 1.3).mean()
        values.append(within(source, rows[0]) + within(target, rows[1]) - 2 * between)
    np.testing.assert_allclose(found, np.quantile(values, [0.025, 0.975]), rtol=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_intervals_cover(shift):
    width, d = 1.5, 2
    # Of two normal distributions with unit covariance, in closed form.
    scale = (width**2 / (width**2 + 2)) ** (d / 2)
    exact = 2 * scale * (1 - np.exp(-(shift**2) * d / (2 * (width**2 + 2))))
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        source, target = rng.normal(size=(40, d)), rng.normal(shift, 1.0, size=(50, d))
        low, high = bootstrap_interval(source, target, [width], rng, n_resamples=200)
        statistic = two_sample_test(source, target, bandwidths=width, n_permutations=1).statistic
        assert low < high
        assert low - 0.05 < statistic < high + 0.05
        covered += low <= exact <= high
    assert covered >= (180 if shift else 190)  # too wide where there is no difference
