"""Folders as they are published: clones of repositories, songs, pointers, odd capitals."""

import re
from pathlib import Path

import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{:064}\nsize 75324\n"


def write(root, names, content="sound of {}"):
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.format(number))
    return root


def stems(corpus):
    return [Path(file).stem for file in corpus.table["file"]]


CLONES = {
    "turev-db": (
        ["Sound Source/Angry/1157_kz_beste.wav", "Sound Source/Calm/1157_kz_beste.wav"],
        ["Model Output for Test Data/testEmotions1/sound/Angry/1157_kz_beste.wav"],
        {"anger": 1, "calm": 1},
    ),
    "crema-d": (
        ["AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_DFA_SAD_XX.wav"],
        ["AudioMP3/1001_DFA_ANG_XX.mp3", "AudioMP3/1002_DFA_SAD_XX.mp3"],
        {"anger": 1, "sadness": 1},
    ),
}


@pytest.mark.parametrize("name", CLONES)
def test_only_the_folder_of_the_recordings_counts(name, tmp_path):
    inside, beside, counts = CLONES[name]
    corpus = corpora.read(name, write(tmp_path / "clone", inside + beside))
    assert corpus.class_counts() == counts
    folder = inside[0].split("/")[0]
    assert dict(corpus.dropped) == {f"outside '{folder}'": len(beside)}
    # without that folder, what there is counts: the folder itself was given, or a part was kept
    assert len(corpora.read(name, tmp_path / "clone" / folder)) == len(inside)
    assert len(corpora.read(name, write(tmp_path / "part", beside))) == len(beside)


@pytest.mark.parametrize(
    ("name", "usual", "odd"),
    [
        ("ased", "04Sad/s4-04-02-01-29.wav", "04Sad/S4-04-02-01-29.wav"),
        ("tess", "OAF_angry/OAF_back_angry.wav", "oaf_Angry/oaf_Back_Angry.WAV"),
        ("tess", "x/OA_bite_neutral.wav", "x/oa_bite_Neutral.wav"),
        ("esd", "0011/Angry/0011_000351.wav", "0011/ANGRY/0011_000351.wav"),
        ("emodb", "wav/03a01Fa.wav", "wav/03A01FA.WAV"),
        ("emodb", "wav/03a01Fa.wav", "wav/03a01fa.wav"),
        ("crema-d", "1001_DFA_ANG_XX.wav", "1001_dfa_ang_xx.wav"),
        ("urdu", "Angry/SM1_F12_A012.wav", "angry/sm1_f12_a012.wav"),
    ],
)
def test_capitals_do_not_matter(name, usual, odd, tmp_path):
    columns = ["label", "speaker", "gender", "language", "sentence"]
    expected = corpora.read(name, write(tmp_path / "usual", [usual])).table[columns]
    found = corpora.read(name, write(tmp_path / "odd", [odd])).table[columns]
    assert found.to_dict("records") == expected.to_dict("records")


@pytest.mark.parametrize("name", ["EMO-DB", "EmoDB", "emodb", "emo_db"])
def test_corpora_are_known_in_any_spelling(name, tmp_path):
    corpus = corpora.read(name, write(tmp_path, ["03a01Fa.wav"]))
    assert corpus.name == corpora.scheme(name).name == "emodb"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("03-02-06-01-02-01-12.wav", "channel 02 (song): 1"),
        ("01-01-06-01-02-01-12.wav", "modality 01 (video with sound): 1"),
        ("01-02-06-01-02-01-12.wav", "modality 01, channel 02 (video with sound, song): 1"),
    ],
)
def test_why_nothing_of_ravdess_is_read(file, reason, tmp_path):
    with pytest.raises(CorpusError, match=re.escape(reason)):
        corpora.read("ravdess", write(tmp_path, [file]))


def test_videos_without_sound_files_get_advice(tmp_path):
    write(tmp_path, ["Actor_01/01-01-06-01-02-01-12.mp4", "Actor_01/02-01-06-01-02-01-12.mp4"])
    with pytest.raises(CorpusError, match=r"2 files with sound in other formats.*ffmpeg"):
        corpora.read("ravdess", tmp_path)


