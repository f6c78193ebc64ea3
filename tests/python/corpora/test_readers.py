"""Every reader on a folder that follows its corpus's scheme: label, speaker, gender and the rest."""

import math
from pathlib import Path

import pytest

from sparsetransfer import corpora
from sparsetransfer.exceptions import CorpusError

# path below the corpus: emotion, speaker, gender, sentence
NAMED = {
    "savee": {
        "AudioData/DC/a01.wav": ("anger", "DC", "m", "01"),
        "AudioData/KL/sa15.wav": ("sadness", "KL", "m", "15"),
        "ALL/JE_su02.wav": ("surprise", "JE", "m", "02"),
        "ALL/JK_n30.wav": ("neutral", "JK", "m", "30"),
        "ALL/JK_d03.wav": ("disgust", "JK", "m", "03"),
    },
    "tess": {
        "OAF_angry/OAF_back_angry.wav": ("anger", "OAF", "f", "back"),
        "YAF_pleasant_surprised/YAF_young_ps.wav": ("surprise", "YAF", "f", "young"),
        "OAF_neutral/OA_bite_neutral.wav": ("neutral", "OAF", "f", "bite"),
    },
    "crema-d": {
        "AudioWAV/1001_DFA_ANG_XX.wav": ("anger", "1001", "m", "DFA"),
        "AudioWAV/1002_IEO_SAD_LO.wav": ("sadness", "1002", "f", "IEO"),
        "AudioWAV/1091_WSI_NEU_XX.wav": ("neutral", "1091", "f", "WSI"),
    },
    "emovo": {
        "f1/dis-f1-b1.wav": ("disgust", "f1", "f", "b1"),
        "m3/gio-m3-n5.wav": ("happiness", "m3", "m", "n5"),
        "m3/sor-m3-l4.wav": ("surprise", "m3", "m", "l4"),
    },
    "enterface": {
        "subject 1/anger/sentence 1/s1_an_1.wav": ("anger", "s1", "", "1"),
        "subject 44/happiness/sentence 5/s44_ha_5.wav": ("happiness", "s44", "", "5"),
        "subject 3/fear/sentence 2/s_3_fe_2.wav": ("fear", "s3", "", "2"),
    },
    "casia": {
        "wangzhe/angry/201.wav": ("anger", "wangzhe", "", "201"),
        "liuchanhg/Sad/201.wav": ("sadness", "liuchanhg", "", "201"),
    },
    "afew": {
        "Train_AFEW/Angry/000046280.wav": ("anger", "", "", "000046280"),
        "Val_AFEW/Surprise/011603980.wav": ("surprise", "", "", "011603980"),
    },
    "shemo": {
        "female/F03S02.wav": ("sadness", "F03", "f", "02"),
        "male/M02F01.wav": ("fear", "M02", "m", "01"),
        "male/M02W11.wav": ("surprise", "M02", "m", "11"),
    },
    "ased": {
        "01Neutral/n1-01-01-01-05.wav": ("neutral", "05", "f", "01"),
        "05Angry/a5-04-02-02-61.wav": ("anger", "61", "m", "04"),
    },
    "turev-db": {
        "Sound Source/Angry/6783_kz_acik.wav": ("anger", "6783", "", "kz_acik"),
        "Sound Source/Calm/1358_kz_acik.wav": ("calm", "1358", "", "kz_acik"),
    },
    "emov-db": {
        "bea/Amused/amused_1-15_0001.wav": ("amusement", "bea", "f", "0001"),
        "sam_Sleepy/sleepiness_1-28_0011.wav": ("sleepiness", "sam", "m", "0011"),
        "jenie/anger_1-28_0011.wav": ("anger", "jenie", "f", "0011"),
    },
    "esd": {
        "0004/Angry/train/0004_000351.wav": ("anger", "0004", "m", "000351"),
        "0015/Surprise/0015_001402.wav": ("surprise", "0015", "f", "001402"),
    },
}


def _write(root, names):
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return root


@pytest.mark.parametrize("name", NAMED)
def test_names_tell_label_speaker_and_sentence(name, tmp_path):
    expected = NAMED[name]
    root = _write(tmp_path / "corpus", [*expected, "notes/readme.wav"])
    corpus = corpora.read(name, root)
    found = {
        Path(row["file"]).relative_to(root).as_posix(): (
            row["label"],
            row["speaker"],
            row["gender"],
            row["sentence"],
        )
        for row in corpus.table.to_dict("records")
    }
    assert found == expected
    assert dict(corpus.dropped) == {"name outside the scheme": 1}


