"""Feature tables from files: every format gives the same table, and wrong ones are refused."""

import os
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import corpora, features
from sparsetransfer.evaluation.data.joining import join
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.files import read_sequences

NAMES = ["energy", "pitch"]


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    index = pd.DataFrame(
        {
            "file": [str(tmp_path / name) for name in ("a.wav", "a.wav", "b.wav")],
            "start": [0.5, 1.5, np.nan],
            "end": [1.5, 2.25, np.nan],
        }
    )
    failures = pd.DataFrame({name: [] for name in ("file", "start", "end", "error")})
    return features.table.FeatureTable(rng.standard_normal((3, 2)), NAMES, index, "own-3", failures)


def _same(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    assert one.names == other.names
    pd.testing.assert_frame_equal(one.index, other.index)


def test_csv_gives_back_what_was_written(table, tmp_path):
    features.write_table(table, tmp_path / "own.csv")
    again = features.read_table(tmp_path / "own.csv")
    _same(again, table)
    assert again.feature_set == "own"
    assert features.read_table(tmp_path / "own.csv", feature_set="x-1").feature_set == "x-1"


def test_parquet_gives_back_what_was_written_with_its_name(table, tmp_path):
    pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    features.write_table(table, tmp_path / "own.parquet")
    again = features.read_table(tmp_path / "own.parquet")
    _same(again, table)
    assert again.feature_set == "own-3"


def test_audformat_segments_are_read_from_the_row_index(table, tmp_path):
    pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    frame = pd.DataFrame(table.values, columns=NAMES)
    frame.index = pd.MultiIndex.from_arrays(
        [
            ["a.wav", "a.wav", "b.wav"],
            pd.to_timedelta([0.5, 1.5, 0.0], unit="s"),
            pd.to_timedelta([1.5, 2.25, None], unit="s"),
        ],
        names=["file", "start", "end"],
    )
    frame.to_parquet(tmp_path / "own.parquet")
    frame.to_csv(tmp_path / "own.csv")
    _same(features.read_table(tmp_path / "own.parquet"), table)
    _same(features.read_table(tmp_path / "own.csv"), table)


def test_array_with_index(table, tmp_path):
    np.save(tmp_path / "own.npy", table.values)
    table.index.to_csv(tmp_path / "rows.csv", index=False)
    again = features.read_table(tmp_path / "own.npy", index=tmp_path / "rows.csv")
    np.testing.assert_array_equal(again.values, table.values)
    assert again.names == ["x0", "x1"]
    np.save(tmp_path / "own.npy", table.values[:2])
    with pytest.raises(CorpusError, match=r"3 rows.*\(2, 2\)"):
        features.read_table(tmp_path / "own.npy", index=tmp_path / "rows.csv")
    with pytest.raises(ValueError, match="index"):
        features.read_table(tmp_path / "own.npy")


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "own.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    (tmp_path / "rows.csv").write_text("file\na.wav\nb.wav\n")
    with pytest.raises(CorpusError, match="pickle"):
        features.read_table(tmp_path / "own.npy", index=tmp_path / "rows.csv")


ARFF = """% made elsewhere
@relation features
@attribute name string
@attribute 'energy[1]' numeric
@attribute pitch REAL
@attribute emotion {anger, fear}

@data
'a b.wav', 1.5, -2e-3, anger
% a comment
'c.wav',?,4,fear
"""


def test_arff(tmp_path):
    path = tmp_path / "set.arff"
    path.write_text(ARFF.replace("?", "3"))
    table = features.read_table(path)
    assert table.names == ["energy[1]", "pitch"]
    np.testing.assert_array_equal(table.values, [[1.5, -2e-3], [3, 4]])
    assert table.index["file"].to_list() == [str(tmp_path / "a b.wav"), str(tmp_path / "c.wav")]
    path.write_text(ARFF)
    with pytest.raises(CorpusError, match=r"not finite in 1 rows: .*c\.wav"):
        features.read_table(path)
    path.write_text(ARFF.replace("?", "abc").replace("-2e-3", "x"))
    with pytest.raises(CorpusError, match=r"row 2 \(energy\[1\]\), row 1 \(pitch\)"):
        features.read_table(path)
    path.write_text(ARFF + "only,two\n")
    with pytest.raises(CorpusError, match="data rows 3"):
        features.read_table(path)
    path.write_text(ARFF.split("@data")[0])
    with pytest.raises(CorpusError, match="no @data"):
        features.read_table(path)


def test_labels_and_speakers_never_become_features(tmp_path):
    (tmp_path / "own.csv").write_text(
        "filename,energy,Label,speaker,arousal,remark\na.wav,1,3,4,0.5,loud\nb.wav,2,3,4,0.1,\n"
    )
    assert features.read_table(tmp_path / "own.csv").names == ["energy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("energy\n1\n", "no column that names the file"),
        ("file,label\na.wav,2\n", "no numeric column"),
        ("file,energy\na.wav,1\n./a.wav,2\n", r"more than once: .*a\.wav"),
        ("file,energy\na.wav,1\nb.wav,inf\nc.wav,\n", r"in 2 rows: .*b\.wav, .*c\.wav"),
        ("file,start,energy\na.wav,soon,1\n", "start and end must be seconds"),
        # pandas would take the name for an index and 1 for the name.
        ("file,energy\na.wav,1,5\nb.wav,0,5\n", "more cells than the header has names"),
    ],
)
def test_unusable_tables_are_refused(tmp_path, text, message):
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(CorpusError, match=message):
        features.read_table(tmp_path / "own.csv")


