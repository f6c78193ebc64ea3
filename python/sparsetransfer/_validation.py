"""Convert arguments once, at the first Python line that can judge them.

Kernels take C-ordered float32 or float64 arrays and never copy. The functions here make such
arrays out of what the caller gave, keep the caller's precision, and raise errors that name the
argument, what it got and what was expected.
"""

import dataclasses
import functools
import inspect
import math
import numbers
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import sparse

from sparsetransfer import _threads
from sparsetransfer._messages import shortened

__all__ = [
    "FloatArray",
    "Mask",
    "NamingInfinite",
    "check_callable",
    "check_choice",
    "check_flags",
    "check_flags_of",
    "check_generator",
    "check_integer",
    "check_masked",
    "check_matrix",
    "check_pair",
    "check_real",
    "check_rows",
    "check_vector",
    "column_names",
    "common_dtype",
    "resolve_threads",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]
Mask: TypeAlias = ArrayLike | Literal["nan"] | None

_KEPT = (np.dtype(np.float64), np.dtype(np.float32))
_COUNTABLE = _threads.MOST_THREADS  # some kernels count in 32 bits
_signature = functools.cache(inspect.signature)  # takes longer than a small transform
_SMALL = 2**16  # entries whose temporary of booleans costs less than the care for overflows


def common_dtype(*values: ArrayLike | None) -> np.dtype[Any]:
    """Return float32 if every given value is a float32 array, otherwise float64."""
    given = [value for value in values if value is not None]
    narrow = all(_is_single(value) for value in given)
    return np.dtype(np.float32 if given and narrow else np.float64)


def check_callable(value: object, name: str) -> None:
    """Raise TypeError unless `value` is None or can be called, before the work and not within it."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable or None, got {shortened(repr(value))}")


def check_choice(value: object, name: str, choices: Iterable[str]) -> None:
    """Raise ValueError unless `value` is one of some names."""
    names = list(choices)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {', '.join(names)}, got {shortened(repr(value))}")


def check_flags(**flags: object) -> None:
    """Raise TypeError unless every flag is a bool: Python would take most other values for true."""
    for name, value in flags.items():
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {shortened(repr(value))}")


def check_flags_of(owner: Any) -> None:
    """Check the flags of an estimator: what its parameters, also in dataclasses, declare as bool."""
    for name, parameter in _signature(owner.__class__).parameters.items():
        value = getattr(owner, name, False)
        if parameter.annotation in (bool, "bool"):
            check_flags(**{name: value})
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            check_flags_of(value)


def check_generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """Return a generator of random numbers from a seed, a generator or None.

    `name`: for error messages. Raises TypeError or ValueError if `rng` is none of these.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be an integer of at least 0, a generator or None, got {shortened(repr(rng))}"
        ) from error


def _is_single(value: ArrayLike) -> bool:
    try:
        return np.asarray(value).dtype == np.float32
    except (RuntimeError, TypeError, ValueError):  # whoever reads the values says so
        return False


def check_matrix(
    value: ArrayLike,
    name: str,
    *,
    dtype: DTypeLike | None = None,
    n_features: int | None = None,
    min_samples: int = 1,
    finite: bool = True,
) -> FloatArray:
    """Return `value` as a finite, C-ordered (n_samples, n_features) array of floats.

    - `value` (n_samples, n_features): copied only if its dtype or memory order does not fit.
    - `name`: the argument's name, for error messages.
    - `dtype`: by default float32 is kept, and all else becomes float64.
    - `n_features`: the expected number of columns.
    - `min_samples`: the least number of rows.
    - `finite`: whether to look at every entry. Where a kernel finds NaN and infinity out by the
      way, `NamingInfinite` gives its error the argument's name.

    Returns (n_samples, n_features). Raises TypeError if `value` is sparse or does not consist of
    real numbers. Raises ValueError if the shape does not fit, or an entry is NaN or infinite.
    """
    array = _as_float(value, name, dtype)
    if array.ndim != 2:
        hint = "; use reshape(1, -1) for a single sample" if array.ndim == 1 else ""
        raise ValueError(
            f"{name} must be a 2-D array (n_samples, n_features), got shape {array.shape}{hint}"
        )
    if array.shape[0] < min_samples:
        raise ValueError(f"{name} must have at least {min_samples} sample(s), got {array.shape[0]}")
    if array.shape[1] < 1:
        raise ValueError(f"{name} must have at least 1 feature, got shape {array.shape}")
    if n_features is not None and array.shape[1] != n_features:
        raise ValueError(f"{name} must have {n_features} features, got {array.shape[1]}")
    return _require_finite(array, name) if finite else array


