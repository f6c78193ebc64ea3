"""The embedded corpora: same bytes for the same seed, whole or absent, and as hard as planned."""

import csv
import json

import numpy as np
import pytest
from scipy.io import wavfile

from sparsetransfer.exceptions import CorpusError
from sparsetransfer.synthetic import corpora, make_corpora
from sparsetransfer.synthetic.domains import ROOM, SOURCE, STUDIO, TARGET, draw_speaker
from sparsetransfer.synthetic.emotions import EMOTIONS, express

SMALL = {"seed": 3, "n_speakers": 2, "n_sentences": 2}


def rows(manifest):
    with manifest.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make_corpora(tmp_path_factory.mktemp("small"), **SMALL)


def test_same_seed_same_bytes_other_seed_other_bytes(small, tmp_path):
    make_corpora(tmp_path / "again", **SMALL)
    assert contents(tmp_path / "again") == contents(small[0].parent.parent)
    source, _ = make_corpora(tmp_path / "other", **{**SMALL, "seed": 4})
    ours, theirs = contents(small[0].parent), contents(source.parent)
    assert not [p for p in ours if p.suffix == ".wav" and ours[p] == theirs.get(p)]


def test_a_larger_corpus_contains_the_smaller(small, tmp_path):
    large = make_corpora(tmp_path, **{**SMALL, "n_speakers": 3})
    for a, b in zip(small, large, strict=True):
        common = {r["file"] for r in rows(a)}
        assert all((a.parent / f).read_bytes() == (b.parent / f).read_bytes() for f in common)


def test_manifest_agrees_with_the_files(small):
    for manifest in small:
        table = rows(manifest)
        assert tuple(table[0]) == corpora.COLUMNS
        files = [r["file"] for r in table]
        assert sorted(files) == sorted(p.name for p in manifest.parent.glob("*.wav"))
        assert len(set(files)) == 2 * 2 * 4
        combinations = {(r["speaker"], r["sentence"], r["label"]) for r in table}
        assert len(combinations) == len(table)
        assert {r["label"] for r in table} == set(EMOTIONS)
        assert len({r["corpus"] for r in table} | {manifest.parent.name}) == 1
        assert {r["gender"] for r in table} == {"female", "male"}


def test_the_corpora_share_neither_speaker_sentence_nor_language(small):
    source, target = (rows(manifest) for manifest in small)
    for column in ("speaker", "sentence", "language", "corpus"):
        assert not {r[column] for r in source} & {r[column] for r in target}
    inventories = [set("".join(r["sentence"] for r in table)) for table in (source, target)]
    assert inventories[0] - inventories[1]
    assert inventories[1] - inventories[0]


def test_files_are_plausible_recordings(small):
    for manifest in small:
        for row in rows(manifest):
            rate, pcm = wavfile.read(manifest.parent / row["file"])
            assert rate == 16_000
            assert pcm.dtype == np.int16
            assert pcm.ndim == 1
            assert 0.6 < pcm.size / rate < 4
            assert np.abs(pcm).max() <= 0.951 * 32767
            level = 20 * np.log10(np.sqrt(np.mean((pcm / 32768) ** 2)))
            assert -50 < level < -12


def test_a_complete_corpus_is_reused(tmp_path):
    source, target = make_corpora(tmp_path, **SMALL)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert make_corpora(tmp_path, **SMALL) == (source, target)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_partial_or_different_corpus_is_rebuilt(tmp_path):
    source, _ = make_corpora(tmp_path, **SMALL)
    whole = contents(tmp_path)
    lost = source.parent / rows(source)[0]["file"]
    lost.unlink()
    make_corpora(tmp_path, **SMALL)
    assert contents(tmp_path) == whole

    make_corpora(tmp_path, **{**SMALL, "seed": 9})
    assert contents(tmp_path) != whole
    stamp = source.parent / "synthetic.json"
    assert json.loads(stamp.read_text())["seed"] == 9
    stamp.write_text("{")
    make_corpora(tmp_path, **SMALL)
    assert contents(tmp_path) == whole


