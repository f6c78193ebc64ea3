"""Features of real recordings: pitch of men and women, and very quiet files."""

import os
from pathlib import Path

import numpy as np
import pytest

from sparsetransfer import audio, corpora, features


@pytest.fixture(scope="module")
def data():
    root = os.environ.get("SPARSETRANSFER_DATA")
    if not root:
        pytest.skip("SPARSETRANSFER_DATA does not name a folder with the real corpora")
    return Path(root)


def test_women_speak_higher_and_anger_is_higher_than_sadness(data):
    corpus = corpora.read("emodb", data / "emodb", classes=["anger", "sadness"])
    few = corpora.Corpus("few", corpus.table.iloc[::6])
    table = features.extract(few, n_jobs=1)
    pitch = table.values[:, table.names.index("f0_p50")]
    rows = few.table
    means = {
        (gender, label): pitch[(rows["gender"] == gender) & (rows["label"] == label)].mean()
        for gender in "fm"
        for label in few.classes
    }
    for gender in "fm":
        assert means[gender, "anger"] > means[gender, "sadness"] + 1
    for label in few.classes:
        assert means["f", label] > means["m", label] + 3  # semitones


def test_the_quietest_recording_has_the_features_of_a_loud_one(data):
    file = data / "ravdess" / "flac" / "03-01-01-01-01-01-01.flac"  # -48 dBFS
    quiet = audio.load(file)
    functionals = features.feature_set("functionals")
    values = functionals.compute(quiet)
    louder = functionals.compute(quiet * np.float32(64))
    named = dict(zip(functionals.names, zip(values, louder, strict=True), strict=True))
    assert named["voiced_share"][0] > 0.3
    for name in ("f0_mean", "voiced_share", "mfcc1_mean", "mfcc5_std", "centroid_mean", "duration"):
        assert named[name][1] == pytest.approx(named[name][0], rel=0.02, abs=0.02), name
    shift = named["log_energy_p95"][1] - named["log_energy_p95"][0]
    assert shift == pytest.approx(np.log(64), abs=1e-2)