def test_git_lfs_pointers_are_counted(tmp_path):
    names = [f"AudioWAV/{speaker}_DFA_ANG_XX.wav" for speaker in range(1001, 1010)]
    write(tmp_path, names, POINTER)
    (tmp_path / names[0]).write_bytes(b"sound")
    with pytest.raises(CorpusError, match=r"8 of 9 .* and 3 more; run `git lfs pull`"):
        corpora.read("crema-d", tmp_path)


def test_git_lfs_pointer_in_place_of_annotations(tmp_path):
    write(tmp_path, ["wav/Ohm_01_000_00.wav"])
    write(tmp_path, ["chunk_labels_5cl_corpus.txt"], POINTER)
    with pytest.raises(CorpusError, match="git lfs pull"):
        corpora.read("fau-aibo", tmp_path)


def test_a_message_names_five_offenders(tmp_path):
    names = [f"AudioWAV/{speaker}_DFA_XYZ_XX.wav" for speaker in range(1001, 1010)]
    write(tmp_path, [*names, *(name.replace("WAV/", "WAV/copy/") for name in names)])
    with pytest.raises(CorpusError, match=r"and 4 more") as caught:
        corpora.read("crema-d", tmp_path)
    assert str(caught.value).count("_XYZ_") == 10  # two files of each clash
    table = "\n".join(f"{name}.wav,anger" for name in range(1000))
    (tmp_path / "m.csv").write_text(f"file,label\n{table}\n")
    with pytest.raises(CorpusError, match=r"1000 files do not exist: .* and 995 more") as caught:
        corpora.read_manifest(tmp_path / "m.csv")
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("word", "advice"), [("angry", "'anger'"), ("sad", "'sadness'"), ("hapiness", "'happiness'")]
)
def test_label_maps_lead_to_common_emotions(word, advice, tmp_path):
    write(tmp_path, ["03a01Fa.wav"])
    (tmp_path / "m.csv").write_text("file,label\n03a01Fa.wav,F\n")
    for read in (
        lambda labels: corpora.read("emodb", tmp_path, label_map=labels),
        lambda labels: corpora.read_manifest(tmp_path / "m.csv", label_map=labels),
    ):
        with pytest.raises(CorpusError, match=rf"'F' to '{word}' \(did you mean {advice}\?\)"):
            read({"F": word})
        assert read({"F": "anger"}).classes == ("anger",)
    with pytest.raises(CorpusError, match=r"'F' to 'qqq';"):
        corpora.read("emodb", tmp_path, label_map={"F": "qqq"})


@pytest.mark.parametrize("name", ["turev-db", "ased"])
def test_complete_downloads_check_as_complete(name, tmp_path):
    facts = corpora.scheme(name)
    raw = {emotion: label for label, emotion in facts.labels.items()}
    published = {
        "turev-db": {"anger": 487, "calm": 408, "happiness": 357, "sadness": 483},
        "ased": {"anger": 486, "fear": 510, "happiness": 486, "neutral": 522, "sadness": 470},
    }[name]
    for emotion, count in published.items():
        for number in range(count):
            label = raw[emotion]
            place = {
                "turev-db": f"Sound Source/{label}/{1000 + number}_kz_acik.wav",
                "ased": f"{label}/{label}1-{number // 100:02}-01-01-{number % 100:02}.wav",
            }[name]
            write(tmp_path, [place], f"{emotion} {number}" + "{}")
    assert corpora.check(name, tmp_path, levels=False).complete
    next(tmp_path.rglob("*.wav")).unlink()
    assert not corpora.check(name, tmp_path, levels=False).complete


@pytest.mark.parametrize(
    ("name", "inside", "files", "counts"),
    [
        ("turev-db", "Sound Source/Angry", ["1157_kz_a.wav", "1158_kz_b.wav"], {"anger": 2}),
        ("esd", "0011/Sad", ["train/0011_000351.wav", "0011_000352.wav"], {"sadness": 2}),
    ],
)
def test_a_folder_inside_the_scheme_is_read(name, inside, files, counts, tmp_path):
    corpus = corpora.read(name, write(tmp_path / inside, files))
    assert corpus.class_counts() == counts
    assert not corpus.dropped


def test_a_missing_folder_says_so_whatever_its_name(tmp_path):
    for name in ("emodb", "mine"):
        with pytest.raises(CorpusError, match=r"'.*nowhere' does not exist"):
            corpora.read(name, tmp_path / "nowhere")
