"""A running signal on the standard input, window by window."""

import io
import json
import subprocess
import sys
import wave

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sparsetransfer.cli.application import application
from sparsetransfer.recognition import Recogniser, recognise_stream

pytest.importorskip("safetensors", reason="models are files of safetensors")

RATE = 8_000


def invoke(*arguments, content=b""):
    return CliRunner().invoke(application, [str(part) for part in arguments], input=content)


@pytest.fixture(scope="module")
def model(corpora, cache, tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "model.st"
    finished = invoke("fit", corpora[0], "-o", place, "--cache", cache)
    assert finished.exit_code == 0, finished.output
    return place


def signal(seconds, seed=0):
    """Return noise whose level rises, as integers of 16 bits."""
    rng = np.random.default_rng(seed)
    level = np.linspace(500, 5000, int(RATE * seconds))
    return np.round(level * rng.standard_normal(len(level)) / 3).astype("<i2")


def wav(samples, *, width=2, channels=1):
    place = io.BytesIO()
    with wave.open(place, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(samples)
    return place.getvalue()


@pytest.mark.parametrize("seconds", [0.4, 2.0, 4.5, 6.0])
def test_windows_of_a_stream_are_those_of_the_file(model, tmp_path, seconds):
    samples = signal(seconds)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="PCM_16")
    options = ("--window", 2, "--hop", 1)
    finished = invoke("predict", model, tmp_path / "a.wav", *options, "--json", tmp_path / "a.json")
    assert finished.exit_code == 0, finished.output
    (file,) = json.loads((tmp_path / "a.json").read_text())["files"]
    streams = {
        "wav": (wav(samples.tobytes()), ()),
        "s16": (samples.tobytes() + b"\1", ("--rate", RATE)),
        "f32": ((samples / 32768).astype("<f4").tobytes(), ("--rate", RATE, "--format", "f32")),
    }
    for content, further in streams.values():
        finished = invoke("predict", model, "-", *options, *further, content=content)
        assert finished.exit_code == 0, finished.output
        lines = [json.loads(line) for line in finished.stdout.splitlines()]
        assert len(lines) == len(file["windows"])
        for line, window in zip(lines, file["windows"], strict=True):
            assert (line["start"], line["end"]) == pytest.approx((window["start"], window["end"]))
            # Files are brought to the rate of the features in longer stretches.
            assert line["probabilities"] == pytest.approx(window["probabilities"], abs=0.02)
            assert line["emotion"] == max(line["probabilities"], key=line["probabilities"].get)
            assert line["status"] == "ok"
            assert line["latency"] >= 0


def test_a_line_comes_as_soon_as_its_window_ends(model):
    command = "from sparsetransfer.cli import main; main()"
    options = ["--window", "1", "--hop", "1", "--rate", str(RATE)]
    with subprocess.Popen(
        [sys.executable, "-c", command, "predict", str(model), "-", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        content = signal(2.0).tobytes()
        process.stdin.write(content[: 2 * RATE])
        process.stdin.flush()
        # The stream goes on, and the first line is there.
        first = json.loads(process.stdout.readline())
        assert (first["start"], first["end"]) == (0.0, 1.0)
        rest, _ = process.communicate(content[2 * RATE :])
    assert [json.loads(line)["end"] for line in rest.splitlines()] == [2.0]
    assert process.returncode == 0


@pytest.mark.parametrize("width", [1, 3, 4])
def test_integers_of_every_width(model, width):
    samples = signal(1.0)
    expected = json.loads(invoke("predict", model, "-", content=wav(samples.tobytes())).stdout)
    if width == 1:
        content = (samples // 256 + 128).astype("u1").tobytes()
    else:
        wide = samples.astype("<i4") << 16
        content = wide.view("u1").reshape(-1, 4)[:, 4 - width :].tobytes()
    found = json.loads(invoke("predict", model, "-", content=wav(content, width=width)).stdout)
    tolerance = 0.2 if width == 1 else 1e-12
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=tolerance)


def test_channels_are_averaged_and_silence_is_a_line(model):
    samples = signal(1.0)
    both = wav(np.column_stack([samples, samples]).tobytes(), channels=2)
    one, two = (
        json.loads(invoke("predict", model, "-", content=content).stdout)["probabilities"]
        for content in (wav(samples.tobytes()), both)
    )
    assert one == pytest.approx(two)
    finished = invoke("predict", model, "-", content=wav(bytes(2 * RATE)))
    assert finished.exit_code == 0
    line = json.loads(finished.stdout)
    assert (line["status"], line["flags"]) == ("failed", ["silent"])
    assert line["reason"] == "nothing but silence, there is no speech to recognise"


def test_a_window_of_no_numbers_has_a_reason(model):
    content = np.full(RATE, np.nan, "<f4").tobytes()
    finished = invoke("predict", model, "-", "--rate", RATE, "--format", "f32", content=content)
    (line,) = map(json.loads, finished.stdout.splitlines())
    assert (line["status"], line["reason"]) == ("failed", "holds NaN or infinite samples")


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (("-",), b"", "no WAV file of integers"),
        (("-",), b"noise" * 99, "no WAV file of integers"),
        (("-",), wav(bytes(80))[:34] + b"\x28" + wav(bytes(80))[35:], "of 40 bits a sample"),
        (("-", "--rate", "8000"), b"", "holds no samples"),
        (("-", "--rate", "8000", "--format", "mp3"), b"", "must be s16 or f32"),
        (("a.wav", "--format", "mp3"), b"", "must be s16 or f32"),
        (("-", "a.wav"), b"", "go with no other recording"),
        (("a.wav", "--rate", "8000"), b"", "go with no other recording"),
        (("-", "--csv", "a.csv"), b"", "no output file"),
        (("-", "--hop", "0"), wav(signal(1.0).tobytes()), "must be positive"),
    ],
)
def test_input_that_cannot_be_used_is_one_line(model, arguments, content, message):
    finished = invoke("predict", model, *arguments, content=content)
    assert finished.exit_code == 2
    assert message in " ".join(finished.stderr.split())


@pytest.mark.parametrize(("window", "hop"), [(1.0, 0.5), (0.5, 0.75), (0.3, 0.3)])
@pytest.mark.parametrize("block", [37, 800, 100_000])
def test_blocks_of_any_length_make_the_same_windows(window, hop, block, monkeypatch):
    from sparsetransfer.recognition.recordings import stream

    samples = np.arange(round(2.6 * RATE), dtype=np.float64)[:, None]
    parts = []
    monkeypatch.setattr(stream, "_answer", lambda r, place, part, rate: parts.append(part[:, 0]))
    blocks = (samples[first : first + block] for first in range(0, len(samples), block))
    times = [
        (a, b) for a, b, _ in recognise_stream(Recogniser(), blocks, RATE, window=window, hop=hop)
    ]
    starts = np.arange(0, 2.6 - window + 1e-9, hop).tolist()
    if starts[-1] + window < 2.6 - 1e-9:
        starts.append(2.6 - window)
    assert [a for a, _ in times] == pytest.approx(starts)
    for (start, end), part in zip(times, parts, strict=True):
        np.testing.assert_array_equal(part, np.arange(round(start * RATE), round(end * RATE)))
