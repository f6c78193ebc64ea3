"""Exceptions and warnings of the package."""

from sklearn.exceptions import ConvergenceWarning

__all__ = ["ConvergenceWarning", "CorpusError", "DomainError", "DomainWarning"]


class CorpusError(ValueError):
    """A corpus cannot be used as it is; the message lists every offending file or label."""


class DomainError(ValueError):
    """Domain labels cannot be used, for example because one domain is missing."""


class DomainWarning(UserWarning):
    """A transfer method has nothing to transfer between and acts as its plain version."""
