"""The embedded corpora, small, and a way to run the command line on them."""

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
