"""Dictionaries whose panels, norms and Gram matrix are kept from call to call."""

import threading
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer import _core
from sparsetransfer._validation import FloatArray, check_matrix, resolve_threads

__all__ = ["PreparedDictionary", "prepared_for"]

_Core: TypeAlias = "_core.PreparedDictionary32 | _core.PreparedDictionary64"

MOST_KEPT_BYTES = 2**28
_kept: "WeakKeyDictionary[object, PreparedDictionary]" = WeakKeyDictionary()
_lock = threading.Lock()


class PreparedDictionary:
    """Keep what coders compute of a dictionary alone, for several calls.

    Every function that takes a `dictionary` of signals takes one of these in its place. The first
    call brings the atoms into the order of the kernels and computes the columns of the Gram matrix
    that it meets; later calls find them. Codes are the same, bit for bit, as with the array.

    Parameters
    ----------
    dictionary : array_like of shape (n_components, n_features)
        The atoms, one per row. float32 is kept; all else becomes float64. They are copied: a change
        of the array does not reach the prepared dictionary.

    Attributes
    ----------
    atoms : numpy.ndarray of shape (n_components, n_features)
        The copy, which cannot be written to.

    Raises
    ------
    TypeError
        If `dictionary` does not consist of real numbers.
    ValueError
        If it is not two-dimensional, or an entry is NaN or infinite.

    Notes
    -----
    Memory: two copies of the atoms and the Gram matrix, together
    ``(n_components + 2 * n_features) * n_components`` numbers at most; another half for each
    other precision of signals. Threads may share one. A copy is the object itself, and a pickle
    contains the atoms only.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.sparse_coding import PreparedDictionary, lasso
    >>> prepared = PreparedDictionary(np.eye(2))
    >>> lasso([[3.0, 0.5]], prepared, alpha=1.0).codes
    array([[2., 0.]])
    """

    def __init__(self, dictionary: ArrayLike) -> None:
        atoms = check_matrix(dictionary, "dictionary").copy()
        atoms.setflags(write=False)
        self.atoms: FloatArray = atoms
        self._lock = threading.Lock()
        self._cores: dict[np.dtype[Any], _Core] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of `atoms`."""
        rows, columns = self.atoms.shape
        return rows, columns

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the atoms, so that functions that know arrays only take a prepared dictionary."""
        if copy:
            return np.array(self.atoms, dtype=dtype)
        return np.asarray(self.atoms, dtype=dtype)

    def __copy__(self) -> "PreparedDictionary":
        return self

    def __deepcopy__(self, memo: object) -> "PreparedDictionary":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return PreparedDictionary, (self.atoms,)

    def __repr__(self) -> str:
        return f"PreparedDictionary(shape={self.shape}, dtype={self.atoms.dtype})"

    def core(self, dtype: np.dtype[Any]) -> _Core:
        """Return the kernels' object for signals of a precision."""
        found = self._cores.get(dtype)
        if found is not None:
            return found
        with self._lock:
            if dtype not in self._cores:
                kind = (
                    _core.PreparedDictionary32
                    if dtype == np.float32
                    else _core.PreparedDictionary64
                )
                atoms = check_matrix(self.atoms, "dictionary", dtype=dtype)
                self._cores[dtype] = kind(atoms, n_threads=resolve_threads(None))
            return self._cores[dtype]

    def holds(self, dictionary: ArrayLike) -> bool:
        """Return whether an array has the bits of the atoms."""
        array = np.asarray(dictionary)
        if array.dtype != self.atoms.dtype or array.shape != self.atoms.shape:
            return False
        return self.core(array.dtype).holds(np.require(array, requirements=["C", "A"]))


def prepared_for(owner: object, dictionary: ArrayLike) -> "ArrayLike | PreparedDictionary":
    """Return the prepared dictionary of an estimator, prepared again where its array has changed.

    It is kept beside the estimator, not in it: parameters, attributes, copies and pickles of the
    estimator know nothing of it. Dictionaries that would occupy more than 256 MB are returned as
    they are.
    """
    if isinstance(dictionary, PreparedDictionary):
        return dictionary
    with _lock:
        kept = _kept.get(owner)
    if kept is not None and kept.holds(dictionary):
        return kept
    prepared = PreparedDictionary(dictionary)
    n_components, n_features = prepared.shape
    bytes_each = prepared.atoms.itemsize
    if (n_components + 2 * n_features) * n_components * bytes_each > MOST_KEPT_BYTES:
        return prepared.atoms
    with _lock:
        _kept[owner] = prepared
    return prepared
