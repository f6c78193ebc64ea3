"""Former public names and keywords, which work for one more minor release."""

import importlib
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

__all__ = ["former_keywords", "former_names", "warn_of_former"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def former_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__`` that finds former names and warns.

    `package`: name of the package. `homes`: package below ``sparsetransfer`` that a former name has
    moved to, or the internal module that it stays in; ``module:name`` where it is called otherwise
    today. The returned function warns with `DeprecationWarning`, and raises AttributeError for
    other names.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, renamed = homes[name].partition(":")
        home, today = importlib.import_module(f"sparsetransfer.{module}"), renamed or name
        if today in getattr(home, "__all__", ()) and "." not in module and module[0] != "_":
            message = f"{package}.{name} is now {home.__name__}.{today}; the old name leaves"
        else:
            called = f" as {renamed}" if renamed else ""
            message = (
                f"{package}.{name} is internal; what it does stays in {home.__name__}{called}, "
                "which may change without notice. The name leaves"
            )
        message += " in the next minor release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(home, today)

    return find


def former_keywords(**present: str) -> Callable[[_Function], _Function]:
    """Decorate a function to take former names of its keywords, with a warning.

    `**present`: the name of today by the former one. Returns: the decorator. The function raises
    TypeError if a keyword is given by both names.
    """
    names = frozenset(present)

    def decorate(function: _Function) -> _Function:
        @wraps(function)
        def accepting(*args: Any, **kwargs: Any) -> Any:
            if names.isdisjoint(kwargs):
                return function(*args, **kwargs)
            for former in names & kwargs.keys():
                name = present[former]
                if name in kwargs:
                    raise TypeError(f"{former} is the former name of {name}: give one of them")
                warn_of_former(former, name)
                kwargs[name] = kwargs.pop(former)
            return function(*args, **kwargs)

        return cast(_Function, accepting)

    return decorate


def warn_of_former(former: str, name: str) -> None:
    """Warn, at the line that called the caller, that a name has changed."""
    warnings.warn(
        f"{former} is now {name}; the old name leaves in the next minor release",
        DeprecationWarning,
        stacklevel=3,
    )
