"""No bit of an answer depends on the threads of BLAS or on where in memory an argument begins."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import fuzz_core
import numpy as np
import pytest
from same_bits import numbers, placed

PROGRAM = Path(__file__).with_name("same_bits.py")
CALLS = 3000


def test_every_family_returns_the_same_bits_for_any_blas_threads_and_address():
    # Addresses on one thread, and threads at one of the addresses.
    running = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), *offsets],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        )
        for threads, offsets in (("1", ("0", "8", "24")), ("2", ("8",)))
    ]
    digests = {}
    for process, least in zip(running, (400, 130), strict=True):
        lines = process.communicate(timeout=300)[0].splitlines()
        assert process.returncode == 0
        assert len(lines) > least
        for line in lines:
            name, _, digest = line.split("\t")
            digests.setdefault(name, set()).add(digest)
    assert [name for name, found in digests.items() if len(found) > 1] == []


# Results, progress, and preparation of arguments: they compute nothing of their own.
NOT_SOLVERS = {
    "sparse_coding": {"LassoPath", "PooledCodes", "SparseCodes"},
    "dictionary": {"LearnedDictionary", "MaskedStatistics", "Progress"}
    | {"dict_learning", "dict_learning_online"},  # scikit-learn's names of the learners
    "mmd": {"MMDResult", "TwoSampleTest", "class_weights"},
    "graph": set(),
    "subspace": set(),
    "transfer": {"DomainMatching", "LabelTerm", "NeighbourGraph", "Optimisation", "Regularisation"}
    | {"KernelCodes", "KernelDictionary", "MeanCoupling", "RegressionCoefficients"}
    | {"TransferCodes", "TransferDictionary", "TransferProgress", "check_domains", "pack"}
    | {"couple_classes", "couple_domains", "domains_from_labels"},
}


@pytest.mark.parametrize("package", NOT_SOLVERS)
def test_every_public_solver_is_called(package):
    offered = set(importlib.import_module(f"sparsetransfer.{package}").__all__)
    called = set(re.findall(r"\w+", PROGRAM.read_text(encoding="utf-8")))
    assert offered - called - NOT_SOLVERS[package] == set()


@pytest.mark.skipif(sys.platform != "linux", reason="the arguments come from between guard pages")
def test_no_entry_of_the_core_follows_the_alignment_of_its_arguments():
    slots = [fuzz_core.Guarded() for _ in range(24)]
    known = list(fuzz_core.entries())
    differing = set()
    for index in range(CALLS):
        caller = fuzz_core.Caller(np.random.default_rng([1, index]), slots)
        entry, arguments = known[caller.rng.integers(len(known))]
        chosen = caller.arguments(entry, arguments, faults=False)
        if len({answer(entry, chosen, offset) for offset in (0, 8, 24, 48)}) > 1:
            differing.add(entry.__name__)
    assert differing == set()


def answer(entry, chosen, offset):
    """All bytes that a call returns or writes, its arrays beginning `offset` bytes into a line."""
    chosen = {
        name: placed(value, offset) if isinstance(value, np.ndarray) else value
        for name, value in chosen.items()
        if name != "time_limit"
    }
    try:
        result = entry(**chosen)
    except fuzz_core.REFUSALS as error:
        return str(error)
    return b"".join(
        # A NaN has a sign, which means nothing.
        np.where(np.isnan(array), np.nan, array).tobytes()
        for array in numbers([result, list(chosen.values())])
    )
