"""The embedded corpora, small, and a way to run the command line on them."""

import shutil

import pytest
from typer.testing import CliRunner

from sparsetransfer import synthetic
from sparsetransfer.cli.application import application


@pytest.fixture(scope="session")
def corpora(tmp_path_factory):
    """Return the manifests of a source and a target of 3 speakers and 32 recordings each."""
    return synthetic.make_corpora(tmp_path_factory.mktemp("corpora"), n_speakers=3, n_sentences=3)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Return a folder of features that all tests share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def evaluate(cache):
    """Return a function that runs ``sparsetransfer evaluate`` in this process."""

    def run(*arguments):
        texts = ["evaluate", "--cache", str(cache), *map(str, arguments)]
        return CliRunner().invoke(application, texts)

    return run


@pytest.fixture(scope="session")
def calls(corpora, tmp_path_factory):
    """Return a folder with the target's recordings at some depth, under names that say nothing."""
    folder = tmp_path_factory.mktemp("own") / "calls"
    for number, file in enumerate(sorted(corpora[1].parent.glob("*.wav"))):
        place = folder / f"day{number % 3}" / f"{number:03d}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    return folder


@pytest.fixture(scope="session")
def adapted(corpora, calls, cache, tmp_path_factory):
    """Return a model of the source that was adapted to the target's recordings."""
    pytest.importorskip("safetensors", reason="models are files of safetensors")
    place = tmp_path_factory.mktemp("model") / "calls.st"
    arguments = ("fit", corpora[0], "--target", calls, "-o", place, "--cache", cache)
    options = ("--method", "multi-view", "--features", "functionals,is09-style")
    finished = CliRunner().invoke(application, [str(part) for part in (*arguments, *options)])
    assert finished.exit_code == 0, finished.output
    assert "adapted to" in finished.stdout
    return place
