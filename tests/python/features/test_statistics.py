"""Functionals against scipy, numpy and their definitions."""

import numpy as np
import pytest
from scipy import stats

from sparsetransfer.features.statistics import (
    DELTA_FUNCTIONALS,
    FUNCTIONALS,
    PITCH_FUNCTIONALS,
    apply,
)

ALL = tuple(dict.fromkeys(FUNCTIONALS + DELTA_FUNCTIONALS + PITCH_FUNCTIONALS))


@pytest.mark.parametrize("n_frames", [2, 3, 50, 501])
def test_agrees_with_scipy_and_numpy(n_frames):
    values = np.random.default_rng(0).gamma(2.0, size=(4, n_frames)) - 1.0
    time = np.arange(n_frames)
    expected = {
        "mean": values.mean(axis=1),
        "std": values.std(axis=1),
        "skewness": stats.skew(values, axis=1),
        "kurtosis": np.log(1 + stats.kurtosis(values, axis=1, fisher=False)),
        "mean_abs": np.abs(values).mean(axis=1),
        "iqr": stats.iqr(values, axis=1),
        "range": stats.iqr(values, axis=1, rng=(5, 95)),
        "slope": [(n_frames - 1) * np.polyfit(time, row, 1)[0] for row in values],
    }
    expected |= {f"p{q}": np.percentile(values, q, axis=1) for q in (5, 25, 50, 75, 95)}
    assert set(expected) == set(ALL)
    for column, name in enumerate(ALL):
        np.testing.assert_allclose(apply(values, ALL)[:, column], expected[name], atol=1e-10)


@pytest.mark.parametrize("n_frames", [1, 2, 10])
@pytest.mark.parametrize("level", [0.0, 0.1, -1e6])
def test_constant_rows_have_no_shape(n_frames, level):
    row = dict(zip(ALL, apply(np.full((1, n_frames), level), ALL)[0], strict=True))
    for name in ("mean", "p5", "p25", "p50", "p75", "p95"):
        assert row[name] == pytest.approx(level)
    assert row["mean_abs"] == pytest.approx(abs(level))
    for name in ("skewness", "kurtosis", "iqr", "range"):
        assert row[name] == 0
    for name in ("std", "slope"):
        assert row[name] == pytest.approx(0, abs=1e-9 * max(1.0, abs(level)))
