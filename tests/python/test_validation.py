import os
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from sparsetransfer import _threads, mmd
from sparsetransfer import _validation as validation
from sparsetransfer._linalg import unit_rows
from sparsetransfer.dictionary import (
    Statistics,
    dict_learning,
    dict_learning_online,
    learn_dictionary,
    learn_dictionary_online,
    update_dictionary,
)
from sparsetransfer.dictionary.steps.initialisation import initial_dictionary
from sparsetransfer.evaluation.scoring.dimensions import score_dimension
from sparsetransfer.evaluation.scoring.metrics import speaker_bootstrap
from sparsetransfer.evaluation.scoring.tests import permutation_test
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.graph import knn_graph
from sparsetransfer.recognition.labelled import score_labelled
from sparsetransfer.recognition.shares import estimate_shares
from sparsetransfer.sparse_coding import lasso, omp
from sparsetransfer.subspace import TransferComponentAnalysis
from sparsetransfer.transfer import (
    DoSL,
    kernel_encode,
    sparse_regression,
    transfer_encode,
    transfer_learn,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fitting_array_is_not_copied(dtype):
    array = np.ones((3, 2), dtype)
    assert validation.check_matrix(array, "X") is array or np.shares_memory(
        validation.check_matrix(array, "X"), array
    )
    assert validation.check_matrix(array, "X").dtype == dtype


def test_other_types_and_orders_are_converted():
    assert validation.check_matrix([[1, 2], [3, 4]], "X").dtype == np.float64
    assert validation.check_matrix(np.ones((2, 2), np.float16), "X").dtype == np.float64
    turned = validation.check_matrix(np.arange(6.0).reshape(2, 3).T, "X")
    assert turned.flags.c_contiguous
    np.testing.assert_array_equal(turned, np.arange(6.0).reshape(2, 3).T)
    assert validation.check_matrix(np.ones((1, 2), np.float32), "X", dtype=float).dtype == float


def test_common_dtype_is_narrow_only_if_all_are():
    narrow, wide = np.ones(2, np.float32), np.ones(2)
    assert validation.common_dtype(narrow, None, narrow) == np.float32
    assert validation.common_dtype(narrow, wide) == np.float64
    assert validation.common_dtype([1, 2]) == np.float64


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (np.ones(3), ValueError, r"X must be a 2-D array .* got shape \(3,\); use reshape"),
        (np.ones((0, 3)), ValueError, "X must have at least 1 sample"),
        (np.ones((3, 0)), ValueError, "X must have at least 1 feature"),
        (np.ones((3, 2)), ValueError, "X must have 4 features, got 2"),
        (np.array([[0, 1, 2, np.nan]]), ValueError, r"X must be finite, got nan at \[0, 3\]"),
        (np.array([[np.inf, -np.inf, 0, 0]]), ValueError, r"X must be finite, got inf"),
        (np.ones((2, 4), complex), TypeError, "X must be real"),
        (np.array([["a", "b", "c", "d"]]), TypeError, "X must consist of numbers"),
        (np.array([["a", 1, 1, 1]], object), TypeError, "X must consist of numbers"),
        (sparse.csr_array(np.eye(4)), TypeError, "X must be a dense array, got a sparse"),
        (np.ma.masked_equal([[1, 2, 3, 4]], 2), ValueError, "X has masked entries"),
        ([[1.0, 2.0], [3.0]], TypeError, "X cannot be read as an array of numbers"),
    ],
)
def test_unfit_matrices_are_refused(value, kind, message):
    with pytest.raises(kind, match=message):
        validation.check_matrix(value, "X", n_features=4)


def test_a_finite_array_with_an_overflowing_sum_is_accepted():
    validation.check_matrix(np.full((4, 4), 3e38, np.float32), "X")


def test_vectors():
    assert validation.check_vector([1, 2], "w").dtype == np.float64
    with pytest.raises(ValueError, match="w must have 3 entries, got 2"):
        validation.check_vector([1, 2], "w", size=3)
    with pytest.raises(ValueError, match=r"w must be at least 0, got -1\.0"):
        validation.check_vector([1.0, -1.0], "w", minimum=0)
    with pytest.raises(ValueError, match="w must be a 1-D array"):
        validation.check_vector(np.ones((2, 1)), "w")


def test_scalars():
    assert validation.check_integer(np.int64(3), "k", minimum=3) == 3
    assert validation.check_real(2, "alpha", minimum=0, strict=True) == 2.0
    with pytest.raises(TypeError, match="k must be an integer, got True"):
        validation.check_integer(True, "k")
    with pytest.raises(ValueError, match="k must be at most 4, got 5"):
        validation.check_integer(5, "k", maximum=4)
    with pytest.raises(ValueError, match="alpha must be greater than 0, got 0"):
        validation.check_real(0, "alpha", minimum=0, strict=True)
    with pytest.raises(ValueError, match="alpha must be finite"):
        validation.check_real(float("nan"), "alpha")
    with pytest.raises(TypeError, match="alpha must be a real number, got '1'"):
        validation.check_real("1", "alpha")