def test_unknown_formats_are_refused(table, tmp_path):
    with pytest.raises(CorpusError, match=r"\.csv, \.parquet, \.arff, \.npy"):
        features.read_table(tmp_path / "own.xls")
    with pytest.raises(ValueError, match=r"\.csv or \.parquet"):
        features.write_table(table, tmp_path / "own.xls")


def test_failed_write_leaves_nothing(table, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="disk full"):
        features.write_table(table, tmp_path / "sub" / "own.csv")
    assert not list((tmp_path / "sub").iterdir())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("times", [",", "0,", "0,1.0", "0.25,0.75", "0 days,0 days 00:00:01"])
def test_written_tables_join_their_corpus(tmp_path, ending, times):
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).normal(size=16000), 16000)
    (tmp_path / "m.csv").write_text(f"file,label,start,end\na.wav,anger,{times}\n")
    corpus = corpora.read_manifest(tmp_path / "m.csv")
    table = features.extract(corpus, n_jobs=1)
    features.write_table(table, tmp_path / f"t.{ending}")
    again = features.read_table(tmp_path / f"t.{ending}")
    np.testing.assert_array_equal(join(corpus, again).features, join(corpus, table).features)


def test_tables_of_time_differences_join_whole_files(tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.full(12000, 0.1), 16000)
    (tmp_path / "m.csv").write_text("file,label\na.wav,anger\nb.wav,neutral\n")
    (tmp_path / "smile.csv").write_text(
        "file,start,end,f0\nb.wav,0 days,0 days 00:00:00.750000,2\n"
        "a.wav,0 days,0 days 00:00:00.750000,1\n"
    )
    domain = join(
        corpora.read_manifest(tmp_path / "m.csv"), features.read_table(tmp_path / "smile.csv")
    )
    assert domain.features.tolist() == [[1.0], [2.0]]


def test_tables_of_the_program_smilextract(tmp_path):
    (tmp_path / "smile.csv").write_text(
        "name;frameTime;F0_amean;loudness_amean\n'a.wav';0.000000;1.5;2\n'b.wav';0.000000;3;4\n"
    )
    table = features.read_table(tmp_path / "smile.csv")
    assert table.index["file"].to_list() == [str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]
    assert table.names == ["F0_amean", "loudness_amean"]
    assert table.values.tolist() == [[1.5, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_like_formulas_come_back(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    files = [str(tmp_path / name) for name in ("=a.wav", "-b.wav", "'=c.wav", "'d'.wav")]
    index = pd.DataFrame({"file": files, "start": np.nan, "end": np.nan})
    relative = index.assign(file=["=a.wav", "-b.wav", "'=c.wav", "'d'.wav"])
    names = ["=f0", "@x", "'=y", "plain", "-1"]
    written = features.table.FeatureTable(
        np.ones((4, 5)), names, relative, "s", index.assign(error="")
    )
    features.write_table(written, tmp_path / f"t.{ending}")
    read = features.read_table(tmp_path / f"t.{ending}")
    assert read.names == names
    assert read.index["file"].to_list() == files
    if ending == "csv":
        header, *rows = (tmp_path / "t.csv").read_text().splitlines()
        assert not any(cell.startswith(("=", "@")) for cell in header.split(","))
        assert not any(row.startswith(("=", "@", "-")) for row in rows)


def test_a_message_lists_five_columns(tmp_path):
    (tmp_path / "t.csv").write_text(",".join(f"column{i}" for i in range(2000)) + "\n")
    with pytest.raises(CorpusError, match="column4 and 1995 more") as caught:
        features.read_table(tmp_path / "t.csv")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_file_names_that_are_no_text(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for name in ("03a01Fa.wav", "08a02Wb.wav"):
        rng = np.random.default_rng(len(os.listdir(folder)))
        with (folder / name).open("wb") as file:
            soundfile.write(file, 0.1 * rng.normal(size=8000), 16000, format="WAV")
    corpus = corpora.read("emodb", folder)
    table = features.extract(corpus, n_jobs=1)
    assert len(join(corpus, table)) == 2
    features.write_table(table, tmp_path / f"t.{ending}")
    again = features.read_table(tmp_path / f"t.{ending}")
    np.testing.assert_array_equal(again.values, table.values)
    assert again.index["file"][0] == str(tmp_path / r"caf\udce9" / "03a01Fa.wav")


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["1.5", "-nan(ind)", "2"], ","),  # as openSMILE writes it on Windows
        (["1.5", "1.#INF", "-1.#IND"], ","),
        (["1.5", "2.5 Hz", "3"], ","),
        (["1,5", "2,5", "3,5"], ";"),
    ],
)
def test_a_feature_with_a_cell_that_is_no_number_is_not_lost(tmp_path, cells, separator):
    lines = ["file,energy,pitch,note", *(f"{i}.wav,{i},{{}},take {i}" for i in range(3))]
    text = "\n".join(lines).replace(",", separator).format(*cells)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(CorpusError, match=r"no numbers in 'pitch'"):
        features.read_table(tmp_path / "t.csv")


def test_columns_of_text_are_no_features(tmp_path):
    (tmp_path / "t.csv").write_text(
        "file,energy,note,day,mostly\na.wav,1,take 1,2020-01-02,x\nb.wav,2,,2020-01-03,3\n"
        "c.wav,3,3,2020-01-03,y\n"
    )
    assert features.read_table(tmp_path / "t.csv").names == ["energy"]


def test_durations_are_no_features(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"file": ["a.wav", "b.wav"], "energy": [1.0, 2.0]})
    frame["length"] = pd.to_timedelta([1.5, 2.5], unit="s")
    frame.to_parquet(tmp_path / "t.parquet")
    assert features.read_table(tmp_path / "t.parquet").names == ["energy"]


