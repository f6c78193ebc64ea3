import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sparsetransfer.deep import CheckpointError
from sparsetransfer.deep.checkpoint import load_module, read_checkpoint, write_checkpoint

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
