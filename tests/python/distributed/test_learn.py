import errno
import warnings
from functools import partial

import numpy as np
import pytest
from scipy import sparse

from sparsetransfer.dictionary import learn_dictionary
from sparsetransfer.dictionary.steps.initialisation import initial_dictionary
from sparsetransfer.distributed import Chunk, Chunks, Local, learn
from sparsetransfer.exceptions import ConvergenceWarning, DomainError
from sparsetransfer.graph import knn_graph, laplacian
from sparsetransfer.transfer import couple_classes, couple_domains, transfer_encode


def make(n=300, d=12, k=9, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(k, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = rng.normal(size=(n, k)) * (rng.random((n, k)) < 0.3)
    return codes @ atoms + 0.05 * rng.normal(size=(n, d)) + shift


def pair(chunk_size=70):
    source, target = make(200), make(150, seed=1, shift=0.2)
    chunks = Chunks.from_array(source, chunk_size=chunk_size) + Chunks.from_array(
        target, chunk_size=chunk_size, domain=-1
    )
    return source, target, chunks


def quiet(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return learn(*args, **options)


@pytest.mark.parametrize("chunk_size", [1000, 64, 7])
def test_equals_learning_in_memory(chunk_size):
    X = make()
    first = initial_dictionary(X, 9, rng=0)
    options = {"alpha": 0.1, "dict_init": first, "max_iter": 15}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = learn_dictionary(X, 9, tol=0.0, **options)
        found = learn(Chunks.from_array(X, chunk_size=chunk_size), 9, tol=0.0, **options)
    np.testing.assert_allclose(found.components, whole.components, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("mmd", "l2"), [(0.5, 0.0), (60.0, 0.0), (600.0, 0.0), (60.0, 0.05)])
@pytest.mark.parametrize("n_components", [9, 20])
def test_coupled_codes_are_those_of_the_coupled_solver(mmd, l2, n_components):
    source, target, chunks = pair()
    X = np.vstack([source, target])
    domain = np.repeat([1, -1], [200, 150])
    components = initial_dictionary(X, n_components, rng=0)
    found = quiet(
        chunks,
        n_components,
        alpha=0.1,
        mmd=mmd,
        l2=l2,
        dict_init=components,
        max_iter=1,
        coupling_tol=1e-9,
    )
    peer = transfer_encode(
        X, components, alpha=0.1, mmd=mmd, l2=l2, sample_domain=domain, kkt_tol=1e-8
    )
    assert found.objective == pytest.approx(peer.objective, rel=2e-9)
    assert found.objective - peer.objective <= found.duality_gap + 1e-9 * peer.objective
    assert found.duality_gap <= 1e-9 * found.objective
    means = peer.codes[:200].mean(axis=0) - peer.codes[200:].mean(axis=0)
    if n_components <= 12:  # with more atoms than features codes are not unique
        np.testing.assert_allclose(found.offset, means, atol=1e-5)


def block_laplacian(chunks, **options):
    """Return the Laplacian of all samples whose edges stay within chunks."""
    graphs = [knn_graph(chunk.load(np.dtype(float)), 5, weights="cosine") for chunk in chunks]
    return sparse.csr_array(sparse.block_diag([laplacian(graph, **options) for graph in graphs]))


@pytest.mark.parametrize("n_components", [9, 20])
@pytest.mark.parametrize(("mmd", "gamma"), [(0.0, 0.5), (60.0, 0.1), (60.0, 2.0), (600.0, 1.0)])
def test_a_graph_within_chunks_gives_the_codes_of_the_block_graph(mmd, gamma, n_components):
    source, target, chunks = pair()
    X = np.vstack([source, target])
    components = initial_dictionary(X, n_components, rng=0)
    terms = {"alpha": 0.1, "mmd": mmd, "l2": 0.01, "laplacian": gamma}
    found = quiet(
        chunks,
        n_components,
        dict_init=components,
        max_iter=1,
        normalized_laplacian=True,
        coupling_tol=1e-8,
        **terms,
    )
    peer = transfer_encode(
        X,
        components,
        np.repeat([1, -1], [200, 150]),
        graph=block_laplacian(chunks, normalized=True),
        kkt_tol=1e-9,
        **terms,
    )
    assert found.objective == pytest.approx(peer.objective, rel=2e-8)
    assert found.objective - peer.objective <= found.duality_gap + 1e-9 * peer.objective
    assert found.duality_gap <= 2e-8 * found.objective


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize(("mmd", "conditional"), [(60.0, 1.0), (600.0, 0.3)])
def test_classes_are_coupled_like_those_of_the_coupled_solver(mmd, conditional, gamma):
    source, target, chunks = pair()
    X, domain = np.vstack([source, target]), np.repeat([1, -1], [200, 150])
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 350).astype(object)
    labels[rng.random(350) < 0.2] = None  # some are not known
    labels[(labels == 3) & (domain > 0)] = None  # and one class is the target's alone
    components = initial_dictionary(X, 12, rng=0)
    terms = {"alpha": 0.1, "mmd": mmd, "l2": 0.01, "laplacian": gamma}
    found = quiet(
        chunks.with_labels(labels),
        12,
        conditional=conditional,
        dict_init=components,
        max_iter=1,
        coupling_tol=1e-8,
        **terms,
    )
    coupling = couple_domains(domain) + conditional * couple_classes(domain, labels)
    graph = block_laplacian(chunks) if gamma else None
    peer = transfer_encode(X, components, coupling=coupling, graph=graph, kkt_tol=1e-9, **terms)
    assert found.objective == pytest.approx(peer.objective, rel=2e-8)
    assert found.duality_gap <= 2e-8 * found.objective
    np.testing.assert_allclose(found.offset, peer.mean_difference, atol=1e-5)
    assert found.n_passes <= 20


def test_alternations_with_graph_and_classes_never_rise():
    _, _, chunks = pair()
    labels = np.arange(350) % 3
    found = quiet(
        chunks.with_labels(labels),
        9,
        alpha=0.1,
        mmd=60.0,
        conditional=0.5,
        laplacian=0.5,
        l2=0.01,
        max_iter=15,
        rng=0,
    )
    assert (np.diff(found.history) <= 1e-7 * found.history[:-1]).all()
    assert found.history[-1] < found.history[0]


def test_labels_are_checked():
    chunks = Chunks.from_array(make(20), chunk_size=8)
    with pytest.raises(ValueError, match=r"labels must have shape \(20,\), got \(19,\)"):
        chunks.with_labels(np.zeros(19))
    with pytest.raises(ValueError, match="masked ones only"):
        chunks.with_labels(np.full(20, -1))
    with pytest.raises(ValueError, match=r"chunk a: labels must have shape \(3,\)"):
        Chunks([Chunk("a", lambda: np.eye(3), 3, 3, labels=np.zeros(2, dtype=int))])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"conditional": 1.0}, ValueError, "relative to mmd, which is 0"),
        ({"conditional": 1.0, "mmd": 1.0}, DomainError, "a class occurs in source and target"),
        ({"conditional": -1.0, "mmd": 1.0}, ValueError, "conditional"),
        ({"laplacian": -1.0}, ValueError, "laplacian"),
        ({"laplacian": 1.0, "alpha": 0.0}, ValueError, "alpha must be positive"),
        ({"laplacian": 1.0, "n_neighbors": 0}, ValueError, "n_neighbors"),
        ({"laplacian": 1.0, "n_neighbors": 60}, ValueError, r"chunk rows 140-199 has no graph"),
        ({"graph_weights": "flat"}, ValueError, "graph_weights must be one of"),
    ],
)
def test_terms_that_cannot_be_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        learn(pair()[2], 9, **{"alpha": 0.1, **options})


