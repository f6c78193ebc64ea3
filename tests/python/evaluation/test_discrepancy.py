import numpy as np
import pytest

from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.scoring.discrepancy import measure_discrepancy, project_2d


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 5)), rng.standard_normal((30, 5)) + 0.7


def test_equal_rows_have_no_discrepancy_and_far_ones_have_much(rows):
    source, target = rows
    same = measure_discrepancy(source, source)
    assert same.linear == 0
    assert same.gaussian == pytest.approx(0, abs=1e-12)
    assert (
        measure_discrepancy(source, target).gaussian
        < measure_discrepancy(source, target + 5).gaussian
    )


def test_no_unit_and_symmetric(rows):
    one = measure_discrepancy(*rows)
    two = measure_discrepancy(*(1000.0 * part for part in rows))
    swapped = measure_discrepancy(*rows[::-1])
    assert one.linear == pytest.approx(two.linear)
    assert one.gaussian == pytest.approx(two.gaussian)
    assert one.linear == pytest.approx(swapped.linear)
    assert one.gaussian == pytest.approx(swapped.gaussian)


def test_linear_equals_its_definition_and_vanishes_after_standardising(rows):
    source, target = rows
    energy = np.mean((np.vstack(rows) ** 2).sum(1))
    expected = ((source.mean(0) - target.mean(0)) ** 2).sum() / energy
    assert measure_discrepancy(source, target).linear == pytest.approx(expected)
    z = measure_discrepancy(standardise(source), standardise(target))
    assert z.linear == pytest.approx(0, abs=1e-25)
    assert z.gaussian > 1e-3


def test_projection_keeps_the_most_variance_and_its_sign(rows):
    source, target = project_2d(*rows)
    joint = np.vstack(rows)
    centred = joint - joint.mean(0)
    largest = np.linalg.eigvalsh(centred.T @ centred)[-2:].sum()
    assert (np.vstack([source, target]) ** 2).sum() == pytest.approx(largest)
    again = project_2d(rows[0][::-1], rows[1])
    np.testing.assert_allclose(again[0][::-1], source)


def test_projection_of_one_column():
    source, target = project_2d(np.array([[0.0], [2.0]]), np.array([[4.0]]))
    assert source.tolist() == [[-2.0, 0.0], [0.0, 0.0]]
    assert target.tolist() == [[2.0, 0.0]]


def test_equal_rows_everywhere_are_no_error():
    assert measure_discrepancy(np.zeros((3, 2)), np.zeros((4, 2))).as_dict() == {
        "linear": 0.0,
        "gaussian": 0.0,
    }
    assert measure_discrepancy(np.ones((3, 2)), np.ones((4, 2))).as_dict() == {
        "linear": 0.0,
        "gaussian": 0.0,
    }
