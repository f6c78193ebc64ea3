"""Names that are public no longer, and work for one more minor release."""

import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["former_names"]


def former_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__`` that finds former names and warns.

    Parameters
    ----------
    package : str
        Name of the package.
    homes : mapping of str to str
        Module below ``sparsetransfer`` of every former name.

    Returns
    -------
    callable
        Returns what a former name stands for and warns with `DeprecationWarning`; raises
        AttributeError for other names.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        warnings.warn(
            f"{package}.{name} is internal and leaves {package} in the next minor release; what it "
            f"does stays in sparsetransfer.{homes[name]}, which may change without notice",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(importlib.import_module(f"sparsetransfer.{homes[name]}"), name)

    return find
