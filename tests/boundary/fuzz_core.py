"""Call every entry of `_core` with random, wrong and extreme arguments between guard pages.

A program of its own, because it may crash: ``python fuzz_core.py LOG CALLS [SEED [FIRST]]`` makes
the calls FIRST, FIRST + 1, ... of a seed and keeps the description of the current one in LOG. Every
array touches a page that may not be accessed, before its first byte or after its last.
"""

import ctypes
import mmap
import re
import sys
from pathlib import Path

import numpy as np

from sparsetransfer import _core

# Samples, other samples, features, atoms, columns of weights, edges.
AXES = "nmfkrep"
SHAPES = {
    "signals": "nf",
    "mask": "nf",
    "dictionary": "kf",
    "codes": "nk",
    "gram": "kk",
    "correlations": "nk",
    "squared_norms": "n",
    "ridge": "n",
    "lengths": "n",
    "pooled": "nq",
    "weights": "n",
    "A": "kk",
    "B": "kf",
    "curvature": "kf",
    "slope": "kf",
    "matrix": "nf",
    "samples": "nf",
    "points": "mf",
    "source": "nf",
    "target": "mf",
    "source_weights": "rn",
    "target_weights": "rm",
    "within_source": "r",
    "within_target": "r",
    "between": "r",
    "reference": "nf",
    "queries": "mf",
    "starts": "p",
    "indptr": "p",
    "columns": "e",
    "indices": "e",
    "values": "e",
    "means": "rn",
    "penalties": "n",
    "targets": "nr",
    "map": "kr",
    "quadratic": "ff",
    "linear": "rf",
    "coefficients": "rf",
    "point": "rf",
    "groups": "f",
    "strengths": "r",
    "dictionary_accumulate_masked.A": "fkk",
    "dictionary_from_masked.A": "fkk",
    "kernel_quadratic_forms.samples": "nf",
    "kernel_quadratic_forms.weights": "rn",
    "kernel_sums.weights": "rn",
    "lasso.weights": "k",
    "lasso_gram.weights": "k",
    "lasso_paths.weights": "k",
    "symmetric_graph.indices": "nr",
    "symmetric_graph.weights": "nr",
    "transfer_learn.target_weights": "n",
}
SIZES = (0, 1, 1, 2, 3, 5, 8, 9, 16, 17, 33)
REALS = (0.0, 0.1, 0.5, 1.0, 1e-3, 1e-3, -1.0, 1e-300, 5e-324, 1e300, np.inf, np.nan)
COUNTS = ("n_neighbors", "count", "max_atoms")
REFUSALS = (ValueError, TypeError, ArithmeticError, MemoryError)


class Guarded:
    """Memory between two inaccessible pages, in which an array ends or begins at the border."""

    SIZE = 1 << 20

    def __init__(self):
        page = mmap.PAGESIZE
        self.pages = mmap.mmap(-1, self.SIZE + 2 * page)
        self.begin = ctypes.addressof(ctypes.c_char.from_buffer(self.pages)) + page
        libc = ctypes.CDLL(None, use_errno=True)
        for guard in (self.begin - page, self.begin + self.SIZE):
            if libc.mprotect(ctypes.c_void_p(guard), page, 0):
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, values, at_end):
        """A copy of `values` that lies at one of the two borders."""
        if values.nbytes > self.SIZE or values.dtype == object:
            return values
        begin = self.begin + (self.SIZE - values.nbytes if at_end else 0)
        buffer = (ctypes.c_char * values.nbytes).from_address(begin)
        copy = np.ndarray(values.shape, values.dtype, buffer)
        copy[...] = values
        return copy


def entries():
    """The name and arguments (name, type) of every entry, once per overload."""
    for name in sorted(dir(_core)):
        entry = getattr(_core, name)
        if isinstance(entry, type) or not callable(entry):
            continue
        for signature in re.findall(rf"\b{name}\((.*)\) ->", entry.__doc__):
            yield entry, re.findall(r"(\w+): ((?:[^,\[]|\[.*?\](?!\]))+)", signature)


