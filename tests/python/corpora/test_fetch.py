"""Downloads from a server on this machine that breaks off, ignores ranges, or holds other things."""

import dataclasses
import http.server
import importlib
import io
import os
import re
import socket
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sparsetransfer import corpora
from sparsetransfer.corpora import fetch as function
from sparsetransfer.exceptions import CorpusError

module = importlib.import_module("sparsetransfer.corpora.fetch")
pytest.importorskip("pooch", reason="the extra 'fetch' is not installed")


def recordings(folder, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for name in ("03a01Fa", "08b02Wb", "16a01Lb"):
        samples = rng.integers(-9000, 9000, size=4000, dtype=np.int16)
        soundfile.write(folder / f"{name}.wav", samples, 16000, subtype="PCM_16")
    return folder


def archive(folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"wav/{path.name}")
        file.writestr("erkennung.txt", "a note")
    return stream.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Sends `content`, of the first `breaks` bytes only; remembers the ranges it was asked for."""

    content, breaks, ranges = b"", None, True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked, whole = self.headers.get("Range"), self.server.content
        self.server.asked.append(asked)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0
        if start and start >= len(whole):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        self.wfile.write(whole[start : self.server.breaks])

    def log_message(self, *arguments):
        """Nothing is printed."""


@pytest.fixture
def server():
    with Server() as instance:
        thread = threading.Thread(target=instance.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield instance
        instance.shutdown()
        thread.join()


@pytest.fixture
def published(server, monkeypatch, tmp_path):
    """EMO-DB as three recordings on the server; the folder they came from."""
    folder = recordings(tmp_path / "origin")
    facts = corpora.scheme("emodb")
    facts = dataclasses.replace(
        facts,
        archive=f"http://127.0.0.1:{server.server_port}/download.zip",
        samples_sha256=module._digest(facts, folder),
    )
    monkeypatch.setattr(module, "scheme", lambda name: facts)
    server.content = archive(folder)
    return folder


def left(place):
    return sorted(path.name for path in place.parent.iterdir())


def test_the_whole_corpus_is_there_and_a_second_call_loads_nothing(server, published, tmp_path):
    seen = []
    place = tmp_path / "new" / "emodb"
    assert function("emodb", place, progress=lambda *pair: seen.append(pair)) == place
    found = corpora.read("emodb", place)
    assert [Path(file).stem for file in found.table["file"]] == ["03a01Fa", "08b02Wb", "16a01Lb"]
    for path in published.iterdir():
        np.testing.assert_array_equal(
            soundfile.read(path, dtype="int16")[0],
            soundfile.read(place / "wav" / path.name, dtype="int16")[0],
        )
    assert seen[-1] == (len(server.content), len(server.content))
    assert left(place) == ["emodb"]
    assert function("emodb", place) == place
    assert server.asked == [None]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(server, published, monkeypatch, tmp_path, ranges):
    monkeypatch.setattr(module, "_BLOCK", 1000)
    server.breaks, server.ranges = 5500, ranges
    place = tmp_path / "new" / "emodb"
    with pytest.raises(ConnectionError, match=r"5000 bytes are kept, and the next call goes on"):
        function("emodb", place)
    assert left(place) == ["emodb.zip.part"]
    assert (tmp_path / "new" / "emodb.zip.part").read_bytes() == server.content[:5000]
    server.breaks = None
    assert function("emodb", place) == place
    assert server.asked == [None, "bytes=5000-"]
    assert left(place) == ["emodb"]


def test_a_download_that_ended_just_before_its_last_step_is_used(server, published, tmp_path):
    (tmp_path / "emodb.zip.part").write_bytes(server.content)
    assert len(corpora.read("emodb", function("emodb", tmp_path / "emodb"))) == 3
    assert server.asked == [f"bytes={len(server.content)}-"]


@pytest.mark.parametrize("kind", ["other samples", "a page", "a part of another file"])
def test_what_is_not_the_corpus_is_refused_and_removed(server, published, tmp_path, kind):
    place = tmp_path / "new" / "emodb"
    if kind == "other samples":
        server.content = archive(recordings(tmp_path / "other", seed=1))
    elif kind == "a page":
        server.content = b"<html>please log in</html>" * 100
    else:
        place.parent.mkdir()
        (place.parent / "emodb.zip.part").write_bytes(b"x" * 5000)
    with pytest.raises(CorpusError, match=r"download\.zip' .*nothing was kept, try again later"):
        function("emodb", place)
    assert left(place) == []


def test_without_a_network_the_message_has_the_way_out(server, published, monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    facts = dataclasses.replace(module.scheme("emodb"), archive=f"http://127.0.0.1:{port}/a.zip")
    monkeypatch.setattr(module, "scheme", lambda name: facts)
    with pytest.raises(ConnectionError) as caught:
        function("emodb", tmp_path / "new" / "emodb")
    message = str(caught.value)
    assert "cannot be downloaded: connection refused; connect to the network" in message
    assert "by hand: http://emodb.bilderbar.info" in message
    assert "object at" not in message
    assert left(tmp_path / "new" / "emodb") == []


@pytest.mark.parametrize("content", ["file", "folder", "empty folder"])
def test_what_is_there_already_is_not_replaced(server, published, tmp_path, content):
    place = tmp_path / "emodb"
    if content == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        if content == "folder":
            (place / "03a01Fa.wav").write_text("mine")
    if content == "empty folder":
        assert len(corpora.read("emodb", function("emodb", place))) == 3
        return
    with pytest.raises(FileExistsError, match="is not the whole corpus; remove it or choose"):
        function("emodb", place)
    assert server.asked == []


def test_an_empty_folder_stays_as_it_may_be_a_mount_point(server, published, monkeypatch, tmp_path):
    place, far = tmp_path / "emodb", tmp_path / "volume"
    far.mkdir()
    place.symlink_to(far)
    identity = far.stat().st_ino
    monkeypatch.setattr(module, "_BLOCK", 1000)
    server.breaks = 5500
    with pytest.raises(ConnectionError, match="5000 bytes are kept"):
        function("emodb", place)
    assert [path.name for path in far.iterdir()] == ["volume.zip.part"]
    server.breaks = None
    assert len(corpora.read("emodb", function("emodb", place))) == 3
    assert place.is_symlink()
    assert far.stat().st_ino == identity
    assert function("emodb", place) == far
    assert server.asked == [None, "bytes=5000-"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_in_the_folder_does_not_hold_it_up(server, published, tmp_path):
    os.mkfifo(tmp_path / "03a01Fa.wav")
    with pytest.raises(FileExistsError, match="is not the whole corpus"):
        function("emodb", tmp_path)
    assert server.asked == []


def test_other_corpora_say_how_they_are_obtained(tmp_path):
    with pytest.raises(
        CorpusError, match=r"'urdu' cannot be fetched \(only emodb can\); obtain it by"
    ):
        function("urdu", tmp_path / "urdu")


@pytest.mark.skipif("SPARSETRANSFER_DATA" not in os.environ, reason="needs the corpora")
def test_the_checksum_is_that_of_the_published_recordings():
    facts = corpora.scheme("emodb")
    place = Path(os.environ["SPARSETRANSFER_DATA"]) / "emodb"
    assert module._digest(facts, place) == facts.samples_sha256


def test_the_command_shows_the_licence_first_and_the_next_step_last(server, published, tmp_path):
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from sparsetransfer.cli.application import application

    finished = CliRunner().invoke(
        application, ["corpora", "fetch", "emodb", "--cache", str(tmp_path / "cache")]
    )
    assert finished.exit_code == 0, finished.output
    lines = finished.stdout.splitlines()
    assert lines[1].startswith("  licence: CC0-1.0")
    place = tmp_path / "cache" / "corpora" / "emodb"
    assert lines[-2] == f"complete: {place}"
    assert lines[-1].endswith(f"--demo 'emodb={place}'")
    assert len(corpora.read("emodb", place)) == 3


def test_a_corpus_that_does_not_exist_is_refused_with_those_that_can_be_fetched(tmp_path):
    with pytest.raises(
        CorpusError, match="no corpus is named 'nosuch'; what can be fetched: emodb"
    ):
        function("nosuch", tmp_path / "nosuch")