def check_pair(
    source: ArrayLike,
    target: ArrayLike,
    names: tuple[str, str] = ("source", "target"),
    *,
    dtype: DTypeLike | None = None,
    min_samples: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Return two samples of the same features, each as `check_matrix` does.

    `source` (n_source, n_features): one sample. `target` (n_target, n_features): the other. If both
    are data frames with named columns, its columns are put in the order of those of `source`.
    `names`: the arguments' names, for error messages. `dtype`, `min_samples`: as in `check_matrix`.
    Returns (n_source, n_features) and (n_target, n_features). Raises TypeError as in
    `check_matrix`. Raises ValueError if the named columns differ, or as in `check_matrix`.
    """
    wanted, given = column_names(source), column_names(target)
    if wanted is not None and given is not None and wanted != given:
        strange = sorted(set(wanted) ^ set(given))
        if strange or len(given) != len(wanted) or len(set(given)) < len(given):
            listed = ", ".join(strange[:5]) + (" ..." if len(strange) > 5 else "")
            raise ValueError(
                f"{names[0]} and {names[1]} must have the same columns, each once; "
                f"{len(strange)} stand in one only: {listed}"
            )
        target = target[wanted]  # type: ignore[call-overload, index]
    first = check_matrix(source, names[0], dtype=dtype, min_samples=min_samples)
    second = check_matrix(
        target, names[1], dtype=dtype, n_features=first.shape[1], min_samples=min_samples
    )
    return first, second


def check_masked(
    value: ArrayLike,
    name: str,
    mask: Mask,
    *,
    dtype: DTypeLike | None = None,
    n_features: int | None = None,
) -> tuple[FloatArray, NDArray[np.bool_] | None]:
    """Return `value` as `check_matrix` does, and which of its entries count.

    - `value` (n_samples, n_features): missing entries may be anything; they become zero in a copy.
    - `name`: the argument's name, for error messages.
    - `mask` (n_samples, n_features): true where an entry was observed. "nan" takes NaN for missing.
      By default nothing is missing, and NaN is refused.
    - `dtype`, `n_features`: as in `check_matrix`.

    Returns (n_samples, n_features). (n_samples, n_features): none if every entry was observed.
    Raises TypeError if `mask` is not boolean, or as in `check_matrix`. Raises ValueError if shapes
    do not fit, or an observed entry is NaN or infinite.
    """
    if mask is None:
        return check_matrix(value, name, dtype=dtype, n_features=n_features), None
    array = _as_float(value, name, dtype)
    if isinstance(mask, str):
        if mask != "nan":
            raise ValueError(f"mask must be a boolean array or 'nan', got {mask!r}")
        observed = ~np.isnan(array)
    else:
        observed = np.ascontiguousarray(mask)
        if observed.dtype != np.bool_:
            raise TypeError(f"mask must be boolean (True: observed), got dtype {observed.dtype}")
        if observed.shape != array.shape:
            raise ValueError(f"mask must have the shape {array.shape}, got {observed.shape}")
    if not observed.all():
        array = np.where(observed, array, array.dtype.type(0))
        return check_matrix(array, name, n_features=n_features), observed
    return check_matrix(array, name, n_features=n_features), None


def check_vector(
    value: ArrayLike,
    name: str,
    *,
    size: int | None = None,
    dtype: DTypeLike | None = None,
    minimum: float | None = None,
) -> FloatArray:
    """Return `value` as a finite, contiguous 1-D array of floats.

    `value` (size,): copied only if its dtype or memory order does not fit. `name`: the argument's
    name, for error messages. `size`: the expected length. `dtype`: by default the caller's
    precision is kept, as in `check_matrix`. `minimum`: the least value an entry may have.
    Returns (size,). Raises TypeError if `value` is sparse or does not consist of real numbers.
    Raises ValueError if the shape does not fit, or an entry is NaN, infinite or below `minimum`.
    """
    array = _as_float(value, name, dtype)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a 1-D array, got shape {array.shape}")
    if size is not None and array.shape[0] != size:
        raise ValueError(f"{name} must have {size} entries, got {array.shape[0]}")
    _require_finite(array, name)
    if minimum is not None and array.size and array.min() < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {array.min()}")
    return array


def check_rows(estimator: Any, X: Any, *y: Any, **options: Any) -> Any:
    """Return what scikit-learn's `validate_data` makes of the rows given to an estimator.

    `estimator`: whose features are noted or compared. `X` (n_samples, n_features): rows; an array
    in memory order C is not copied. `y`: labels, if they are checked, too. `options`: as of
    `validate_data`. Raises TypeError for dates and records, which scikit-learn would take for
    numbers, and for a parameter that is declared as bool and is none. Raises ValueError for masked
    entries, which it would read, and as `validate_data` does.
    """
    from sklearn.utils.validation import validate_data

    check_flags_of(estimator)
    _refuse_masked(X, "X")
    dtypes = getattr(X, "dtypes", ()) if hasattr(X, "columns") else (getattr(X, "dtype", None),)
    for dtype in () if options.get("skip_check_array") else set(dtypes):
        if getattr(dtype, "kind", None) in ("m", "M", "V"):
            raise TypeError(f"X must consist of numbers, got dtype {dtype}")
    return validate_data(estimator, X, *y, **{"order": "C"} | options)


def check_integer(
    value: object, name: str, *, minimum: int | None = None, maximum: int | None = _COUNTABLE
) -> int:
    """Return `value` as an int within the bounds (both inclusive); a bool is refused."""
    if type(value) is not int and (
        isinstance(value, bool) or not isinstance(value, numbers.Integral)
    ):
        raise TypeError(f"{name} must be an integer, got {shortened(repr(value))}")
    _require_bounds(value, name, minimum, maximum, strict=False)
    return int(value)


def check_real(
    value: object,
    name: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    strict: bool = False,
) -> float:
    """Return `value` as a finite float within the bounds; `strict` excludes the bounds."""
    if type(value) is not float and (
        isinstance(value, bool) or not isinstance(value, numbers.Real)
    ):
        raise TypeError(f"{name} must be a real number, got {shortened(repr(value))}")
    try:
        number = float(value)
    except OverflowError:  # an integer or a fraction
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {shortened(repr(value))}")
    _require_bounds(value, name, minimum, maximum, strict=strict)
    return number


def resolve_threads(n_jobs: int | None) -> int:
    """Return how many threads a kernel may use.

    `n_jobs`: a positive number is taken as it is; -1 means every processor this process may use (or
    the limit given to `sparsetransfer.set_num_threads`), -2 all but one, and so on. None means
    `sparsetransfer.get_num_threads`. Returns: at least 1. Raises TypeError if `n_jobs` is not an
    integer. Raises ValueError if `n_jobs` is 0 or above 2**31 - 1, or an environment variable is
    not a positive integer.
    """
    if n_jobs is None:
        return _threads.get_num_threads()
    number = check_integer(n_jobs, "n_jobs")
    if number == 0:
        raise ValueError("n_jobs must be positive, or negative as in joblib, got 0")
    if number > 0:
        return number
    return max(1, (_threads.limit() or _threads.available_processors()) + 1 + number)


def column_names(value: object) -> list[str] | None:
    """Return the names of a data frame's columns; None if they are not strings."""
    columns = getattr(value, "columns", None)
    names = [] if columns is None else list(columns)
    return names if names and all(isinstance(name, str) for name in names) else None


class NamingInfinite:
    """Raise ValueError for an array that turns out not to be finite by an overflow in a kernel."""

    def __init__(self, array: FloatArray, name: str) -> None:
        self._checked = array, name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, ArithmeticError):
            _require_finite(*self._checked)