def test_an_interrupted_corpus_leaves_nothing_behind(tmp_path, monkeypatch):
    calls = 0
    real = corpora.synthesise

    def breaks(*arguments):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(corpora, "synthesise", breaks)
    with pytest.raises(KeyboardInterrupt):
        make_corpora(tmp_path, **SMALL)
    assert calls == 5
    assert not list(tmp_path.iterdir())


def test_a_foreign_folder_is_left_alone(tmp_path):
    foreign = tmp_path / "synthetic-source" / "thesis.txt"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    with pytest.raises(CorpusError, match="synthetic-source"):
        make_corpora(tmp_path, **SMALL)
    assert foreign.read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"seed": -1}, ValueError),
        ({"seed": 0.5}, TypeError),
        ({"n_speakers": 1}, ValueError),
        ({"n_sentences": 0}, ValueError),
        ({"n_sentences": True}, TypeError),
    ],
)
def test_bad_arguments_are_named(tmp_path, changes, error):
    (name,) = changes
    with pytest.raises(error, match=name):
        make_corpora(tmp_path / "none", **changes)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("domain", [SOURCE, TARGET])
def test_emotions_are_ordered_in_energy_and_pitch_and_overlap(domain):
    generator = np.random.default_rng(0)
    drawn = {emotion: [] for emotion in EMOTIONS}
    for number in range(40):
        speaker = draw_speaker(domain, number, generator)
        for emotion in EMOTIONS:
            prosody = express(
                speaker.neutral,
                domain.habits["neutral"],
                domain.habits[emotion],
                speaker.strength[emotion],
                generator,
            )
            drawn[emotion].append((prosody.energy, prosody.pitch))
    energy = {emotion: np.array(values)[:, 0] for emotion, values in drawn.items()}
    pitch = {emotion: np.array(values)[:, 1] for emotion, values in drawn.items()}
    order = sorted(EMOTIONS, key=lambda emotion: energy[emotion].mean())
    assert order == ["sadness", "neutral", "happiness", "anger"]
    assert pitch["happiness"].mean() > pitch["anger"].mean() > pitch["neutral"].mean()
    assert energy["happiness"].max() > energy["anger"].min()
    assert energy["sadness"].max() > energy["neutral"].min()


def test_extreme_speakers_stay_within_the_synthesiser():
    class Extreme:
        """A generator whose draws all lie far out."""

        def __init__(self, value):
            self.value = value

        def standard_normal(self):
            return self.value

        def uniform(self, low, high):
            return high if self.value > 0 else low

    for value in (-6.0, 6.0):
        for domain in (SOURCE, TARGET):
            for number in (0, 1):
                speaker = draw_speaker(domain, number, Extreme(value))
                for emotion in EMOTIONS:
                    prosody = express(
                        speaker.neutral,
                        domain.habits["neutral"],
                        domain.habits[emotion],
                        speaker.strength[emotion],
                        Extreme(value),
                    )
                    half = abs(prosody.pitch_slope) / 2 + 2.4 * prosody.pitch_range
                    ends = speaker.voice.pitch * 2 ** (
                        (prosody.pitch + np.array([-half, half])) / 12
                    )
                    assert 30 < ends[0] < ends[1] < 1000


def test_the_recording_shift_changes_neither_habits_nor_strength(tmp_path):
    assert STUDIO.habits == ROOM.habits
    assert STUDIO.strength == ROOM.strength
    assert STUDIO.recording != ROOM.recording
    assert STUDIO.language != ROOM.language
    pair = make_corpora(tmp_path, shift="recording", n_speakers=2, n_sentences=1)
    tables = [rows(manifest) for manifest in pair]
    assert [table[0]["corpus"] for table in tables] == ["synthetic-studio", "synthetic-room"]
    for column in ("speaker", "sentence", "language"):
        assert not {r[column] for r in tables[0]} & {r[column] for r in tables[1]}


def test_an_unknown_shift_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"shift must be one of habits, recording, got 'weather'"):
        make_corpora(tmp_path, shift="weather")
    assert not list(tmp_path.iterdir())
