import numpy as np
import pytest


@pytest.fixture(scope="session")
def planted_shift():
    """Two domains of three classes; the target is moved along a direction that classes use too.

    A classifier of the source relies on the direction of the shift; one that must not look at it
    finds the classes elsewhere.
    """
    rng = np.random.default_rng(4)
    n_features = 12
    labels = np.arange(90) % 3
    centres = np.zeros((3, n_features))
    centres[[0, 1, 2], [0, 1, 2]] = 1.6
    centres[:, 3] = [0.0, 2.5, -2.5]  # a strong cue of the source
    source = centres[labels] + 0.7 * rng.normal(size=(90, n_features))
    centres[:, 3] *= 0.5
    target = centres[labels] + 0.7 * rng.normal(size=(90, n_features))
    target[:, 3] += 4.0
    target[:, 4] += 3.0
    return source, labels, target, labels
