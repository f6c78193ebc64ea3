"""openSMILE's sets: what its package gives, unchanged, in this library's table."""

import logging
import pickle

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import features
from sparsetransfer.corpora import Corpus
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.features.sets.opensmile import OPENSMILE_SETS, _smile, _state_licence

RATE = 16000


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip("opensmile", reason="the extra 'opensmile' is not installed")


def _signal(seconds=0.5):
    rng = np.random.default_rng(0)
    time = np.arange(round(RATE * seconds)) / RATE
    return (0.1 * np.sin(2 * np.pi * 200 * time) + 0.01 * rng.standard_normal(time.size)).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("name", "columns"),
    [("opensmile-is09", 384), ("opensmile-egemaps", 88), ("opensmile-emobase", 988)],
)
def test_values_and_names_are_openSMILEs(package, name, columns):
    chosen = features.feature_set(name)
    assert isinstance(chosen, features.FeatureSet)
    assert len(chosen.names) == len(set(chosen.names)) == len(chosen.units) == columns
    assert chosen.id == f"{name}-{package.__version__}"
    own = package.Smile(
        package.FeatureSet[OPENSMILE_SETS[name]], package.FeatureLevel.Functionals
    ).process_signal(_signal(), RATE)
    assert list(own.columns) == list(chosen.names)
    np.testing.assert_array_equal(chosen.compute(_signal()), own.to_numpy()[0])
    again = pickle.loads(pickle.dumps(chosen))
    np.testing.assert_array_equal(again.compute(_signal()), own.to_numpy()[0])


def test_every_name_is_a_set_of_the_package(package):
    known = set(package.FeatureSet.__members__)
    assert set(OPENSMILE_SETS.values()) <= known
    assert set(OPENSMILE_SETS) <= set(features.names())


def test_the_licence_is_stated_once(package, caplog):
    _state_licence.cache_clear()
    _smile.cache_clear()
    with caplog.at_level(logging.WARNING):
        features.feature_set("opensmile-is09")
        features.feature_set("opensmile-egemaps")
    assert sum("research licence" in message for message in caplog.messages) == 1
    assert "non-commercial" in features.feature_set("opensmile-is09").parameters["licence"]


def test_too_short_signals_are_failures_that_say_so(package, tmp_path):
    for seconds in (0.02, 0.5):
        soundfile.write(tmp_path / f"{seconds}.wav", _signal(seconds), RATE)
    files = [str(tmp_path / f"{seconds}.wav") for seconds in (0.02, 0.5)]
    corpus = Corpus("test", pd.DataFrame({"file": files, "label": "anger"}))
    table = features.extract(corpus, "opensmile-is09", on_error="drop")
    assert len(table) == 1
    assert table.failures["file"].to_list() == files[:1]
    assert "too short" in table.failures["error"][0]
    with pytest.raises(CorpusError, match="too short"):
        features.extract(corpus, "opensmile-is09")


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    from importlib import metadata

    from sparsetransfer.features.sets import opensmile

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    opensmile._version.cache_clear()
    try:
        with pytest.raises(ModuleNotFoundError, match=r"sparsetransfer\[opensmile\]"):
            features.feature_set("opensmile-is09")
    finally:
        opensmile._version.cache_clear()


def test_unknown_sets_are_refused():
    with pytest.raises(ValueError, match="opensmile-is09"):
        features.sets.opensmile.OpenSmile("is09")
