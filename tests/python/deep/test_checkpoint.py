import json
import resource

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sparsetransfer import deep
from sparsetransfer.deep import CheckpointError
from sparsetransfer.deep.training.checkpoint import load_module, read_checkpoint, write_checkpoint

TENSORS = {"a": torch.arange(6.0).reshape(2, 3)}


@pytest.fixture
def path(tmp_path):
    write_checkpoint(tmp_path / "model.st", "thing", TENSORS, {"number": 3})
    return tmp_path / "model.st"


def test_what_is_written_is_read(path):
    tensors, meta = read_checkpoint(path, "thing")
    assert torch.equal(tensors["a"], TENSORS["a"])
    assert meta == {"number": 3}
    assert [p.name for p in path.parent.iterdir()] == ["model.st"]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 60, -1])
def test_a_truncated_file_is_refused(path, size):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path, "thing")


def test_any_flipped_byte_is_refused_or_read_without_harm(path):
    content = path.read_bytes()
    for position in range(0, len(content), 3):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        try:
            tensors, _ = read_checkpoint(path, "thing")
        except CheckpointError:
            continue
        assert all(torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point())


def test_a_huge_header_is_refused(path):
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}" * 50)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path, "thing")


@pytest.mark.parametrize(
    "header",
    [
        None,
        {"sparsetransfer": "[]"},
        {"sparsetransfer": "not json"},
        {"sparsetransfer": json.dumps({"schema": 1, "kind": "thing", "meta": [1]})},
    ],
)
def test_a_strange_header_is_refused(path, header):
    save_file(TENSORS, path, header)
    with pytest.raises(CheckpointError):
        read_checkpoint(path, "thing")


def test_another_kind_or_schema_is_refused(path):
    with pytest.raises(CheckpointError, match=r"'thing'.*expected 'other'"):
        read_checkpoint(path, "other")
    header = {"sparsetransfer": json.dumps({"schema": 99, "kind": "thing", "meta": {}})}
    save_file(TENSORS, path, header)
    with pytest.raises(CheckpointError, match="schema 99"):
        read_checkpoint(path, "thing")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(path, value):
    write_checkpoint(path, "thing", {"a": torch.tensor([value])}, {})
    with pytest.raises(CheckpointError, match="not finite"):
        read_checkpoint(path, "thing")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.st"):
        read_checkpoint(tmp_path / "nothing.st", "thing")


def test_a_failed_write_keeps_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_checkpoint(path, "thing", TENSORS, {"number": object()})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["model.st"]


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"weight": torch.ones(2, 3), "bias": torch.ones(2), "more": torch.ones(1)},
        {"weight": torch.ones(3, 2), "bias": torch.ones(2)},
        {"weight": torch.ones(2, 3), "bias": torch.ones(2, dtype=torch.int64)},
    ],
)
def test_tensors_that_do_not_fit_the_network_are_refused(tensors):
    with pytest.raises(CheckpointError, match="does not fit"):
        load_module(torch.nn.Linear(3, 2), tensors)


