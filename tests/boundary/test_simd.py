"""Several instruction sets: the right one is chosen, and any that is built can be asked for."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sparsetransfer import _core, _cpu, _simd

RUNNABLE = [
    level
    for level in _simd.built()
    if _simd.LEVELS.index(level) <= _simd.LEVELS.index(_cpu.level())
]

PROGRAM = """
import json
import numpy as np
from sparsetransfer import _core, graph

samples = np.random.default_rng(3).normal(size=(300, 17))
indices, distances = graph.nearest_neighbours(samples, 4, n_jobs=2)
print(json.dumps([_core.build_info()["simd"], indices.tolist(), distances.tolist()]))
"""


def run(level, program=PROGRAM):
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SPARSETRANSFER_SIMD": level},
    )


@pytest.fixture(scope="module")
def answers():
    finished = {level: run(level) for level in RUNNABLE}
    assert all(process.returncode == 0 for process in finished.values()), finished
    return {level: json.loads(process.stdout) for level, process in finished.items()}


@pytest.mark.parametrize("level", RUNNABLE)
def test_the_override_decides(answers, level):
    assert answers[level][0] == level


@pytest.mark.parametrize("level", RUNNABLE)
def test_levels_agree(answers, level):
    _, indices, distances = answers[RUNNABLE[0]]
    assert answers[level][1] == indices
    np.testing.assert_allclose(answers[level][2], distances, rtol=1e-12)


def test_the_highest_runnable_level_is_chosen_by_itself():
    if "SPARSETRANSFER_SIMD" in os.environ:
        pytest.skip("SPARSETRANSFER_SIMD is set in this environment")
    assert _core.build_info()["simd"] == RUNNABLE[-1]


def test_a_level_that_does_not_exist_is_refused_by_name():
    finished = run("v9")
    assert finished.returncode != 0
    assert "SPARSETRANSFER_SIMD='v9': this installation has the levels" in finished.stderr


def test_a_lesser_processor_is_told_how_to_get_a_build_for_it(monkeypatch):
    monkeypatch.delenv("SPARSETRANSFER_SIMD", raising=False)
    monkeypatch.setattr(_simd, "built", lambda: ("v4",))
    monkeypatch.setattr(_cpu, "level", lambda: "v3")
    with pytest.raises(ImportError, match=r"'v3'.*compiled for v4 only.*SIMD_LEVELS=\"v2;v3;v4\""):
        _simd._choose()


def uses_avx(library):
    listing = subprocess.run(
        ["objdump", "--disassemble", "--no-show-raw-insn", library],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return bool(re.search(r"%[yz]mm\d|\tv[a-z0-9]+ .*%xmm", listing))


needs_objdump = pytest.mark.skipif(
    shutil.which("objdump") is None or not set(RUNNABLE) - {"plain"},
    reason="needs objdump and an x86-64 build",
)


@needs_objdump
@pytest.mark.parametrize("module", ["_cpu", *(f"_core_{v}" for v in RUNNABLE if v == "v2")])
def test_baseline_modules_hold_no_avx(module):
    assert not uses_avx(importlib.util.find_spec(f"sparsetransfer.{module}").origin)


@needs_objdump
@pytest.mark.skipif(not {"v3", "v4"} & set(_simd.built()), reason="only a baseline level is built")
def test_the_search_for_avx_finds_it_where_it_is():
    level = _simd.built()[-1]
    assert uses_avx(importlib.util.find_spec(f"sparsetransfer._core_{level}").origin)
