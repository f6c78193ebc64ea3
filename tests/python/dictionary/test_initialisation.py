"""First dictionaries: unit atoms, reproducible, sensible on degenerate signals."""

import numpy as np
import pytest

from sparsetransfer.dictionary.steps.initialisation import initial_dictionary

METHODS = ("samples", "spread", "svd")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atoms_have_length_one_and_follow_the_seed(method, dtype):
    X = np.random.default_rng(0).normal(size=(50, 12)).astype(dtype)
    atoms = initial_dictionary(X, 9, init=method, rng=3)
    assert atoms.shape == (9, 12)
    assert atoms.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(atoms, initial_dictionary(X, 9, init=method, rng=3))
    same = np.array_equal(atoms, initial_dictionary(X, 9, init=method, rng=4))
    assert same == (method == "svd")


@pytest.mark.parametrize("shape", [(50, 12), (8, 12)])
def test_svd_atoms_are_the_right_singular_vectors(shape):
    X = np.random.default_rng(1).normal(size=shape)
    atoms = initial_dictionary(X, 5, init="svd")
    vectors = np.linalg.svd(X)[2][:5]
    np.testing.assert_allclose(np.abs(np.sum(atoms * vectors, axis=1)), 1, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_too_few_directions_leave_zero_atoms(method):
    X = np.zeros((6, 4))
    X[[1, 3]] = np.eye(4)[:2]
    atoms = initial_dictionary(X, 5, init=method, rng=0)
    assert sorted(np.linalg.norm(atoms, axis=1)) == pytest.approx([0, 0, 0, 1, 1])
    assert np.linalg.matrix_rank(atoms) == 2


def test_spread_avoids_parallel_signals():
    rng = np.random.default_rng(2)
    directions = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    X = directions[rng.integers(8, size=200)] * rng.normal(size=(200, 1))
    atoms = initial_dictionary(X, 8, init="spread", rng=0)
    assert np.linalg.matrix_rank(atoms, tol=1e-6) == 8
    drawn = initial_dictionary(X, 8, init="samples", rng=0)
    assert np.linalg.matrix_rank(drawn, tol=1e-6) < 8


def test_positive_atoms():
    X = np.random.default_rng(3).normal(size=(30, 6))
    for method in METHODS:
        assert initial_dictionary(X, 6, init=method, positive=True, rng=0).min() >= 0


def test_a_generator_is_advanced():
    X = np.random.default_rng(4).normal(size=(30, 6))
    rng = np.random.default_rng(0)
    assert not np.array_equal(initial_dictionary(X, 6, rng=rng), initial_dictionary(X, 6, rng=rng))


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="init must be one of"):
        initial_dictionary(np.eye(3), 2, init="pca")
    with pytest.raises(ValueError, match="X must be finite"):
        initial_dictionary(np.full((3, 3), np.inf), 2)


@pytest.mark.parametrize("init", METHODS)
def test_the_unit_of_the_signals_does_not_matter(init):
    X = np.random.default_rng(8).normal(size=(30, 6))
    for exponent in (-800, 600):
        far = initial_dictionary(np.ldexp(X, exponent), 9, init=init, rng=2)
        np.testing.assert_allclose(far, initial_dictionary(X, 9, init=init, rng=2), rtol=1e-9)
