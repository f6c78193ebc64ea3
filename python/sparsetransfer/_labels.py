"""Class labels, which may be masked: which are known, and what they are."""

import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import column_or_1d

from sparsetransfer.exceptions import DomainError

__all__ = [
    "UNKNOWN_LABELS",
    "MaskedClassifierMixin",
    "check_groups",
    "check_labels",
    "class_values",
    "label_array",
    "labelled",
    "missing_labels",
    "names_array",
    "refuse_missing",
]

UNKNOWN_LABELS = (
    "-1, NaN, None and pandas.NA stand for unknown labels; rename a class that is called -1, for "
    "example to 0"
)

_MISSING_TEXTS = re.compile(r"(?i:nan|nat|<na>|null)|None|NA|N/A|--|")
"""What NumPy, pandas and tables in text files make of a missing label among names."""

_PROMOTED = 21
"""Characters of the texts that NumPy makes of integers; of floats it makes longer ones."""


def label_array(y: ArrayLike, name: str = "y") -> NDArray[Any]:
    """Return labels as an array in which a missing one is None, or NaN among floats.

    `y`: labels: a sequence, an array (masked arrays too) or a pandas column of any dtype. `name`:
    the argument, for the message. Returns: as from `names_array`. Raises ValueError if a label is
    the text of a missing one, as ``numpy.array(["anger", numpy.nan])`` and ``astype(str)`` make
    them.
    """
    labels = names_array(y)
    _refuse_texts_of_masks(labels, name)
    return labels


def names_array(y: ArrayLike) -> NDArray[Any]:
    """Return names as an array in which a missing one is None, or NaN among floats.

    `y`: labels, speakers or files: a sequence, an array (masked arrays too) or a pandas column of
    any dtype. Returns: of the same shape. Missing entries of anything but float arrays (None, NaN,
    pandas.NA, masked ones) are None.
    """
    if isinstance(y, np.ma.MaskedArray):
        y = np.where(np.ma.getmaskarray(y), np.array(None), y.data)
    labels = np.asarray(y)
    if labels.dtype.kind == "U" and not hasattr(y, "dtype"):
        # NumPy turns NaN among names into the name "nan", and -1 into "-1".
        given = np.asarray(y, dtype=object)
        if not all(isinstance(value, str) for value in given.flat):
            labels = given
    if labels.dtype.kind in "OT":
        labels = labels.astype(object)
        labels[missing_labels(labels)] = None
    return labels


