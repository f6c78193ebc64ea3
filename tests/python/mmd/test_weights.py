import numpy as np
import pytest

from sparsetransfer import mmd
from sparsetransfer.exceptions import DomainError


def test_labels_give_the_mean_of_the_classes_discrepancies(domains):
    source, target = domains
    ys, yt = np.arange(13) % 3, np.arange(9) % 4
    source_weights, target_weights, classes = mmd.class_weights(ys, yt)
    assert classes.tolist() == [0, 1, 2]
    joint = mmd.linear(source, target, source_weights=source_weights, target_weights=target_weights)
    single = [mmd.linear(source[ys == c], target[yt == c]).value for c in classes]
    assert joint.value == pytest.approx(np.mean(single))


def test_marginal_column_comes_first():
    ys, yt = np.array(["a", "b"] * 6 + ["c"]), np.array(["b", "a", "b"] * 3)
    source_weights, target_weights, classes = mmd.class_weights(ys, yt, marginal=True)
    assert classes.tolist() == ["a", "b"]
    assert source_weights.shape == (13, 3)
    assert (source_weights[:, 0] == 1).all()
    assert (target_weights[:, 0] == 1).all()


def test_one_hot_probabilities_equal_labels():
    ys, yt = np.array([3, 1, 1, 2]), np.array([1, 2, 3, 3, 1])
    hard = mmd.class_weights(ys, yt)
    soft = mmd.class_weights(ys, target_probabilities=yt[:, None] == np.array([1, 2, 3]))
    for left, right in zip(hard, soft, strict=True):
        np.testing.assert_array_equal(left, right)
    order = [3, 1, 2]
    _, _, classes = mmd.class_weights(
        ys, target_probabilities=np.full((5, 3), 1 / 3), classes=order
    )
    assert classes.tolist() == order


def test_unfit_arguments_are_refused():
    with pytest.raises(ValueError, match="give either target_labels or target_probabilities"):
        mmd.class_weights([0, 1])
    with pytest.raises(DomainError, match="no class occurs in both"):
        mmd.class_weights([0, 1], [2, 3])
    with pytest.raises(ValueError, match="target_probabilities must have 2 features, got 3"):
        mmd.class_weights([0, 1], target_probabilities=np.ones((4, 3)))
    with pytest.raises(ValueError, match="target_probabilities must not be negative"):
        mmd.class_weights([0, 1], target_probabilities=-np.ones((4, 2)))
    with pytest.raises(ValueError, match="source_labels must be a 1-D array"):
        mmd.class_weights([], [2, 3])
