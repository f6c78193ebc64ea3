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


def test_columns_of_chunks_have_one_order(tmp_path):
    pd = pytest.importorskip("pandas", reason="the extra 'speech' is not installed")
    frame = pd.DataFrame(X, columns=list("abcd"))
    one, other = Chunks.from_array(frame), Chunks.from_arrays([frame[list("abdc")]], domain=-1)
    with pytest.raises(ValueError, match="0 has the columns a, b, d, c, rows 0-24 has a, b, c, d"):
        one + other
    nameless = Chunks.from_array(X)
    assert len(nameless + one + nameless) == 3


def test_an_index_and_empty_row_groups_of_parquet_are_no_features(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'data' is not installed")
    import pandas as pd
    import pyarrow as pa

    frame = pd.DataFrame(X, columns=list("abcd"))
    frame[frame.a > 0].to_parquet(tmp_path / "x.parquet")
    found = together(Chunks.from_parquet(tmp_path / "x.parquet"))
    np.testing.assert_array_equal(found, X[X[:, 0] > 0])
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with parquet.ParquetWriter(tmp_path / "y.parquet", table.schema) as writer:
        for part in (table.slice(0, 0), table, table.slice(0, 0)):
            writer.write_table(part)
    np.testing.assert_array_equal(together(Chunks.from_parquet(tmp_path / "y.parquet")), X)
    for columns in ("ab", [], ["a", "a"]):
        with pytest.raises((TypeError, ValueError), match="columns must"):
            Chunks.from_parquet(tmp_path / "y.parquet", columns=columns)


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
        (lambda: Chunks.from_array(X, domain=np.nan), "domain must be an integer"),
        (lambda: Chunks.from_array(X, domain="source"), "domain must be an integer"),
        (lambda: learn(X, 2, alpha=0.1), "chunks must be Chunks, got a ndarray"),
    ],
    ids=range(10),
)
def test_what_cannot_be_a_data_set_is_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
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