def test_every_corpus_is_read_somewhere():
    here = {"emodb", "ravdess", "urdu", "nemo"}  # test_reader.py
    annotated = {"iemocap", "fau-aibo", "baum-1a", "msp-improv", "msp-podcast"}
    assert set(corpora.names()) == here | annotated | set(NAMED)


def test_languages_and_splits_follow_the_path(tmp_path):
    root = _write(
        tmp_path,
        ["0004/Angry/train/0004_000351.wav", "0015/Angry/test/0015_000352.wav"],
    )
    table = corpora.read("esd", root).table
    assert table["language"].to_list() == ["zh", "en"]
    assert table["split"].to_list() == ["train", "test"]


def test_one_name_in_two_folders_is_two_recordings_where_the_folder_tells_the_speaker(tmp_path):
    root = _write(tmp_path, ["AudioData/DC/a01.wav", "AudioData/JE/a01.wav"])
    assert len(corpora.read("savee", root)) == 2
    (tmp_path / "copy/DC").mkdir(parents=True)
    (tmp_path / "copy/DC/a01.wav").write_bytes(b"another recording")
    with pytest.raises(CorpusError, match=r"different files.*DC.a01\.wav"):
        corpora.read("savee", root)


IEMOCAP = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.0000, 2.5000]
C-E2:\tNeutral;\t()
[10.0100 - 11.3925]\tSes01F_impro01_M001\texc\t[4.5000, 3.0000, 2.5000]