def rewritten(path, change):
    """Write a checkpoint anew with `change(tensors, meta)` done to it."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["sparsetransfer"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors, header["meta"])
    write_checkpoint(path, header["kind"], tensors, header["meta"])
    return path


@pytest.fixture(params=["DIDAN", "SpeakerResNet", "MetricAutoencoder"])
def saved(request, speech, tmp_path):
    """One small model of each class and where it lies."""
    if request.param == "MetricAutoencoder":
        X, options = np.array([x.mean(axis=0) for x in speech.X]), {}
    else:
        X, options = speech.X, {"channels": (4,), "validation_fraction": 0.0}
    kind = getattr(deep, request.param)
    model = kind(**options, max_epochs=1, random_state=0, device="cpu")
    model.fit(X, speech.y, sample_domain=speech.sample_domain)
    model.save(tmp_path / "model.st")
    return kind, tmp_path / "model.st"


def set_scale(value):
    def change(tensors, _):
        tensors["scale"][1, 0] = value

    return change


def set_meta(**values):
    return lambda _, meta: meta.update(values)


UNFIT = {
    "a scale of 0": set_scale(0.0),
    "a negative scale": set_scale(-1.0),
    "equal classes": set_meta(classes=["a", "a", "b"]),
    "nested classes": set_meta(classes=[["a"], ["b"], ["c"]]),
    "ragged classes": set_meta(classes=["a", ["b", "c"], "d"]),
    "mixed classes": set_meta(classes=["a", 1, "b"]),
    "a word of classes": set_meta(classes="abc"),
    "too few classes": set_meta(classes=["a", "b"]),
    "no list of classes": set_meta(classes={}),
    "no parameters": set_meta(parameters=None),
    "a list of parameters": set_meta(parameters=[1, 2]),
    "an impossible parameter": set_meta(parameters={"max_epochs": -1}),
    "an unknown parameter": set_meta(parameters={"no_such": 1}),
    "no mean": lambda tensors, _: tensors.pop("mean"),
    "a mean of one domain": lambda tensors, _: tensors.update(mean=tensors["mean"][0]),
    "no features": lambda tensors, _: tensors.update(
        mean=tensors["mean"][:, :0], scale=tensors["scale"][:, :0]
    ),
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_a_file_that_describes_no_model_is_refused(saved, change):
    kind, path = saved
    kind.load(path)
    with pytest.raises(CheckpointError):
        kind.load(rewritten(path, change))


@pytest.mark.parametrize("saved", ["DIDAN", "SpeakerResNet"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        {"channels": []},
        {"channels": [0]},
        {"channels": [-4]},
        {"channels": ["a"]},
        {"channels": 3},
        {"channels": [2**62]},
        {"n_blocks": 10**12},
        {"n_embedding": 2**62},
    ],
)
def test_a_network_that_cannot_be_is_refused(saved, change):
    kind, path = saved
    with pytest.raises(CheckpointError):
        kind.load(rewritten(path, lambda _, meta: meta["parameters"].update(change)))


@pytest.mark.parametrize(
    ("saved", "change"),
    [
        ("DIDAN", {"hidden": [20_000, 20_000]}),
        ("SpeakerResNet", {"n_embedding": 10_000_000}),
        ("MetricAutoencoder", {"n_components": 40_000_000}),
    ],
    indirect=["saved"],
)
def test_a_small_file_takes_little_memory(saved, change):
    """The networks that these files ask for have 1.5 GB and more."""
    kind, path = saved
    rewritten(path, lambda _, meta: meta["parameters"].update(change))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError):
        kind.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_negative_variances_are_refused(speech, tmp_path):
    model = deep.DIDAN(channels=(4,), max_epochs=1, validation_fraction=0.0)
    model.fit(speech.X, speech.y, sample_domain=speech.sample_domain).save(tmp_path / "model.st")

    def change(tensors, _):
        (name,) = [name for name in tensors if name.endswith("running_var")]
        tensors[name][0] = -1e-3

    with pytest.raises(CheckpointError, match="negative variances"):
        deep.DIDAN.load(rewritten(tmp_path / "model.st", change))


def test_a_file_does_not_choose_the_device(saved):
    kind, path = saved
    with safe_open(path, framework="pt") as file:
        meta = json.loads(file.metadata()["sparsetransfer"])["meta"]
    assert "device" not in meta["parameters"]
    rewritten(path, lambda _, meta: meta["parameters"].update(device="cuda:7"))
    assert kind.load(path).device is None


def test_a_loaded_model_does_not_depend_on_its_file(saved, speech):
    kind, path = saved
    model = kind.load(path)
    X = speech.X if kind is not deep.MetricAutoencoder else [x.mean(axis=0) for x in speech.X]
    before = model.transform(X)
    path.write_bytes(b"\0" * path.stat().st_size)
    np.testing.assert_array_equal(model.transform(X), before)
    assert all(p.requires_grad and not p.is_meta for p in model.network_.parameters())


def rows_of(X):
    return np.array([x.mean(axis=0) for x in X])


RUNS = {
    "speakers": lambda X, y, groups, **options: deep.train_speaker_network(
        X, groups, channels=(4,), n_embedding=4, max_epochs=1, random_state=0, **options
    ),
    "SpeakerResNet": lambda X, y, groups, **options: deep.SpeakerResNet(
        channels=(4,), n_embedding=4, max_epochs=1, random_state=0, **options
    ).fit(X, y, groups=groups),
    "MetricAutoencoder": lambda X, y, groups, **options: deep.MetricAutoencoder(
        max_epochs=1, validation_fraction=0.3, random_state=0, **options
    ).fit(rows_of(X), y, groups=groups),
}


@pytest.mark.parametrize(
    ("run", "settings"),
    [
        ("speakers", ("batch_size", "crop_frames", "n_masks")),
        ("SpeakerResNet", ("batch_size", "crop_frames", "n_masks")),
        ("MetricAutoencoder", ("batch_size", "spacing", "noise")),
    ],
)
def test_a_run_of_other_data_or_settings_is_not_resumed(speech, tmp_path, run, settings):
    """Of equal number and shape: louder recordings, other labels, other speakers, other sizes."""
    train, epochs = RUNS[run], []
    options = {"checkpoint": tmp_path / "run.st", "progress": lambda *_: epochs.append(1)}
    groups = np.arange(len(speech.X)) % 4
    given = {"X": speech.X, "y": speech.y, "groups": groups}
    for _ in range(2):
        train(**given, **options)
    assert epochs == [1]
    other = speech.y.copy()
    first, second = (np.flatnonzero(speech.y == name)[0] for name in ("anger", "sadness"))
    other[[first, second]] = speech.y[[second, first]]
    changes = [{"X": [1.5 * x[::-1] ** 2 for x in speech.X]}, {"groups": groups[::-1]}]
    changes += [] if run == "speakers" else [{"y": other}]
    for change in (*changes, *({name: 3} for name in settings)):
        with pytest.raises(CheckpointError, match="other data or settings"):
            train(**given | change, **options)
    assert epochs == [1]


@pytest.mark.parametrize("run", RUNS)
def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_first_epoch(
    speech, tmp_path, run
):
    epochs = []
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "run.st"):
        with pytest.raises(OSError, match=r"is a folder|cannot be written"):
            RUNS[run](
                speech.X,
                speech.y,
                np.arange(len(speech.X)) % 4,
                checkpoint=place,
                progress=lambda *_: epochs.append(1),
            )
    assert not epochs
