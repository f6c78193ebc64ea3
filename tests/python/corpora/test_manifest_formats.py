"""One corpus in every manifest format gives one table."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparsetransfer import corpora
from sparsetransfer._csv import csv_cell
from sparsetransfer.exceptions import CorpusError

FRAME = pd.DataFrame(
    {
        "file": ["a.wav", "a.wav", "sub/b.wav"],
        "start": [0.0, 1.5, np.nan],
        "end": [1.5, 2.25, np.nan],
        "label": ["Happy", "anger", "sad"],
        "speaker": ["s1", "s1", "s2"],
        "gender": ["female", "female", "male"],
        "language": ["de", "de", "de"],
        "sentence": ["x", "y", None],
        "split": ["train", "train", "test"],
        "activation": [0.5, 0.25, np.nan],
        "valence": [-0.5, 0.0, 1.0],
    }
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "sub/b.wav"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def expected(folder):
    FRAME.to_csv(folder / "expected.csv", index=False)
    return corpora.read_manifest(folder / "expected.csv", name="mine")


def _same(corpus, expected):
    pd.testing.assert_frame_equal(corpus.table, expected.table)
    assert dict(corpus.label_map) == dict(expected.label_map)


def _write_jsonl(path, records):
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n")


def test_the_table_is_what_was_written(folder, expected):
    assert expected.table["label"].to_list() == ["happiness", "anger", "sadness"]
    assert expected.table["file"][2] == str(folder / "sub" / "b.wav")
    np.testing.assert_array_equal(expected.table["activation"], FRAME["activation"])
    assert expected.table["gender"].to_list() == ["f", "f", "m"]


def test_parquet(folder, expected):
    pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    FRAME.to_parquet(folder / "manifest.parquet")
    _same(corpora.read_manifest(folder, name="mine"), expected)
    timed = FRAME.assign(
        start=pd.to_timedelta(FRAME["start"], unit="s"), end=pd.to_timedelta(FRAME["end"], unit="s")
    )
    timed.set_index(["file", "start", "end"]).to_parquet(folder / "manifest.parquet")
    _same(corpora.read_manifest(folder / "manifest.parquet", name="mine"), expected)


def test_json_lines(folder, expected):
    records = [
        {key: value for key, value in record.items() if not pd.isna(value)}
        for record in FRAME.to_dict("records")
    ]
    _write_jsonl(folder / "manifest.jsonl", records)
    _same(corpora.read_manifest(folder, name="mine"), expected)
    _same(corpora.read("mine", folder), expected)
    (folder / "manifest.jsonl").write_text('{"file": "a.wav", "label": "sad"}\n[1]\n{"file":\n')
    with pytest.raises(CorpusError, match=r"no JSON object in the lines 2, 3"):
        corpora.read_manifest(folder / "manifest.jsonl")
    _write_jsonl(folder / "manifest.jsonl", [{"file": "a.wav", "label": "sad"}, {"file": "a.wav"}])
    with pytest.raises(CorpusError, match="no label in 1 rows: 2"):
        corpora.read_manifest(folder / "manifest.jsonl")


def _database(folder, audformat, *, segmented):
    database = audformat.Database("mine", languages=["de"])
    database.schemes["emotion"] = audformat.Scheme(labels=["Happy", "anger", "sad"])
    database.schemes["speaker"] = audformat.Scheme(
        labels={
            "s1": {"gender": "female", "language": "de"},
            "s2": {"gender": "male", "language": "de"},
        }
    )
    database.schemes["arousal"] = audformat.Scheme("float")
    files = FRAME["file"].unique()
    database["files"] = audformat.Table(audformat.filewise_index(files))
    database["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    database["files"]["speaker"].set(["s1", "s2"])
    if segmented:
        index = audformat.segmented_index(
            FRAME["file"],
            starts=pd.to_timedelta(FRAME["start"].fillna(0), unit="s"),
            ends=pd.to_timedelta(FRAME["end"], unit="s"),
        )
        rows = slice(None)
    else:
        index = audformat.filewise_index(files)
        rows = [0, 2]
    database["emotion"] = audformat.Table(index)
    database["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["emotion"]["emotion"].set(FRAME["label"].iloc[rows].to_list())
    database["emotion"]["arousal"] = audformat.Column(scheme_id="arousal")
    database["emotion"]["arousal"].set(FRAME["activation"].iloc[rows].to_list())
    database.save(str(folder))
    return database


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("segmented", [True, False])
def test_audformat(folder, expected, segmented):
    audformat = pytest.importorskip("audformat", reason="the extra 'data' is not installed")
    _database(folder, audformat, segmented=segmented)
    corpus = corpora.read_manifest(folder, name="mine")
    known = expected.table.assign(sentence="", split="", valence=np.nan)
    if not segmented:
        known = known.iloc[[0, 2]].reset_index(drop=True).assign(start=np.nan, end=np.nan)
    pd.testing.assert_frame_equal(corpus.table, known)
    assert len(corpora.read_manifest(folder / "db.yaml", table="emotion")) == len(known)
    with pytest.raises(CorpusError, match=r"table must be one of.*'emotion'; got 'files'"):
        corpora.read_manifest(folder, table="files")


def _writes(path):
    """Return what writes a file when it is unpickled, and the tag of YAML that does the same."""

    class Trap:
        def __reduce__(self):
            return Path.touch, (path,)

    return Trap(), f"!!python/object/apply:os.mkdir [{str(path)!r}]"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("trap", ["yaml", "pickle", "pickle alone"])
def test_no_code_in_an_audformat_database_is_run(folder, tmp_path_factory, trap):
    audformat = pytest.importorskip("audformat", reason="the extra 'data' is not installed")
    _database(folder, audformat, segmented=False)
    mark = tmp_path_factory.mktemp("trap") / "was_run"
    pickled, tag = _writes(mark)
    if trap == "yaml":
        with (folder / "db.yaml").open("a") as header:
            header.write(f"\nmeta: {tag}\n")
    else:
        (folder / "db.emotion.pkl").write_bytes(pickle.dumps(pickled))
    if trap == "pickle alone":
        for ending in (".csv", ".parquet"):
            (folder / f"db.emotion{ending}").unlink(missing_ok=True)
    if trap == "pickle":
        assert len(corpora.read_manifest(folder)) == 2
    else:
        reason = "python/object" if trap == "yaml" else "can run code when they are read"
        with pytest.raises(CorpusError, match=reason):
            corpora.read_manifest(folder)
    assert not mark.exists()


def _misc(database, audformat, name, values, columns):
    """Add a misc table, and a scheme `name` whose labels are its rows, to a database."""
    database[name] = audformat.MiscTable(pd.Index(values, name=name, dtype="string"))
    for column, entries in columns.items():
        database.schemes[column] = audformat.Scheme("str")
        database[name][column] = audformat.Column(scheme_id=column)
        database[name][column].set(entries)
    database.schemes[name] = audformat.Scheme("str", labels=name)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("segmented", [True, False])
def test_misc_tables_of_audformat_are_kept(folder, expected, segmented):
    audformat = pytest.importorskip("audformat", reason="the extra 'data' is not installed")
    database = _database(folder, audformat, segmented=segmented)
    database.drop_tables("files")
    database.schemes.pop("speaker")
    about = {"sex": ["female", "male", "male"], "language": ["de"] * 3, "age": ["31", "40", "25"]}
    _misc(database, audformat, "speaker", ["s1", "s2", "s3"], about)
    _misc(database, audformat, "take", ["t1", "t2"], {"transcription": ["eins", "zwei"]})
    files = FRAME["file"].unique()
    database["files"] = audformat.Table(audformat.filewise_index(files))
    for column, values in {"speaker": ["s1", "s2"], "take": ["t2", "t1"]}.items():
        database["files"][column] = audformat.Column(scheme_id=column)
        database["files"][column].set(values)
    database.save(str(folder))
    table = corpora.read_manifest(folder, name="mine").table
    known = expected.table if segmented else expected.table.iloc[[0, 2]].reset_index(drop=True)
    for column in ("speaker", "gender", "language", "label"):
        assert table[column].tolist() == known[column].tolist()
    said = {files[0]: "zwei", files[1]: "eins"}
    for file, sentence in zip(table["file"], table["sentence"], strict=True):
        assert sentence == next(text for name, text in said.items() if file.endswith(name))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_no_ratings_are_taken_from_what_a_scheme_says_of_emotions(folder):
    audformat = pytest.importorskip("audformat", reason="the extra 'data' is not installed")
    database = audformat.Database("mine")
    database.schemes["emotion"] = audformat.Scheme(
        labels={"anger": {"valence": -0.6}, "sad": {"valence": -0.5}}
    )
    files = FRAME["file"].unique()
    database["emotion"] = audformat.Table(audformat.filewise_index(files))
    database["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["emotion"]["emotion"].set(["anger", "sad"])
    database.save(str(folder))
    table = corpora.read_manifest(folder, name="mine").table
    assert table["valence"].isna().all()
    assert table["label"].tolist() == ["anger", "sadness"]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_several_audformat_tables_need_a_choice(folder):
    audformat = pytest.importorskip("audformat", reason="the extra 'data' is not installed")
    database = _database(folder, audformat, segmented=False)
    database["other"] = database["emotion"].copy()
    database.save(str(folder))
    with pytest.raises(CorpusError, match=r"'emotion', 'other'; got None"):
        corpora.read_manifest(folder)
    assert len(corpora.read_manifest(folder, table="other")) == 2


def test_a_broken_database_is_named(folder):
    pytest.importorskip("audformat", reason="the extra 'data' is not installed")
    (folder / "db.yaml").write_text("name: [")
    with pytest.raises(CorpusError, match=r"db\.yaml.*audformat"):
        corpora.read_manifest(folder)


def test_all_wrong_numbers_are_listed(folder):
    text = "file,label,start,end,valence\na.wav,sad,-1,2,x\nsub/b.wav,sad,inf,,\n"
    (folder / "manifest.csv").write_text(text)
    with pytest.raises(CorpusError) as caught:
        corpora.read_manifest(folder)
    for part in ("start of", "got '-1'", "got 'inf'", "valence of", "a number, got 'x'"):
        assert part in str(caught.value)


def test_other_formats_and_misplaced_tables_are_refused(folder):
    (folder / "manifest.xls").write_text("")
    with pytest.raises(CorpusError, match=r"\.csv, \.tsv, \.parquet, \.jsonl"):
        corpora.read_manifest(folder / "manifest.xls")
    (folder / "manifest.csv").write_text("file,label\na.wav,sad\n")
    with pytest.raises(ValueError, match="audformat"):
        corpora.read_manifest(folder, table="emotion")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("name", ["m.csv", "M.CSV", "m.tsv"])
def test_separators_encodings_and_capitals(folder, separator, encoding, name):
    rows = [["file", "label", "speaker"], ["a.wav", "sad", "J\xfcrgen"], ["sub/b.wav", "anger", ""]]
    text = "".join(separator.join(row) + "\r\n" for row in rows)
    (folder / name).write_bytes(text.encode(encoding))
    corpus = corpora.read_manifest(folder / name)
    assert corpus.table["speaker"].to_list() == ["J\xfcrgen", ""]
    assert corpus.table["label"].to_list() == ["sadness", "anger"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "mixed", "cut", "undefined"])
def test_other_encodings_get_advice(folder, encoding):
    text = "file,label,speaker\na.wav,sad,J\xfcrgen\n"
    content = {
        "utf-16-le": text.encode("utf-16-le"),
        "mixed": text.encode() + "sub/b.wav,sad,J\xfcrgen\n".encode("cp1252"),
        "cut": (text + "sub/b.wav,sad,\xfc").encode()[:-1],
        "undefined": text.encode("cp1252").replace(b"\xfc", b"\x81"),
    }[encoding]
    (folder / "m.csv").write_bytes(content)
    with pytest.raises(CorpusError, match="UTF-8"):
        corpora.read_manifest(folder / "m.csv")


def test_a_line_that_names_the_separator_is_skipped(folder):
    (folder / "m.csv").write_text("sep=;\nfile;label\na.wav;sad\n")
    assert len(corpora.read_manifest(folder / "m.csv")) == 1


@pytest.mark.parametrize("name", ["=a.wav", "-a.wav", "@a.wav", "+a.wav"])
@pytest.mark.parametrize("written", [str, csv_cell])
def test_escaped_names_are_read_as_they_were(folder, name, written):
    (folder / name).write_bytes((folder / "a.wav").read_bytes())
    (folder / "m.csv").write_text(f"file,label\n{written(name)},sad\n")
    corpus = corpora.read_manifest(folder / "m.csv")
    assert corpus.table["file"].to_list() == [str(folder / name)]


@pytest.mark.parametrize("read", [corpora.read_manifest, lambda path: corpora.read("emodb", path)])
def test_an_unknown_home_folder_is_a_missing_file(read):
    with pytest.raises(CorpusError, match=r"~no-such-user/x\.csv' does not exist"):
        read("~no-such-user/x.csv")


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "NDJSON"])
def test_json_lines_with_a_byte_order_mark(folder, ending):
    text = '{"file": "a.wav", "label": "sad"}\n'
    (folder / f"m.{ending}").write_text(text, encoding="utf-8-sig")
    assert len(corpora.read_manifest(folder / f"m.{ending}")) == 1


def test_rows_without_a_label_are_dropped_when_asked(folder):
    (folder / "m.csv").write_text("file,label\na.wav,sad\nsub/b.wav,\nlost.wav,\n")
    corpus = corpora.read_manifest(folder / "m.csv", drop_unmapped=True)
    assert len(corpus) == 1
    assert dict(corpus.dropped) == {"no label": 2}


@pytest.mark.parametrize("name", ["MANIFEST.CSV", "Manifest.tsv", "Manifest.NDJSON"])
def test_the_manifest_of_a_folder_has_any_capitals(folder, expected, name):
    frame = FRAME.assign(file=["../" + file for file in FRAME["file"]])
    (folder / "mine").mkdir()
    if name.endswith("NDJSON"):
        frame.to_json(folder / "mine" / name, orient="records", lines=True)
    else:
        frame.to_csv(folder / "mine" / name, index=False, sep="\t" if "tsv" in name else ",")
    _same(corpora.read("mine", folder / "mine"), expected)
    assert len(corpora.read_unlabelled(folder / "mine")) == len(expected)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere/x.jsonl", "nowhere.xlsx"])
def test_a_manifest_that_does_not_exist_says_so(folder, name):
    with pytest.raises(
        CorpusError, match=r"manifest '.*nowhere.*' cannot be read: .* does not exist$"
    ):
        corpora.read_manifest(folder / name)


def test_lines_that_are_nested_without_end_are_no_objects(folder):
    (folder / "deep.jsonl").write_text('{"file": "a.wav", "label": "sad"}\n' + "[" * 100_000)
    with pytest.raises(CorpusError, match="no JSON object in the lines 2"):
        corpora.read_manifest(folder / "deep.jsonl")


@pytest.mark.parametrize("separator", ["|", " "])
def test_other_separators_get_advice(folder, separator):
    FRAME[["file", "label"]].to_csv(folder / "m.csv", index=False, sep=separator)
    with pytest.raises(CorpusError, match="separated by commas, semicolons or tabs"):
        corpora.read_manifest(folder / "m.csv")


@pytest.mark.parametrize("column", ["file", "label", "start"])
def test_messages_stay_short_whatever_a_cell_holds(folder, column):
    FRAME.assign(**{column: [f"{'x' * 100_000}{row}" for row in range(3)]}).to_csv(
        folder / "long.csv", index=False
    )
    with pytest.raises(CorpusError) as caught:
        corpora.read_manifest(folder / "long.csv")
    assert len(str(caught.value)) < 3000
    assert "xxx…xxx" in str(caught.value)


def test_what_is_no_recording_is_named_with_the_reason(folder):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    names = [f"pointer{number}.wav" for number in range(7)]
    for name in names:
        (folder / name).write_text(pointer)
    (folder / "folder.wav").mkdir()

    def read(names):
        pd.DataFrame({"file": names, "label": "sad"}).to_csv(folder / "m.csv", index=False)
        return corpora.read_manifest(folder / "m.csv")

    with pytest.raises(CorpusError, match=r"all 7 .*pointer0\.wav.* 2 more; run `git lfs pull`"):
        read(names)
    with pytest.raises(CorpusError, match=r"1 of 2 .*no regular files: '.*folder\.wav'"):
        read(["a.wav", "folder.wav"])
    assert len(read([*names, "a.wav"])) == 8  # each can be dropped when it is read