def test_a_strong_coupling_takes_few_passes():
    for seed in range(3):
        found = quiet(pair()[2], 20, alpha=0.05, mmd=600.0, max_iter=1, rng=seed)
        assert found.duality_gap <= 1e-7 * found.objective
        assert found.n_passes <= 15


def test_learning_with_a_coupling_lowers_the_objective_and_the_offset():
    chunks = pair()[2]
    free, weak, coupled = (
        quiet(chunks, 9, alpha=0.1, mmd=mmd, max_iter=10, rng=0) for mmd in (0.0, 1.0, 60.0)
    )
    slack = 1e-6 * coupled.history[0]
    assert (np.diff(coupled.history) <= slack).all()
    assert np.linalg.norm(coupled.offset) < np.linalg.norm(weak.offset) / 3
    assert (free.offset == 0).all()
    assert (np.linalg.norm(coupled.components, axis=1) <= 1 + 1e-12).all()


def test_the_same_order_of_blocks_gives_the_same_bits():
    chunks = pair()[2]
    runs = [quiet(chunks, 9, alpha=0.1, mmd=60.0, max_iter=4, rng=0, n_jobs=n) for n in (1, 2, 7)]
    for run in runs[1:]:
        assert run.components.tobytes() == runs[0].components.tobytes()


def test_codes_need_not_be_kept():
    chunks = pair()[2]
    kept, dropped = (
        quiet(chunks, 9, alpha=0.1, max_iter=4, rng=0, engine=Local(keep_codes=keep))
        for keep in (True, False)
    )
    np.testing.assert_allclose(kept.components, dropped.components, atol=1e-7)


