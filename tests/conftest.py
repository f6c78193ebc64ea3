"""What all tests rely on."""

import os
import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Shells start what runs in the background with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_speech(tmp_path_factory):
    """Return the folder of the real corpora, and one for the features of all tests."""
    if "SPARSETRANSFER_DATA" not in os.environ:
        pytest.skip("SPARSETRANSFER_DATA names no folder with the real corpora")
    return Path(os.environ["SPARSETRANSFER_DATA"]), tmp_path_factory.mktemp("features")
