"""Files of models: damaged, hostile and earlier ones."""

import json

import numpy as np
import pytest

from sparsetransfer.evaluation import make_methods
from sparsetransfer.recognition import ModelError, Recogniser
from sparsetransfer.recognition.calibration import fit_adjustment

pytest.importorskip("safetensors", reason="models are files of safetensors")


@pytest.fixture(scope="module")
def content(pair, tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "model.st"
    settings = {"n_components": 24, "max_iter": 5}
    (method,) = make_methods(["transfer-sparse-coding"], {"transfer-sparse-coding": settings})
    Recogniser(method).fit(*pair).save(place)
    return place.read_bytes()


def changed(content, change):
    """Return the file with another description."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    description = json.loads(header["__metadata__"]["sparsetransfer"])
    change(description, header)
    header["__metadata__"]["sparsetransfer"] = json.dumps(description)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def coder(tree):
    return tree["model"]["state"]["model"]["state"]["encoders"]["tuple"][1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, h: d.update(schema_version=3), "newer version.*update"),
        (lambda d, h: d.update(schema="other"), "expected sparsetransfer.recogniser"),
        (lambda d, h: d.update(model=None), "damaged"),
        (lambda d, h: coder(d).update({"class": "Popen"}), "keeps a fitted 'Popen'"),
        (lambda d, h: coder(d)["params"].update(shell=True), "damaged"),
        (lambda d, h: coder(d)["state"].update(transform="evil"), "exactly"),
        (lambda d, h: coder(d)["state"].pop("_linear_term"), "exactly"),
        (lambda d, h: coder(d)["state"].update(components_=None), "no model"),
        (lambda d, h: coder(d)["state"].update(codes_={"array": "99"}), "damaged"),
        (lambda d, h: coder(d)["state"]["_graph"]["state"].update(n_neighbors=10**9), "no model"),
        (lambda d, h: d["model"]["state"].update(widths={"tuple": [8, 6]}), "fit together"),
    ],
    ids=[
        *("newer", "other schema", "no model", "unknown class", "unknown parameter"),
        *("unknown attribute", "missing attribute", "no array", "missing array", "too many"),
        "other widths",
    ],
)
def test_hostile_files_are_refused(content, change, message, tmp_path):
    place = tmp_path / "model.st"
    place.write_bytes(changed(content, change))
    with pytest.raises(ModelError, match=message):
        Recogniser.load(place)


def test_an_unchanged_description_is_read(content, tmp_path):
    place = tmp_path / "model.st"
    place.write_bytes(changed(content, lambda d, h: None))
    Recogniser.load(place)


def test_a_file_from_before_labels_could_calibrate_is_read(content, tmp_path):
    place, earlier = tmp_path / "model.st", tmp_path / "earlier.st"
    place.write_bytes(content)
    tree = ("model", "state", "calibration", "state")

    def forget(description, header):
        for name in tree:
            description = description[name]
        assert description.pop("offsets") is None

    earlier.write_bytes(changed(content, forget))
    rows = np.random.default_rng(0).normal(size=(3, 8)), np.zeros((3, 5))
    found = [Recogniser.load(each).predict_proba(rows) for each in (place, earlier)]
    np.testing.assert_array_equal(*found)


def test_labels_adjust_the_probabilities_of_the_file(pair, tmp_path):
    recogniser = Recogniser("ridge").fit(*pair)
    before = recogniser.predict_proba(pair[1])
    few = np.arange(0, len(pair[1]), 5)
    truth = np.searchsorted(recogniser.classes_, pair[1].labels[few])
    adjustment = fit_adjustment(before[few], truth)
    recogniser.adjust(adjustment).save(tmp_path / "model.st")
    found = Recogniser.load(tmp_path / "model.st").predict_proba(pair[1])
    np.testing.assert_allclose(found, adjustment.apply(before), rtol=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_files_are_refused(content, share, tmp_path):
    place = tmp_path / "model.st"
    place.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError):
        Recogniser.load(place)


def test_random_bytes_never_do_more_than_being_refused(content, tmp_path):
    rng = np.random.default_rng(0)
    place = tmp_path / "model.st"
    for _ in range(40):
        broken = bytearray(content)
        for position in rng.integers(0, len(content), 20):
            broken[position] = rng.integers(256)
        place.write_bytes(bytes(broken))
        try:
            Recogniser.load(place)
        except ModelError:
            continue


def test_a_file_with_former_names_is_read(content, tmp_path):
    place, earlier = tmp_path / "model.st", tmp_path / "earlier.st"
    place.write_bytes(content)

    def rename(description, header):
        state = coder(description)["state"]
        state["_pull"] = state.pop("_linear_term")
        assert state["_pull"]["class"] == "LinearTerm"
        state["_pull"]["class"] = "MeanPull"

    earlier.write_bytes(changed(content, rename))
    rows = np.random.default_rng(0).normal(size=(3, 8)), np.zeros((3, 5))
    found = [Recogniser.load(each).predict_proba(rows) for each in (place, earlier)]
    np.testing.assert_array_equal(*found)
