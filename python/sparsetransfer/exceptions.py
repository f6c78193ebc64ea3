"""Exceptions and warnings of the package."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.exceptions import ConvergenceWarning

__all__ = ["ConvergenceWarning", "CorpusError", "DomainError", "DomainWarning"]


class CorpusError(ValueError):
    """A corpus cannot be used as it is; the message lists every offending file or label."""


class DomainError(ValueError):
    """Domain labels cannot be used, for example because one domain is missing."""


class DomainWarning(UserWarning):
    """A transfer method has nothing to transfer between and acts as its plain version."""


def __getattr__(name: str) -> Any:
    """Return scikit-learn's warning; importing it takes longer than reading recordings does."""
    if name != "ConvergenceWarning":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sklearn.exceptions import ConvergenceWarning

    return ConvergenceWarning