class Caller:
    """Draws arguments by their names and types."""

    def __init__(self, rng, slots):
        self.rng = rng
        self.slots = slots

    def one_of(self, values):
        return values[self.rng.integers(len(values))]

    def arguments(self, entry, arguments, faults=True):
        self.sizes = {axis: self.one_of(SIZES) for axis in AXES}
        self.sizes["p"] = self.sizes["n"] + 1
        if self.rng.random() < 0.5:  # half of the calls have nothing empty
            self.sizes = {axis: max(size, 1) for axis, size in self.sizes.items()}
        self.sizes["q"] = 2 * self.sizes["k"]
        self.scale = self.one_of((1.0, 1.0, 1.0, 0.0, 1e-3, 1e30, 1e-30, 1e300, 5e-324))
        names = [name for name, _ in arguments]
        self.wrong = self.one_of(names) if faults and names and self.rng.random() < 0.5 else None
        self.slot = 0
        return {name: self.argument(entry, name, kind) for name, kind in arguments}

    def argument(self, entry, name, kind):
        if "None" in kind and self.rng.random() < 0.5:
            return None
        if "NDArray" in kind:
            array = self.array(entry, name, re.search(r"numpy\.(\w+)\]", kind)[1])
            return array if name != self.wrong else self.spoiled(array)
        if "Sequence" in kind:
            return [
                self.one_of((1.0, 2.0, 4.0, 0.3, self.one_of(REALS)))
                for _ in range(self.rng.integers(4))
            ]
        if "Callable" in kind:
            return lambda progress: progress.iteration > 2
        if "bool" in kind:
            return bool(self.rng.integers(2))
        if "SupportsInt" in kind:
            if name == self.wrong:
                # A bound on iterations may be large: then the call has every right to take its time.
                most = 2**31 - 1 if "threads" in name or name in COUNTS else 0
                return self.one_of((-(2**31), -1, 0, most, 2**40))
            return int(self.one_of((1, 1, 2, 3)))
        if "SupportsFloat" in kind:
            return self.one_of(REALS if name == self.wrong else REALS[1:6])
        return self.settings(kind)

    def settings(self, kind):
        chosen = getattr(_core, re.search(r"\.(\w+)$", kind.strip())[1])
        if hasattr(chosen, "__members__"):
            return self.one_of(list(chosen.__members__.values()))
        signature = re.search(r"self: [^,]+, (.*)\) ->", chosen.__init__.__doc__)[1]
        fields = re.findall(r"(?:^|, )(\w+): ([^,=]+)", signature)
        while True:
            try:
                return chosen(**{name: self.argument(chosen, name, kind) for name, kind in fields})
            except (
                TypeError,
                ValueError,
            ):  # a spoiled array, or one of no entries, if it has arrays
                self.wrong = None if self.wrong == "dictionary" else self.wrong
                self.sizes = {axis: max(size, 1) for axis, size in self.sizes.items()}

    def array(self, entry, name, dtype):
        axes = SHAPES.get(f"{entry.__name__}.{name}") or SHAPES.get(name, self.one_of(("n", "nf")))
        values = self.values(tuple(self.sizes[axis] for axis in axes), name, np.dtype(dtype))
        return self.guarded(values)

    def values(self, shape, name, dtype):
        if dtype == np.bool_:
            return self.rng.random(shape) < 0.7
        if dtype.kind == "i":
            return self.integers(shape, name).astype(dtype)
        with np.errstate(over="ignore", under="ignore"):
            values = (self.rng.normal(size=shape) * self.scale).astype(dtype)
        if name in ("A", "gram", "quadratic") and len(shape) == 2:
            with np.errstate(all="ignore"):
                values = np.ascontiguousarray(values @ values.T)
        elif "weights" in name or name in ("penalties", "ridge", "strengths", "squared_norms"):
            values = abs(values)
        if values.size and self.rng.random() < 0.15:
            special = self.one_of((np.nan, np.inf, -np.inf, np.finfo(dtype).max, 0.0))
            values[self.rng.random(shape) < self.one_of((0.05, 0.5, 1.0))] = special
        return values

    def integers(self, shape, name):
        if name == "lengths":
            return np.ones(shape, np.int64)
        if name in ("starts", "indptr"):
            edges = self.sizes["e"]
            starts = np.sort(self.rng.integers(0, edges + 1, shape))
            if starts.size:
                starts[0], starts[-1] = 0, edges
            if starts.size and self.rng.random() < 0.3:
                starts[self.rng.integers(starts.size)] = self.one_of(
                    (-1, 5, 2**31, 2**62, -(2**62))
                )
            return starts
        most = self.sizes["r"] if name == "groups" else self.sizes["n"]
        values = self.rng.integers(0, max(most, 1), shape)
        if values.size and self.rng.random() < 0.3:
            values.flat[self.rng.integers(values.size)] = self.one_of((-1, most, 2**31 - 1))
        return values

    def spoiled(self, array):
        """An array that the entry should not have got."""
        way = self.rng.integers(8)
        if way == 0:
            return array[0] if array.ndim and len(array) else array
        if way == 1:
            return self.guarded(np.empty((*array.shape, self.one_of((0, 0, 1, 2))), array.dtype))
        if way == 2:
            shape = list(array.shape)
            if shape:
                axis = self.rng.integers(len(shape))
                shape[axis] = self.one_of((0, shape[axis] + 1, max(shape[axis] - 1, 0), 2))
            return self.guarded(np.zeros(shape, array.dtype))
        if way == 3:
            return self.guarded(np.ascontiguousarray(array.T))
        if way == 4:
            return np.asfortranarray(array)
        if way == 5:
            with np.errstate(all="ignore"):
                return array.astype(self.one_of((np.float32, np.float64, np.int64, ">f8", object)))
        if way == 6:
            spoiled = array.view()
            spoiled.flags.writeable = False
            return spoiled
        raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
        return raw.view(array.dtype).reshape(array.shape) if array.size else array

    def guarded(self, values):
        slot = self.slots[self.slot % len(self.slots)]
        self.slot += 1
        return slot.array(values, bool(self.rng.integers(2)))


def describe(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    return str(value) if not hasattr(value, "alpha") else type(value).__name__


def main(log, calls, seed=0, first=0):
    known = list(entries())
    slots = [Guarded() for _ in range(24)]
    Path(log).write_bytes(bytes(4096))
    with open(log, "r+b") as file:
        current = mmap.mmap(file.fileno(), 4096)
    refused = 0
    for index in range(first, first + calls):
        caller = Caller(np.random.default_rng([seed, index]), slots)
        entry, arguments = known[caller.rng.integers(len(known))]
        chosen = caller.arguments(entry, arguments)
        said = ", ".join(f"{name}={describe(value)}" for name, value in chosen.items())
        text = f"call {index} of seed {seed}: {entry.__name__}({said})".encode()[:4096]
        current[:] = text + bytes(4096 - len(text))
        try:
            entry(**chosen)
        except REFUSALS:
            refused += 1
    print(f"{calls} calls, {refused} refused")
    return refused


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
