"""Functionals against scipy, numpy and their definitions."""

import numpy as np
import pytest
from scipy import stats

from sparsetransfer.features.sets.statistics import (
    CHALLENGE_FUNCTIONALS,
    DELTA_FUNCTIONALS,
    FUNCTIONALS,
    PITCH_FUNCTIONALS,
    apply,
)

ALL = tuple(
    dict.fromkeys(
        (*FUNCTIONALS, *DELTA_FUNCTIONALS, *PITCH_FUNCTIONALS, *CHALLENGE_FUNCTIONALS, "curvature")
    )
)


def _bend(row):
    """How far the fitted parabola's ends lie above its middle, on average."""
    if row.size < 3:
        return 0.0
    time = np.linspace(-1.0, 1.0, row.size)
    parabola = np.polynomial.Polynomial.fit(time, row, 2).convert()
    return (parabola(-1) + parabola(1)) / 2 - parabola(0)


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
    lines = [np.polynomial.Polynomial.fit(time, row, 1) for row in values]
    expected |= {
        "min": values.min(axis=1),
        "max": values.max(axis=1),
        "span": np.ptp(values, axis=1),
        "argmin": values.argmin(axis=1) / (n_frames - 1),
        "argmax": values.argmax(axis=1) / (n_frames - 1),
        "offset": [line(0) for line in lines],
        "line_error": [
            np.mean((row - line(time)) ** 2) for row, line in zip(values, lines, strict=True)
        ],
        "curvature": [_bend(row) for row in values],
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
    assert row["offset"] == pytest.approx(level)
    for name in ("skewness", "kurtosis", "iqr", "range", "span", "argmin", "argmax"):
        assert row[name] == 0
    for name in ("std", "slope", "line_error", "curvature"):
        assert row[name] == pytest.approx(0, abs=1e-9 * max(1.0, abs(level)))