def test_threads_follow_argument_then_environment(monkeypatch):
    monkeypatch.setattr(_threads, "_limits", [])
    monkeypatch.setenv("SPARSETRANSFER_NUM_THREADS", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert validation.resolve_threads(7) == 7
    assert validation.resolve_threads(None) == 3
    monkeypatch.delenv("SPARSETRANSFER_NUM_THREADS")
    assert validation.resolve_threads(None) == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="OMP_NUM_THREADS must be an integer between 1"):
        validation.resolve_threads(None)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert validation.resolve_threads(None) == validation.resolve_threads(-1)
    assert validation.resolve_threads(-10_000) == 1
    with pytest.raises(ValueError, match="n_jobs must be positive"):
        validation.resolve_threads(0)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_threads_respect_affinity_and_quota(monkeypatch, tmp_path):
    limit = tmp_path / "cpu.max"
    monkeypatch.setattr(_threads, "_CGROUP_LIMIT", limit)
    monkeypatch.setattr(_threads, "_limits", [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    assert validation.resolve_threads(-1) == 6
    for quota, expected in (("max 100000", 6), ("250000 100000", 3)):
        limit.write_text(f"{quota}\n")
        _threads._processors_of_quota.cache_clear()  # which keeps it for a second
        assert validation.resolve_threads(-1) == expected
    assert validation.resolve_threads(-1) == 3
    assert validation.resolve_threads(-2) == 2


@pytest.mark.parametrize(
    "given", [np.float16, ">f8", ">f4", np.longdouble, np.int16, np.uint8, np.bool_, object]
)
def test_whatever_is_not_float32_gives_float64_everywhere(given):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (24, 4)).astype(given)
    X[:, 0] = given == np.bool_
    D = rng.normal(size=(3, 4))
    wanted = np.float64
    atoms = D.astype(wanted)
    domains = np.repeat([1, -1], 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [
            lasso(X, atoms, 0.5).codes,
            omp(X, atoms, 1).codes,
            learn_dictionary(X, 3, alpha=0.5, rng=0, max_iter=2).components,
            mmd.linear(X[:12], X[12:], gradient=True).gradient_source,
            mmd.gaussian(X[:12], X[12:], bandwidths=1.0, gradient=True).gradient_source,
            knn_graph(X, 3).data,
            transfer_encode(X, atoms, domains, alpha=0.5).codes,
            kernel_encode(X, atoms, domains, alpha=0.5, tol=0.1).codes,
            transfer_learn(X, atoms, domains, alpha=0.5, max_iter=2).components,
            sparse_regression(X, np.ones((24, 1), wanted), l1=1.0).coef,
            DoSL().fit(X, domains > 0, sample_domain=np.tile([1, 1, -1], 8)).coef_,
            TransferComponentAnalysis(2).fit_transform(X, sample_domain=domains),
        ]
    assert [one.dtype for one in found] == [wanted] * len(found)


class Exported:
    """An array of another library, known by the exchange protocol alone."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_other_libraries_share_their_memory(dtype):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    taken = validation.check_matrix(Exported(array), "X")
    assert taken.dtype == dtype
    assert np.shares_memory(taken, array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_share_their_memory(dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensor = torch.ones(2, 3, dtype=getattr(torch, dtype))
    assert np.shares_memory(validation.check_matrix(tensor, "X"), tensor.numpy())


def test_an_array_on_another_device_is_refused():
    class Elsewhere(Exported):
        def __dlpack__(self, **options):
            raise BufferError("unsupported device")

    with pytest.raises(TypeError, match="X must lie in the memory of the CPU, got a Elsewhere"):
        validation.check_matrix(Elsewhere(np.zeros((2, 2)), (2, 0)), "X")


X = np.random.default_rng(0).normal(size=(40, 3))
LABELS = np.arange(40) % 2
NAMES = np.array(["a", "b"])[LABELS]
DRAWS = {
    "learn_dictionary": lambda rng: learn_dictionary(X, 2, alpha=0.1, rng=rng, max_iter=1),
    "learn_dictionary_online": lambda rng: learn_dictionary_online(X, 2, alpha=0.1, rng=rng),
    "initial_dictionary": lambda rng: initial_dictionary(X, 2, rng=rng),
    "two_sample_test": lambda rng: mmd.two_sample_test(X, X, n_permutations=9, rng=rng),
    "DriftDetector": lambda rng: mmd.DriftDetector(X, window=10, rng=rng),
    "random_features": lambda rng: mmd.random_features(X, X, rng=rng),
    "score_labelled": lambda rng: score_labelled(NAMES, NAMES, ("a", "b"), rng=rng),
    "estimate_shares": lambda rng: estimate_shares([3, 5], [[4, 1], [1, 4]], rng=rng),
    "speaker_bootstrap": lambda rng: speaker_bootstrap(NAMES, NAMES, LABELS, ["a", "b"], rng=rng),
    "permutation_test": lambda rng: permutation_test(
        NAMES, NAMES, NAMES, np.arange(40), ["a", "b"], rng=rng
    ),
    "score_dimension": lambda rng: score_dimension(LABELS, X[:, 0], LABELS, rng=rng),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", DRAWS)
def test_a_bad_generator_is_named(name):
    for rng in (-1, 1.5, "seed", np.nan):
        with pytest.raises(
            (TypeError, ValueError),
            match=r"rng must be an integer of at least 0, a generator or None, got",
        ):
            DRAWS[name](rng)
    DRAWS[name](np.random.default_rng(0))
    DRAWS[name](0)


def test_masked_entries_are_refused_in_vectors_and_under_a_mask_too():
    masked = np.ma.masked_array(np.ones((2, 2)), np.eye(2) > 0)
    with pytest.raises(ValueError, match="weights has masked entries"):
        validation.check_vector(masked[0], "weights")
    with pytest.raises(ValueError, match="X has masked entries"):
        validation.check_masked(masked, "X", "nan")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_unit_length_at_any_size(dtype):
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    largest, least = np.finfo(dtype).maxexp, np.finfo(dtype).minexp
    for exponent in (0, largest - 3, least + 20, largest // 2, least // 2):
        found = unit_rows(np.ldexp(rows, exponent))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(unit_rows(np.zeros((2, 3), dtype)), 0)


@pytest.mark.parametrize("strange", [["fista"], {}, np.array(["fista"]), 3, None])
def test_names_of_choices_that_are_no_names_are_refused_by_name(strange):
    signals, domains = np.eye(4), [1, 1, -1, -1]
    with pytest.raises(ValueError, match="algorithm must be one of"):
        lasso(signals, np.eye(4), alpha=0.1, algorithm=strange)
    with pytest.raises(ValueError, match="solver must be one of"):
        transfer_encode(signals, np.eye(4), domains, solver=strange)
    with pytest.raises(ValueError, match="dictionary_update must be one of"):
        transfer_learn(signals, np.eye(4), domains, dictionary_update=strange)


def test_a_multiplier_that_is_no_sequence_is_refused_by_name():
    for kernel in (mmd.gaussian, mmd.laplace, mmd.two_sample_test):
        with pytest.raises(TypeError, match=r"multipliers must be a sequence of numbers, got 2\.0"):
            kernel(np.eye(3), np.ones((2, 3)), multipliers=2.0)


COUNTED = {
    "max_iter": lambda n: transfer_encode(
        np.eye(4), np.eye(4), [1, 1, -1, -1], alpha=0.1, max_iter=n
    ),
    "n_epochs": lambda n: learn_dictionary_online(np.eye(4), 2, alpha=0.1, n_epochs=n),
    "batch_size": lambda n: learn_dictionary_online(np.eye(4), 2, alpha=0.1, batch_size=n),
    "n_components": lambda n: learn_dictionary(np.eye(4), n, alpha=0.1),
    "passes": lambda n: update_dictionary(np.eye(4), Statistics(4, 4), passes=n),
    "n_jobs": lambda n: lasso(np.eye(4), np.eye(4), 0.1, n_jobs=n),
}


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("count", [2**31, 2**70])
def test_what_kernels_cannot_count_is_refused_before_the_work(name, count):
    with pytest.raises(ValueError, match=f"^{name} must be at most 2147483647, got {count}$"):
        COUNTED[name](count)


@pytest.mark.parametrize(
    "value", [10**400, Fraction(10**400), float("inf"), np.longdouble("1e4000")]
)
def test_numbers_beyond_a_float_are_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^alpha must be finite, got"):
        lasso([[1.0]], [[1.0]], alpha=value)


@pytest.mark.parametrize("value", ["x", 3, None, ["lars"], np.array(["lars", "cd"])])
def test_unknown_choices_are_refused_by_the_name_the_caller_gave(value):
    for learn in (dict_learning, dict_learning_online):
        with pytest.raises(ValueError, match=r"^method must be one of lars, cd, got"):
            learn(np.eye(4), 2, alpha=0.1, method=value)
    with pytest.raises(ValueError, match=r"^rule must be one of omp, ols, got"):
        omp(np.eye(4), np.eye(4), 1, rule=value)
    with pytest.raises(ValueError, match=r"^kernel must be one of gaussian, laplace"):
        mmd.witness(np.eye(4), np.eye(4), np.eye(4), kernel=value)