@pytest.mark.parametrize("keep", [True, False])
def test_codes_are_written_and_belong_to_the_objective(tmp_path, keep):
    source, target, chunks = pair()
    found = quiet(
        chunks,
        9,
        alpha=0.1,
        mmd=5.0,
        max_iter=3,
        rng=0,
        codes_to=tmp_path / "codes",
        engine=Local(keep_codes=keep),
    )
    files = sorted((tmp_path / "codes").iterdir())
    assert [file.name for file in files] == [f"codes-{i:06d}.npz" for i in range(len(chunks))]
    codes = sparse.vstack([sparse.load_npz(file) for file in files]).toarray()
    X = np.vstack([source, target])
    m = np.repeat([1 / 200, -1 / 150], [200, 150])
    mu = 5.0 / (m @ m)
    value = (
        0.5 * np.sum((X - codes @ found.components_coded) ** 2)
        + 0.1 * np.abs(codes).sum()
        + 0.5 * mu * np.sum((m @ codes) ** 2)
    )
    assert found.objective == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize("former", [False, True], ids=["", "former names"])
def test_a_killed_run_goes_on_to_the_same_answer(tmp_path, former):
    class Killed(Exception):
        pass

    def kill(number, *_):
        if number == 3:
            raise Killed

    chunks = pair()[2]
    options = {"alpha": 0.1, "mmd": 10.0, "max_iter": 6, "rng": 0, "tol": 0.0}
    whole = quiet(chunks, 9, **options)
    path = tmp_path / "run.npz"
    with pytest.raises(Killed):
        quiet(chunks, 9, **options, checkpoint=path, progress=kill)
    if former:
        with np.load(path) as file:
            found = {name: file[name] for name in file.files}
        np.savez(path, pull=found.pop("multipliers"), **found)
    numbers = []
    resumed = quiet(
        chunks, 9, **options, checkpoint=path, progress=lambda number, *_: numbers.append(number)
    )
    assert numbers == [4, 5, 6]
    np.testing.assert_allclose(resumed.components, whole.components, atol=1e-6)
    np.testing.assert_allclose(resumed.history, whole.history, rtol=1e-8)
    again = quiet(chunks, 9, **options, checkpoint=path)
    assert again.n_iter == 6
    # The last dictionary step has improved what the last pass had coded.
    assert again.objective <= whole.objective
    with pytest.raises(ValueError, match="other data or settings"):
        quiet(chunks, 9, **{**options, "alpha": 0.2}, checkpoint=path)
    with np.load(path) as file:
        found = {name: file[name] for name in file.files}
    for name in ("components", "multipliers"):
        for damaged in (found[name] * np.nan, found[name][:-1], found[name].astype(str)):
            np.savez(path, **{**found, name: damaged})
            with pytest.raises(ValueError, match=f"holds no {name} of this run"):
                quiet(chunks, 9, **options, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="cannot be read"):
        quiet(chunks, 9, **options, checkpoint=path)


@pytest.mark.parametrize(
    ("mmd", "gamma", "offset"),
    [(0, 0, 0), (0, 0, 100), (0, 0.3, 0), (0, 0.3, 100), (5, 0, 0), (5, 0, 100), (5, 0.3, 0)],
)
def test_float32_is_kept_and_certified(tmp_path, mmd, gamma, offset):
    parts = [(part + offset).astype(np.float32) for part in pair()[:2]]
    chunks = Chunks.from_array(parts[0]) + Chunks.from_array(parts[1], domain=-1)
    found = quiet(
        chunks,
        9,
        alpha=0.1,
        mmd=mmd,
        laplacian=gamma,
        graph_weights="binary",
        dtype=np.float32,
        max_iter=2,
        rng=0,
        coupling_tol=1e-4,
        codes_to=tmp_path,
    )
    assert found.components.dtype == np.float32
    saved = [sparse.load_npz(path).toarray() for path in sorted(tmp_path.glob("*.npz"))]
    codes = np.vstack(saved).astype(np.longdouble)
    X, D = np.vstack(parts).astype(np.longdouble), found.components_coded.astype(np.longdouble)
    gradient = (codes @ D - X) @ D.T
    if gamma:
        graphs = [laplacian(knn_graph(part, 5, weights="binary")) for part in parts]
        gradient += gamma * (sparse.block_diag(graphs).toarray() @ codes)
    if mmd:
        m = np.repeat([1 / 200, -1 / 150], [200, 150])
        gradient += mmd / (m @ m) * np.outer(m, m) @ codes
    off = np.where(
        codes != 0, abs(gradient + 0.1 * np.sign(codes)), np.maximum(abs(gradient) - 0.1, 0)
    )
    assert found.kkt_violation >= 0.99 * off.max() - 1e-12