def _write_empty(place):
    place.touch()


def _write_archive(place):
    with place.open("wb") as stream:
        np.savez(stream, values=np.ones((4, 3)))


@pytest.mark.parametrize("write", [_write_empty, _write_archive])
def test_arrays_that_are_none_are_refused_by_name(tmp_path, write):
    np.save(tmp_path / "right.npy", np.ones((4, 3)))
    write(tmp_path / "wrong.npy")
    index = tmp_path / "own.csv"
    index.write_text("file,sequence\na.wav,right.npy\nb.wav,wrong.npy\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"wrong\.npy"):
        read_sequences(index)
    with pytest.raises(CorpusError, match=r"wrong\.npy"):
        features.read_table(tmp_path / "wrong.npy", index=index)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_among_sequences_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "wrong.npy")
    index = tmp_path / "own.csv"
    index.write_text("file,sequence\na.wav,wrong.npy\n", encoding="utf-8")
    # Something to read, so that whoever opens it does not wait for ever.
    held = os.open(tmp_path / "wrong.npy", os.O_RDWR)
    try:
        os.write(held, b"no array")
        with pytest.raises(CorpusError, match="is a FIFO; expected a regular file"):
            read_sequences(index)
    finally:
        os.close(held)


def test_a_row_without_a_sequence_is_named(tmp_path):
    index = tmp_path / "own.csv"
    np.save(tmp_path / "right.npy", np.ones((3, 2)))
    index.write_text("file,sequence\na.wav,right.npy\nb.wav,\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="row 2 names no sequence"):
        read_sequences(index)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\0\1", b'file,sequence\n"a'])
def test_a_table_of_sequences_that_cannot_be_read_is_named(tmp_path, content):
    place = tmp_path / "sequences.csv"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(CorpusError, match=r"sequences\.csv"):
        read_sequences(place)


def test_a_column_without_a_name_is_no_feature(tmp_path):
    place = tmp_path / "table.csv"
    frame = pd.DataFrame({"file": ["a.wav", "b.wav"], "energy": [0.5, 0.25]})
    frame.to_csv(place)  # with the number of the row
    assert features.read_table(place).names == ["energy"]


WITHOUT_NAMES = b"PAR1" + bytes(20) + b"\x08\0\0\0PAR1"


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        ("csv", "file,energy\n,1\nb.wav,2\n", "no file in the rows 1"),
        ("csv", "file,energy\na.wav,1\n".encode("utf-16"), "is not UTF-8; save it as UTF-8"),
        ("parquet", WITHOUT_NAMES, "cannot be read"),
        ("arff", "@attribute a numeric\n@attribute a numeric\n@data\n1,2\n", "more than one .* a"),
        ("arff", f"@attribute name string\n@data\n'{'x' * 200_000}'\n", "field limit"),
    ],
)
def test_damaged_tables_are_named(tmp_path, ending, content, message):
    place = tmp_path / f"table.{ending}"
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CorpusError, match=rf"(?s)table.*{message}"):
        features.read_table(place)
