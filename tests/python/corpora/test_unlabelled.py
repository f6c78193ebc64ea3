import pytest

from sparsetransfer.corpora import read_unlabelled
from sparsetransfer.corpora.manifest import UNLABELLED
from sparsetransfer.exceptions import CorpusError


def test_a_folder_is_read_at_any_depth(tmp_path):
    for name in ("calls/a.wav", "calls/x/y/b.flac", "calls/x/note.txt", "calls/x/.hidden.wav"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    corpus = read_unlabelled(tmp_path / "calls")
    assert corpus.name == "calls"
    assert [file.rsplit("/", 1)[1] for file in corpus.table["file"]] == ["a.wav", "b.flac"]
    assert corpus.classes == (UNLABELLED,)


@pytest.mark.parametrize("header", ["file", "path,label", "file,emotion"])
def test_labels_of_a_manifest_are_not_read(tmp_path, header):
    filler = ",nonsense" if "," in header else ""
    manifest = tmp_path / "own.csv"
    manifest.write_text(f"{header}\na.wav{filler}\nb/c.wav{filler}\n")
    corpus = read_unlabelled(manifest)
    assert corpus.classes == (UNLABELLED,)
    assert corpus.table["file"].to_list() == [
        str(tmp_path / "a.wav"),
        str(tmp_path / "b" / "c.wav"),
    ]


def test_segments_and_speakers_of_a_manifest_are_kept(tmp_path):
    manifest = tmp_path / "own.tsv"
    manifest.write_text("file\tstart\tend\tspeaker\na.wav\t1\t2.5\tann\n")
    row = read_unlabelled(manifest).table.iloc[0]
    assert (row["start"], row["end"], row["speaker"]) == (1.0, 2.5, "ann")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\nx\n", "lacks the columns 'file'"),
        ("file\n", "has no rows"),
        ("file,label\n,x\n", "no file in the rows 1"),
        ("file,start\na.wav,soon\n", "must be seconds"),
        ("file,start\na.wav,0_4\n", "must be seconds"),
    ],
)
def test_malformed_manifests_are_refused(tmp_path, text, message):
    manifest = tmp_path / "own.csv"
    manifest.write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_unlabelled(manifest)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        read_unlabelled(tmp_path / "nothing.wav")
    with pytest.raises(CorpusError, match="no audio file below"):
        read_unlabelled(tmp_path)
