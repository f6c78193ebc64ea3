"""Former public names, which work for one more minor release."""

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
        Package below ``sparsetransfer`` that a former name has moved to, or the internal module
        that it stays in.

    Returns
    -------
    callable
        Returns what a former name stands for and warns with `DeprecationWarning`; raises
        AttributeError for other names.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = importlib.import_module(f"sparsetransfer.{homes[name]}")
        if (
            name in getattr(home, "__all__", ())
            and "." not in homes[name]
            and homes[name][0] != "_"
        ):
            message = f"{package}.{name} is now {home.__name__}.{name}; the old name leaves"
        else:
            message = (
                f"{package}.{name} is internal; what it does stays in {home.__name__}, which may "
                "change without notice. The name leaves"
            )
        message += " in the next minor release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(home, name)

    return find
