import numpy as np
import pytest
from scipy.stats import pearsonr

from sparsetransfer.evaluation import concordance
from sparsetransfer.evaluation.scoring.dimensions import score_dimension


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(80)
    return truth, 0.6 * truth + 0.5 * rng.standard_normal(80) + 0.3


def test_figures_equal_their_definitions(values):
    truth, found = values
    result = score_dimension(truth, found)
    assert result.pearson == pytest.approx(pearsonr(truth, found)[0])
    assert result.rmse == pytest.approx(np.linalg.norm(truth - found) / np.sqrt(80))
    # Lin's coefficient is the correlation times the bias correction C_b.
    scale, shift = truth.std() / found.std(), truth.mean() - found.mean()
    bias = 2 / (scale + 1 / scale + shift**2 / (truth.std() * found.std()))
    assert result.ccc == pytest.approx(result.pearson * bias)
    assert np.isnan(result.interval).all()


def test_concordance_is_lost_by_shift_and_scale_and_correlation_is_not(values):
    truth, _ = values
    assert concordance(truth, truth) == pytest.approx(1)
    assert concordance(truth, -truth + 2 * truth.mean()) == pytest.approx(-1)
    assert concordance(truth, truth + 1) < 0.8
    assert score_dimension(truth, 3 * truth + 1).pearson == pytest.approx(1)


def test_constants():
    assert concordance([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert concordance([1.0, 1.0], [2.0, 2.0]) == 0.0
    assert np.isnan(score_dimension([1.0, 2.0], [1.0, 1.0]).pearson)


def test_interval_covers_the_figure_and_widens_with_clusters(values):
    truth, found = values
    many = score_dimension(truth, found, np.arange(80).astype(str))
    few = score_dimension(
        truth, found + np.repeat([0, 1.5, -1, 0.5], 20), np.repeat(list("abcd"), 20)
    )
    low, high = many.interval
    assert low < many.ccc < high
    assert few.interval[1] - few.interval[0] > high - low


@pytest.mark.parametrize(
    ("truth", "found"), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [1.0, 2.0])]
)
def test_what_has_no_figure_is_refused(truth, found):
    with pytest.raises(ValueError, match="truth and predictions must be"):
        concordance(truth, found)