[14.8872 - 18.0175]\tSes01F_impro01_F002\txxx\t[2.5000, 2.5000, 2.5000]
[19.2900 - 20.7875]\tSes01F_impro01_F003\tfru\t[2.5000, 3.5000, 2.0000]
"""


def test_iemocap(tmp_path):
    names = ["F000", "M001", "F002", "F009"]
    root = _write(
        tmp_path,
        [f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{name}.wav" for name in names]
        + ["Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_F003.wav"],
    )
    for session, text in (
        ("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", IEMOCAP),
        (
            "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt",
            "[1.0 - 2.0]\tSes05M_script01_1b_F003\tang\t[1.5000, 4.0000, 4.0000]\n",
        ),
        ("Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e1_cat.txt", "unrelated"),
    ):
        place = root / session
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    corpus = corpora.read("iemocap", root)
    rows = corpus.table.set_index(corpus.table["file"].map(lambda file: Path(file).stem))
    assert rows["label"].to_dict() == {
        "Ses01F_impro01_F000": "neutral",
        "Ses01F_impro01_M001": "excitement",
        "Ses05M_script01_1b_F003": "anger",
    }
    # the actor who speaks, not the one with the markers
    assert rows["speaker"].to_list() == ["Ses01F", "Ses01M", "Ses05F"]
    assert rows["gender"].to_list() == ["f", "m", "f"]
    assert rows["split"].to_list() == ["Ses01", "Ses01", "Ses05"]
    assert rows["valence"].to_list() == [2.5, 4.5, 1.5]
    assert rows["activation"].to_list() == [2.0, 3.0, 4.0]
    assert rows[["start", "end"]].isna().all(axis=None)  # those of the dialogue
    assert dict(corpus.dropped) == {
        "no annotation": 1,
        "annotation without recording": 1,
        "label 'xxx' is no emotion": 1,
    }
    assert corpus.gather("four").class_counts() == {"anger": 1, "happiness": 1, "neutral": 1}


def test_fau_aibo(tmp_path):
    root = _write(tmp_path, [f"wav/{name}.wav" for name in ("Ohm_01_000_00", "Mont_02_010_01")])
    (root / "chunk_labels_5cl_corpus.txt").write_text(
        "Ohm_01_000_00 A 0.6667\nMont_02_010_01 E 1.0\n"
    )
    corpus = corpora.read("fau-aibo", root)
    (row,) = corpus.table.to_dict("records")
    assert (row["label"], row["speaker"], row["split"]) == ("anger", "Ohm_01", "Ohm")
    assert dict(corpus.dropped) == {"label 'E' is no emotion": 1}
    own = corpora.read("fau-aibo", root, label_map={"E": "frustration"})
    assert own.class_counts() == {"anger": 1, "frustration": 1}


def test_baum(tmp_path):
    root = _write(tmp_path, ["S001/S001_001.wav", "S002/S002_004.wav", "S002/S002_005.wav"])
    (root / "Annotations_BAUM1a.csv").write_text(
        "Clip Name;Emotion;Code;Gender\nS001_001;Anger;1;Female\nS002_004;Happiness;5;Male\n"
        "S002_005;Unsure;9;Male\n"
    )
    table = corpora.read("baum-1a", root).table
    assert table["label"].to_list() == ["anger", "happiness"]
    assert table["speaker"].to_list() == ["S001", "S002"]
    assert table["gender"].to_list() == ["f", "m"]


def test_msp_improv(tmp_path):
    names = ["S01A-F01-P-FM01", "S01A-M01-R-FM02", "S06B-M06-T-MF03"]
    root = _write(tmp_path, [f"session1/MSP-IMPROV-{name}.wav" for name in names])
    (root / "Evaluation.txt").write_text(
        "UTD-IMPROV-S01A-F01-P-FM01.avi; H; A:3.8; V:4.0; D:3.2 ; N:3.4;\n"
        "WORKER00000001; Happy; Happy,Excited; A:4.0; V:4.0; D:3.0; N:4.0;\n"
        "UTD-IMPROV-S01A-M01-R-FM02.avi; S; A:NaN; V:2.0; D:3.2 ; N:3.4;\n"
        "UTD-IMPROV-S06B-M06-T-MF03.avi; X; A:2.8; V:3.0; D:3.2 ; N:3.4;\n"
    )
    corpus = corpora.read("msp-improv", root)
    first, second = corpus.table.to_dict("records")
    assert (first["label"], first["speaker"], first["gender"]) == ("happiness", "F01", "f")
    assert (first["activation"], first["valence"], first["split"]) == (3.8, 4.0, "S01")
    assert (second["label"], second["speaker"], second["gender"]) == ("sadness", "M01", "m")
    assert math.isnan(second["activation"])
    assert dict(corpus.dropped) == {"label 'X' is no emotion": 1}


def test_msp_podcast(tmp_path):
    root = _write(tmp_path, [f"Audios/MSP-PODCAST_0001_{i:04}.wav" for i in (8, 9, 10)])
    (root / "Labels").mkdir()
    (root / "Labels/labels_consensus.csv").write_text(
        "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
        "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,3.8,127,Male,Test1\n"
        "MSP-PODCAST_0001_0009.wav,U,5.2,4.5,3.8,Unknown,Unknown,Train\n"
        "MSP-PODCAST_0001_0010.wav,O,5.2,4.5,3.8,5,Female,Train\n"
    )
    corpus = corpora.read("msp-podcast", root)
    first, second = corpus.table.to_dict("records")
    assert (first["label"], first["speaker"], first["gender"]) == ("neutral", "127", "m")
    assert (first["activation"], first["valence"], first["split"]) == (2.2, 4.0, "Test1")
    assert (second["label"], second["speaker"], second["gender"]) == ("surprise", "", "")


def test_missing_and_contradicting_annotations_are_told(tmp_path):
    root = _write(tmp_path, ["wav/Ohm_01_000_00.wav"])
    with pytest.raises(CorpusError, match="no file with annotations"):
        corpora.read("fau-aibo", root)
    labels = root / "chunk_labels_5cl_corpus.txt"
    labels.write_text("nothing of use\n")
    with pytest.raises(CorpusError, match="expected lines like 'Ohm_01_000_00 N"):
        corpora.read("fau-aibo", root)
    labels.write_text("Ohm_01_000_00 A 1\nOhm_01_000_00 N 1\nOhm_01_000_01 N 1\n")
    with pytest.raises(CorpusError, match=r"disagree about Ohm_01_000_00$"):
        corpora.read("fau-aibo", root)
    labels.write_text("Ohm_01_000_07 A 1\n")
    with pytest.raises(CorpusError, match="no annotation: 1"):
        corpora.read("fau-aibo", root)
    podcast = _write(tmp_path / "p", ["MSP-PODCAST_0001_0008.wav"])
    (podcast / "labels_consensus.csv").write_text("FileName,Emotion\nMSP-PODCAST_0001_0008.wav,N\n")
    with pytest.raises(CorpusError, match="lacks the columns EmoClass"):
        corpora.read("msp-podcast", podcast)
