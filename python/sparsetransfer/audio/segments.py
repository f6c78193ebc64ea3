"""The index (file, start, end) of utterances: one form for every spelling, and matching of two."""

from __future__ import annotations

import bisect
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer._messages import listing
from sparsetransfer.audio.recording import duration
from sparsetransfer.exceptions import CorpusError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["canonical_bounds", "match_segments", "seconds"]

_TOLERANCE = 0.5 / 16000
"""Seconds within which two times are the same: half a sample at the rate of the features."""

_Segment = tuple[float, float, int]


def seconds(times: Any) -> NDArray[np.float64]:
    """Convert times to seconds.

    `times`: numbers of seconds, time differences or their text ("0 days 00:00:01.5"); None, NA,
    NaT, NaN and empty text stand for no time. Returns: seconds, NaN for no time. Raises ValueError
    if an element is none of these.
    """
    import pandas as pd

    column = pd.Series(times).reset_index(drop=True)
    if pd.api.types.is_timedelta64_dtype(column):
        return np.asarray(column.dt.total_seconds(), dtype=np.float64)
    numbers = pd.to_numeric(column, errors="coerce").astype("Float64")
    text = column[(numbers.isna() & column.notna() & ~column.isin(["", "NaT", "nan"])).to_numpy()]
    for row, value in text.items():
        try:
            numbers[row] = pd.Timedelta(value).total_seconds()
        except ValueError as error:
            raise ValueError(f"expected seconds or a time difference, got {value!r}") from error
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def canonical_bounds(
    start: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Convert the bounds of segments, in seconds, to one form.

    Both are NaN for a whole file, which may also be spelt (0, NaN); no other start is NaN.
    """
    begins = np.nan_to_num(start, nan=0.0)
    return np.where((begins == 0) & np.isnan(end), np.nan, begins), end


def match_segments(wanted: pd.DataFrame, found: pd.DataFrame) -> NDArray[np.intp]:
    """Find the rows of one index in another.

    `wanted`, `found`: ``file``, ``start`` and ``end`` in seconds. Times are the same within half a
    sample. The end of a file may be spelt as NaN or as its duration, which is read from the file
    where that matters. File names are the same if they lead to the same file. Returns
    (len(wanted),): row in `found`, -1 where there is none. Raises ValueError if two rows of one
    index are the same; the message names the files.
    """
    left, right = _by_file(wanted), _by_file(found)
    names = _same_files(left, right)
    rows = np.full(len(wanted), -1, dtype=np.intp)
    repeated: list[str] = []
    for file, segments in left.items():
        others = right.get(names.get(file, file), [])
        segments, others = _with_ends(file, segments, others)
        if _has_repetition(segments) or _has_repetition(others):
            repeated.append(file)
        for begin, end, row in segments:
            rows[row] = _position(others, begin, end)
    repeated += [file for file in right.keys() - set(left) if _has_repetition(right[file])]
    if repeated:
        raise ValueError(f"listed more than once: {listing(sorted(repeated))}")
    return rows


def _by_file(index: pd.DataFrame) -> dict[str, list[_Segment]]:
    """Sort the segments of every file; a whole file is (0, inf)."""
    start = np.nan_to_num(seconds(index["start"]), nan=0.0).tolist()
    end = np.nan_to_num(seconds(index["end"]), nan=math.inf).tolist()
    segments: defaultdict[str, list[_Segment]] = defaultdict(list)
    for row, (file, *times) in enumerate(zip(index["file"], start, end, strict=True)):
        segments[str(file)].append((*times, row))
    return {file: sorted(times) for file, times in segments.items()}


def _same_files(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, str]:
    """Map names on the left to other names of the same files on the right."""
    real = {os.path.realpath(file): file for file in right.keys() - left.keys()}
    others = {file: real.get(os.path.realpath(file)) for file in left.keys() - right.keys()}
    return {file: other for file, other in others.items() if other is not None}


def _with_ends(
    file: str, first: list[_Segment], second: list[_Segment]
) -> tuple[list[_Segment], list[_Segment]]:
    """Set ends to the duration of the file where open and stated ends meet."""
    if {math.isinf(end) for _, end, _ in (*first, *second)} == {True, False}:
        try:
            length = duration(file)
        except CorpusError:  # whoever reads the features of the file says so
            return first, second
        first, second = (
            sorted((begin, min(end, length), row) for begin, end, row in segments)
            for segments in (first, second)
        )
    return first, second


def _has_repetition(segments: Sequence[_Segment]) -> bool:
    return any(
        _position(segments[:row], begin, end) >= 0 for row, (begin, end, _) in enumerate(segments)
    )


def _position(segments: Sequence[_Segment], begin: float, end: float) -> int:
    """Return the row of the segment with these times, -1 if there is none."""
    first = bisect.bisect_left(segments, (begin - _TOLERANCE, -math.inf, -1))
    for start, stop, row in segments[first:]:
        if start > begin + _TOLERANCE:
            break
        if end == stop or abs(end - stop) <= _TOLERANCE:
            return row
    return -1
