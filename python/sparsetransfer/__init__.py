"""Fast, certified sparse transfer solvers."""

from sparsetransfer import _simd

_core = _simd.load()

__version__ = "0.1.0"
__all__ = ["__version__"]