def _as_float(value: ArrayLike, name: str, dtype: DTypeLike | None) -> FloatArray:
    if type(value) is np.ndarray and (value.dtype == dtype if dtype else value.dtype in _KEPT):
        flags = value.flags
        if flags.c_contiguous and flags.aligned:
            return value
    _refuse_masked(value, name)
    if sparse.issparse(value):
        raise TypeError(f"{name} must be a dense array, got a sparse {type(value).__name__}")
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            value = np.from_dlpack(cast("Any", value))  # shares the memory
        except (BufferError, RuntimeError) as error:
            raise TypeError(
                f"{name} must lie in the memory of the CPU, got a {type(value).__name__}: {error}"
            ) from error
    try:
        array = np.asarray(value)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as an array of numbers: {error}") from error
    if array.dtype.kind == "c":
        raise TypeError(f"{name} must be real, got dtype {array.dtype}")
    if array.dtype.kind not in "fiubO":
        raise TypeError(f"{name} must consist of numbers, got dtype {array.dtype}")
    wanted = common_dtype(array) if dtype is None else np.dtype(dtype)
    try:
        # What float32 cannot hold becomes infinite, and is refused by name where it must be finite.
        with np.errstate(over="ignore"):
            ready = np.require(array, wanted, ["C_CONTIGUOUS", "ALIGNED"])
            return ready.reshape(array.shape)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must consist of numbers: {error}") from error


def _refuse_masked(value: object, name: str) -> None:
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries, which would be read; fill or leave them out")


def _require_finite(array: FloatArray, name: str) -> FloatArray:
    if array.size <= _SMALL and np.count_nonzero(np.isfinite(array)) == array.size:
        return array
    # A finite sum proves that every entry is finite, without a temporary of the array's size.
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    if not np.isfinite(total) and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0]
        position = ", ".join(str(i) for i in bad)
        raise ValueError(f"{name} must be finite, got {array[tuple(bad)]} at [{position}]")
    return array


def _require_bounds(
    value: Any, name: str, minimum: float | None, maximum: float | None, *, strict: bool
) -> None:
    if minimum is not None and (value < minimum or (strict and value == minimum)):
        relation = "greater than" if strict else "at least"
        raise ValueError(f"{name} must be {relation} {minimum}, got {value!r}")
    if maximum is not None and (value > maximum or (strict and value == maximum)):
        relation = "less than" if strict else "at most"
        raise ValueError(f"{name} must be {relation} {maximum}, got {value!r}")