@pytest.mark.parametrize("offset", [10.0, 100.0])
def test_a_graph_and_means_that_cannot_be_matched_do_not_diverge(offset):
    """Atoms of features with an offset are nearly equal: a step too far has codes of any size."""
    source, target = (part[:40] + offset for part in pair()[:2])
    chunks = Chunks.from_array(source) + Chunks.from_array(target, domain=-1)
    of_zero_codes = ((source**2).sum() + (target**2).sum()) / 2
    options = {"mmd": 5.0, "laplacian": 0.3, "graph_weights": "binary", "max_iter": 1}
    try:
        found = quiet(chunks, 9, alpha=0.1, rng=0, **options)
    except ArithmeticError:
        assert offset == 100
    else:
        assert 0 <= found.objective <= of_zero_codes
        assert 0 <= found.duality_gap <= found.objective


def test_atoms_without_use_are_replaced():
    X = make()
    first = np.zeros((9, 12))
    first[0] = X[0]
    found = quiet(Chunks.from_array(X, chunk_size=50), 9, alpha=0.1, dict_init=first, max_iter=20)
    assert (np.linalg.norm(found.components, axis=1) > 0.5).all()
    assert found.history[-1] < found.history[0]


def test_not_settled_is_one_warning():
    with pytest.warns(ConvergenceWarning, match="1 alternations") as caught:
        learn(Chunks.from_array(make()), 9, alpha=0.1, max_iter=1, rng=0)
    assert len(caught) == 1


def test_a_settled_run_says_so():
    assert learn(Chunks.from_array(make()), 4, alpha=0.5, rng=0, tol=1e-3).converged


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mmd": 1.0}, DomainError, "300 source and 0 target"),
        ({"mmd": -1.0}, ValueError, "mmd"),
        ({"alpha": -1.0}, ValueError, "alpha"),
        ({"dtype": "int32"}, ValueError, "dtype"),
        ({"max_iter": 0}, ValueError, "max_iter"),
        ({"dict_init": np.ones((3, 12))}, ValueError, "dict_init must have 9 rows"),
        ({"dict_init": np.ones((9, 3))}, ValueError, "dict_init"),
    ],
)
def test_bad_arguments_are_named(options, error, message):
    with pytest.raises(error, match=message):
        learn(Chunks.from_array(make()), 9, **{"alpha": 0.1, **options})


def fail():
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.full((20, 12), np.nan), "finite"),
        (np.ones((20, 11)), r"must have shape \(20, 12\), got \(20, 11\)"),
        (np.ones((5, 12)), r"must have shape \(20, 12\), got \(5, 12\)"),
        (np.full((20, 12), "a"), "cannot be used"),
        (None, "the disk is gone"),
    ],
)
def test_a_chunk_that_changed_is_named_and_loses_nothing(tmp_path, rows, message):
    read = fail if rows is None else partial(np.asarray, rows)
    chunks = Chunks.from_array(make(60)) + Chunks([Chunk("broken", read, 20, 12)])
    with pytest.raises(ValueError, match=f"chunk broken.*{message}"):
        learn(chunks, 9, alpha=0.1, dict_init=np.eye(9, 12), checkpoint=tmp_path / "c.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["checkpoint", "codes_to"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, what):
    chunks = pair()[2]
    options = {"alpha": 0.1, "rng": 0, what: tmp_path / "place"}
    quiet(chunks, 9, max_iter=1, **options)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    monkeypatch.setattr(sparse, "save_npz", full)
    with pytest.raises(OSError, match="No space left"):
        quiet(chunks, 9, max_iter=3, **options)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_checkpoint_of_other_labels_or_rows_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(40, 12)), np.arange(40) % 2

    def go(rows, classes):
        chunks = Chunks.from_array(rows[:20]) + Chunks.from_array(rows[20:], domain=-1)
        options = {"alpha": 0.5, "mmd": 1.0, "conditional": 1.0, "max_iter": 1}
        return quiet(
            chunks.with_labels(classes),
            9,
            **options,
            dict_init=np.eye(9, 12),
            checkpoint=tmp_path / "c.npz",
        )

    go(X, labels)
    for rows, classes in ((X, labels[::-1]), (-X, labels)):
        with pytest.raises(ValueError, match="belongs to a run with other data or settings"):
            go(rows, classes)


@pytest.mark.parametrize("what", ["checkpoint", "codes_to"])
def test_places_to_write_are_checked_before_the_work(tmp_path, what):
    (tmp_path / "file").touch()
    chunks = Chunks([Chunk("unread", fail, 20, 12)])
    with pytest.raises(OSError, match="file"):
        learn(chunks, 9, alpha=0.1, **{what: tmp_path / "file" / "x"})