def _holds_numbers_as_texts(labels: NDArray[Any], names: set[str]) -> bool:
    """Return whether NumPy made texts of names and numbers together: it leaves room for any number."""
    width = labels.dtype.itemsize // np.dtype("U1").itemsize if labels.dtype.kind == "U" else 0
    return width >= _PROMOTED > max(map(len, names)) and not all(map(_is_number, names))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def missing_labels(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which entries of an array are None, NaN or pandas.NA; -1 is not missing here."""
    if labels.dtype.kind == "f":
        return np.asarray(np.isnan(labels))
    if labels.dtype.kind != "O":
        return np.zeros(labels.shape, np.bool_)
    return np.fromiter(map(_is_missing, labels.flat), np.bool_, labels.size).reshape(labels.shape)


def labelled(y: ArrayLike) -> NDArray[np.bool_]:
    """Return which labels are known.

    `y` (n_samples,): labels. Unknown are -1 among integers, NaN among floats, and -1, NaN, None and
    pandas.NA among objects. Returns (n_samples,): true where the label is known. Raises ValueError
    if `y` is not one-dimensional.

    Examples
    --------
    >>> from sparsetransfer._labels import labelled
    >>> labelled([0, 2, -1])
    array([ True,  True, False])
    >>> labelled(["anger", None])
    array([ True, False])
    """
    labels = label_array(y)
    if labels.ndim != 1:
        raise ValueError(f"y must be one-dimensional, got shape {labels.shape}")
    if labels.dtype.kind == "i":
        return np.asarray(labels != -1)
    if labels.dtype.kind == "f":
        return np.asarray(~np.isnan(labels))
    if labels.dtype.kind == "O":
        return np.array([_is_known(value) for value in labels], dtype=np.bool_)
    return np.ones(len(labels), dtype=np.bool_)


def check_labels(y: ArrayLike, n_samples: int) -> NDArray[Any]:
    """Return class labels as an array of one dimension; masked labels may be among them.

    `y` (n_samples,): labels, masked as in `labelled`. `n_samples`: the expected number of entries.
    Returns (n_samples,). Raises ValueError if the length or the number of dimensions does not fit,
    or a label is infinite.
    """
    labels: NDArray[Any] = column_or_1d(label_array(y), warn=True)
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("y contains infinity")
    if len(labels) != n_samples:
        raise ValueError(f"X has {n_samples} samples, y has {len(labels)} labels")
    return labels


def class_values(labels: NDArray[Any]) -> NDArray[Any]:
    """Return known labels as an array of their own type: objects compare as what they hold.

    `labels` (n_samples,): labels, none of them missing. Returns (n_samples,). Raises ValueError if
    there are both strings and numbers.
    """
    if labels.dtype.kind != "O":
        return labels
    names = np.fromiter((isinstance(value, str) for value in labels), np.bool_, len(labels))
    if names.any() and not names.all():
        raise ValueError(
            f"y must hold either names or numbers, got both: {labels[names][0]!r} and "
            f"{labels[~names][0]!r}"
        )
    return np.array(labels.tolist())


def refuse_missing(
    labels: NDArray[Any], name: str = "y", what: str = "a label for every row"
) -> None:
    """Raise ValueError if a label is missing."""
    count = int(missing_labels(labels).sum())
    if count:
        raise ValueError(f"{name} must have {what}, got {count} missing ones")


def check_groups(
    groups: ArrayLike, name: str, needed: NDArray[np.bool_], kind: str
) -> NDArray[Any]:
    """Return the groups of rows, for example their speakers, as from `names_array`.

    `name`: of the argument. `needed` (n_samples,): rows that must have a group; `kind` says what
    these are. Raises ValueError if the shape does not fit, or one of them has none.
    """
    names = names_array(groups)
    if names.shape != needed.shape:
        raise ValueError(f"{name} must have shape {needed.shape}, got {names.shape}")
    refuse_missing(names[needed], name, f"a group for every {kind}")
    return names


class MaskedClassifierMixin(ClassifierMixin):  # type: ignore[misc]
    """A classifier whose `score` leaves out the samples without a known label."""

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on the samples whose label is known.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.
        y : array_like of shape (n_samples,)
            Labels; -1, NaN and None mask them.
        sample_weight : array_like of shape (n_samples,), optional
            Weights of the samples.

        Returns
        -------
        float
            Between 0 and 1.

        Raises
        ------
        DomainError
            If no label is known.
        """
        labels = label_array(y)
        known = labelled(labels)
        if not known.any():
            raise DomainError(
                f"y has no known label among {len(known)} to score ({UNKNOWN_LABELS})"
            )
        weights = None if sample_weight is None else np.asarray(sample_weight)[known]
        found = np.asarray(self.predict(X))[known]
        return float(accuracy_score(class_values(labels[known]), found, sample_weight=weights))


def _refuse_texts_of_masks(labels: NDArray[Any], name: str) -> None:
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "latin-1")
    if labels.dtype.kind not in "UOT":
        return
    names = {value for value in labels.ravel().tolist() if isinstance(value, str)}
    texts = {text for text in names if _MISSING_TEXTS.fullmatch(text)}
    if names & {"-1", "-1.0"} and _holds_numbers_as_texts(labels, names):
        texts |= names & {"-1", "-1.0"}
    if texts:
        raise ValueError(
            f"{name} holds the text {min(texts)!r}, which stands for a masked label among "
            "names; mask with None: numpy.array([...], dtype=object), without astype(str). If it "
            "is the name of a class, rename it"
        )


def _is_missing(value: object) -> bool:
    if value is None or isinstance(value, str):
        return value is None
    try:
        return bool(value != value)  # noqa: PLR0124 - NaN of any type
    except TypeError:  # pandas.NA: its comparisons have no truth value
        return True


def _is_known(value: object) -> bool:
    return value is not None and (isinstance(value, str) or value != -1)
