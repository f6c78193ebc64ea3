import numpy as np
import pytest

from sparsetransfer.distributed import Chunk, Chunks, learn

X = np.random.default_rng(0).normal(size=(25, 4))


def together(chunks):
    return np.vstack([chunk.load(np.dtype(np.float64)) for chunk in chunks])


def in_npy(path):
    np.save(path / "x.npy", X)
    return Chunks.from_npy(path / "x.npy", chunk_size=10)


def in_parquet(path):
    pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    import pandas as pd

    pd.DataFrame(X, columns=list("abcd")).to_parquet(path / "x.parquet", row_group_size=10)
    return Chunks.from_parquet(path / "x.parquet")


def in_zarr(path):
    zarr = pytest.importorskip("zarr", reason="the extra 'distributed' is not installed")
    zarr.create_array(str(path / "x.zarr"), data=X, chunks=(10, 4))
    return Chunks.from_zarr(path / "x.zarr")


def in_array(path):
    return Chunks.from_array(X, chunk_size=10)


def in_arrays(path):
    return Chunks.from_arrays([X[:10], X[10:20], X[20:]])


@pytest.mark.parametrize("make", [in_npy, in_parquet, in_zarr, in_array, in_arrays])
def test_chunks_together_are_the_data(make, tmp_path):
    chunks = make(tmp_path)
    np.testing.assert_array_equal(together(chunks), X)
    assert [chunk.n_samples for chunk in chunks] == [10, 10, 5]
    assert (chunks.n_samples, chunks.n_features) == (25, 4)


def test_chosen_columns_of_parquet(tmp_path):
    in_parquet(tmp_path)
    chunks = Chunks.from_parquet(tmp_path / "x.parquet", columns=["c", "a"], domain=-3)
    np.testing.assert_array_equal(together(chunks), X[:, [2, 0]])
    assert chunks[0].domain == -3
    with pytest.raises(ValueError, match="no columns z"):
        Chunks.from_parquet(tmp_path / "x.parquet", columns=["a", "z"])


def test_a_truncated_file_is_named(tmp_path):
    chunks = in_npy(tmp_path)
    path = tmp_path / "x.npy"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"x\.npy"):
        Chunks.from_npy(path)
    with pytest.raises(ValueError, match=r"chunk x\.npy\[20:25\] cannot be used"):
        chunks[2].load(np.dtype(np.float64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chunks([]), "at least one"),
        (lambda: Chunks.from_arrays([X, X[:0]]), "chunk 1 is empty"),
        (lambda: Chunks.from_arrays([X, X[:, :3]]), "chunk 1 has 3 features, 0 has 4"),
        (lambda: Chunks.from_arrays([X[0]]), "2-D"),
        (lambda: Chunks.from_array(X[0]), "2-D"),
        (lambda: Chunks.from_array(X, chunk_size=0), "chunk_size"),
        (lambda: Chunks([Chunk("a", lambda: X, 25, 4, 0)]), "domain must be positive"),
    ],
    ids=range(7),
)
def test_what_cannot_be_a_data_set_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_pickled_npy_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"x\.npy"):
        Chunks.from_npy(tmp_path / "x.npy")


@pytest.fixture
def dask_array():
    return pytest.importorskip("dask.array", reason="the extra 'distributed' is not installed")


def test_partitions_of_a_dask_array(dask_array):
    # Columns are cut, too, and sizes are lost by the selection.
    whole = dask_array.from_array(X, chunks=(10, 3))
    assert [c.n_samples for c in Chunks.from_dask(whole)] == [10, 10, 5]
    np.testing.assert_array_equal(together(Chunks.from_dask(whole)), X)
    some = Chunks.from_dask(whole[whole[:, 0] > 0], domain=-2)
    np.testing.assert_array_equal(together(some), X[X[:, 0] > 0])
    assert some[0].domain == -2


def test_partitions_of_a_dask_frame(dask_array):
    import dask.dataframe as dd
    import pandas as pd

    numbered = np.column_stack([np.arange(25.0), X])
    frame = dd.from_pandas(pd.DataFrame(numbered, columns=list("abcde")), npartitions=3)
    np.testing.assert_array_equal(together(Chunks.from_dask(frame)), numbered)
    late = frame[frame["a"] >= 12]  # the first partition has no rows left
    np.testing.assert_array_equal(together(Chunks.from_dask(late)), numbered[12:])
    assert len(Chunks.from_dask(late)) == 2


def test_what_dask_does_not_partition(dask_array):
    with pytest.raises(TypeError, match="got ndarray"):
        Chunks.from_dask(X)
    with pytest.raises(ValueError, match="2-D, got 1"):
        Chunks.from_dask(dask_array.ones(5))


@pytest.mark.parametrize(
    "error", [KeyError("no such row"), RuntimeError("broken"), OSError("gone")]
)
def test_whatever_reading_raises_names_the_chunk(error):
    def read():
        raise error

    chunk = Chunk("second.npz", read, 10, 4)
    with pytest.raises(ValueError, match=r"chunk second\.npz cannot be used") as caught:
        chunk.load(np.dtype(np.float64))
    assert caught.value.__cause__ is error


def test_memory_errors_stay_what_they_are_and_name_the_chunk():
    def read():
        raise MemoryError("9 GB")

    with pytest.raises(MemoryError, match=r"chunk second\.npz .*9 GB"):
        Chunk("second.npz", read, 10, 4).load(np.dtype(np.float64))


def test_a_chunk_that_overflows_is_named():
    rows = np.ones((20, 4))
    rows[15] = 1e200
    with pytest.raises(ValueError, match="chunk rows 10-19 could not be coded") as caught:
        learn(Chunks.from_array(rows, chunk_size=10), 2, alpha=0.1, dict_init=np.eye(4)[:2])
    assert "finite" in str(caught.value.__cause__)
