import dataclasses
import json

import numpy as np
import pytest

from sparsetransfer.exceptions import CorpusError
from sparsetransfer.recognition import ModelError, fit_recogniser, load_model, save_model
from sparsetransfer.recognition import linear as module
from sparsetransfer.recognition.linear import Window, aggregate_windows

pytest.importorskip("safetensors", reason="models are files of safetensors")


@pytest.fixture
def model(domains):
    return fit_recogniser(domains[:1], "functionals", n_folds=3)


@pytest.fixture
def file(model, tmp_path):
    place = tmp_path / "model.st"
    save_model(model, place)
    return place


def test_probabilities_are_calibrated_and_agree_with_the_machine(domains, model):
    shares = model.probabilities(domains[0].features)
    np.testing.assert_allclose(shares.sum(1), 1)
    guessed = np.array(model.classes)[shares.argmax(1)]
    assert np.mean(guessed == domains[0].labels) > 0.8
    # One row alone gets what it gets among others.
    np.testing.assert_allclose(model.probabilities(domains[0].features[:1]), shares[:1])


def test_calibration_is_the_maximum_likelihood_of_its_family():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 200)
    decisions = 2.0 * np.eye(3)[truth] + rng.standard_normal((600, 3)) + [0.0, 1.5, 0.0]
    found = module._calibrate(decisions, truth)

    def loss(values):
        shares = module._softmax(values[0] * decisions + values[1:])
        return -np.mean(np.log(shares[np.arange(600), truth]))

    for step in 0.02 * np.vstack([np.eye(4), -np.eye(4)]):
        assert loss(found + step) > loss(found) - 1e-6
    # Shares of held-out rows say how often they are right.
    fresh = 2.0 * np.eye(3)[truth] + rng.standard_normal((600, 3)) + [0.0, 1.5, 0.0]
    shares = module._softmax(found[0] * fresh + found[1:])
    assert shares.max(1).mean() == pytest.approx(np.mean(shares.argmax(1) == truth), abs=0.05)
    assert found[2] < min(found[1], found[3])


def test_two_classes_share_one_machine(domains):
    from sparsetransfer.evaluation.data.dataset import select_classes

    pair = select_classes(domains[0], ("anger", "sadness"))
    model = fit_recogniser([pair], "functionals", n_folds=3)
    guessed = np.array(model.classes)[model.probabilities(pair.features).argmax(1)]
    assert np.mean(guessed == pair.labels) > 0.85


def test_corpora_must_fit_together(domains):
    other = dataclasses.replace(domains[1], feature_set="toy-2")
    with pytest.raises(CorpusError, match="other features"):
        fit_recogniser([domains[0], other], "functionals")


def test_a_file_gives_the_model_back(domains, model, file):
    again = load_model(file)
    rows = domains[1].features
    np.testing.assert_array_equal(again.probabilities(rows), model.probabilities(rows))
    assert again.classes == model.classes
    assert again.about == json.loads(json.dumps(model.about))
    assert [entry.name for entry in file.parent.iterdir()] == ["model.st"]


def test_every_truncation_is_refused(file):
    whole = file.read_bytes()
    for length in [*range(40), *range(40, len(whole), 97)]:
        file.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load_model(file)


def test_a_header_that_promises_too_much_allocates_nothing(file):
    whole = file.read_bytes()
    for claimed in (len(whole), 1 << 40, (1 << 64) - 1):
        file.write_bytes(claimed.to_bytes(8, "little") + whole[8:])
        with pytest.raises(ModelError, match="header cannot be"):
            load_model(file)


def edited(file, change):
    """Write the file with another header and the same arrays."""
    whole = file.read_bytes()
    count = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + count])
    description = json.loads(header["__metadata__"]["sparsetransfer"])
    change(header, description)
    if header.get("__metadata__"):
        header["__metadata__"]["sparsetransfer"] = json.dumps(description)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + count :])


HOSTILE = {
    "other schema": lambda h, d: d.update(schema="other"),
    "later version": lambda h, d: d.update(schema_version=99),
    "one class": lambda h, d: d.update(classes=["anger"]),
    "classes twice": lambda h, d: d.update(classes=["anger"] * 3),
    "classes no list": lambda h, d: d.update(classes="abc"),
    "more classes": lambda h, d: d.update(classes=["a", "b", "c", "d"]),
    "no metadata": lambda h, d: h.update(__metadata__={}),
    "missing array": lambda h, d: h.pop("spread"),
    "strange array": lambda h, d: h.update(other=h["mean"]),
    "huge shape": lambda h, d: h["mean"].update(shape=[1 << 40]),
    "negative shape": lambda h, d: h["mean"].update(shape=[-1]),
    "empty shape": lambda h, d: h["mean"].update(shape=[0]),
    "other type": lambda h, d: h["mean"].update(dtype="F32"),
    "offsets outside": lambda h, d: h["mean"].update(data_offsets=[0, 1 << 40]),
    "offsets overlap": lambda h, d: h["mean"].update(data_offsets=h["spread"]["data_offsets"]),
    "entry no table": lambda h, d: h.update(mean=3),
    "feature set no text": lambda h, d: d.update(feature_set=3),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_headers_are_refused(file, name):
    edited(file, HOSTILE[name])
    with pytest.raises(ModelError, match=r"model\.st"):
        load_model(file)


def test_the_editor_itself_does_no_harm(file):
    edited(file, lambda h, d: None)
    load_model(file)


@pytest.mark.parametrize("text", [b"", b"\x80\x04K\x01.", b"[" * 100_000, b"RIFF" * 100])
def test_other_files_are_refused(file, text):
    file.write_bytes(text)
    with pytest.raises(ModelError):
        load_model(file)
    file.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ModelError):
        load_model(file)


@pytest.mark.parametrize(
    ("name", "value"),
    [("mean", np.nan), ("coefficients", np.inf), ("spread", 0.0), ("calibration", -1.0)],
)
def test_values_that_cannot_be_are_refused(model, tmp_path, name, value):
    broken = np.array(getattr(model, name))
    broken.flat[0] = value
    save_model(dataclasses.replace(model, **{name: broken}), tmp_path / "model.st")
    with pytest.raises(ModelError, match=r"not finite|must be positive"):
        load_model(tmp_path / "model.st")
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(tmp_path / "nowhere.st")


def test_overall_weights_windows_by_their_length():
    windows = [Window(0, 3, (0.8, 0.2)), Window(3, 4, (0.2, 0.8))]
    expected = np.array([0.8**0.75 * 0.2**0.25, 0.2**0.75 * 0.8**0.25])
    np.testing.assert_allclose(aggregate_windows(windows), expected / expected.sum())
    np.testing.assert_allclose(aggregate_windows(windows[:1]), (0.8, 0.2))
