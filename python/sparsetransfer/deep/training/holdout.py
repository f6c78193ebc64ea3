"""Held-out source samples for early stopping: stratified by class, disjoint by speaker."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._labels import check_groups
from sparsetransfer.exceptions import DomainWarning

__all__ = ["split_for_validation"]

_N_DRAWS = 10
_MAX_STEPS = 20_000


def split_for_validation(
    rows: NDArray[np.intp],
    targets: NDArray[np.int64],
    groups: ArrayLike | None,
    fraction: float,
    seed: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split source rows so that every class is in both parts, by speaker where they are given.

    rows: source rows with a known label; targets: class numbers of all rows
    groups: speakers of all rows, none of whom is in both parts
    fraction: share of every class to hold out, the nearest that whole speakers allow

    Raises ValueError if `groups` has the wrong shape or names no speaker of one of `rows`, or a
    class has a single sample. Warns
    DomainWarning if no split by speaker has every class in both parts, for example because one
    speaker has all samples of a class. Samples are then held out by class regardless of speakers.
    """
    if groups is not None:
        needed = np.zeros(targets.shape, dtype=np.bool_)
        needed[rows] = fraction > 0
        names = check_groups(groups, "groups", needed, "labelled source row")
    if fraction == 0:
        return rows, rows[:0]
    classes, numbers = np.unique(targets[rows], return_inverse=True)
    rng = np.random.default_rng(seed)
    if groups is not None:
        _, group = np.unique(np.array(names[rows].tolist()), return_inverse=True)
        counts = np.zeros((group.max() + 1, len(classes)), dtype=np.int64)
        np.add.at(counts, (group, numbers), 1)
        chosen = _draw_groups(counts, fraction, rng)
        if chosen is not None:
            return rows[~chosen[group]], rows[chosen[group]]
        warnings.warn(
            f"no split of the {len(counts)} source speakers has all {len(classes)} classes on both "
            "sides: validation holds out samples of speakers that are trained on",
            DomainWarning,
            stacklevel=3,
        )
    held = np.zeros(len(rows), dtype=bool)
    for number in range(len(classes)):
        members = rng.permutation(np.flatnonzero(numbers == number))
        if len(members) < 2:
            raise ValueError(
                "a class of the source has a single sample, which cannot be trained on and held "
                "out; leave the class out, or set validation_fraction=0"
            )
        held[members[: min(max(1, round(fraction * len(members))), len(members) - 1)]] = True
    return rows[~held], rows[held]


def _draw_groups(
    counts: NDArray[np.int64], fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """Return which groups to hold out, the best of some draws; None if no split has all classes.

    counts: (groups, classes)
    """
    best: tuple[float, NDArray[np.bool_]] | None = None
    for _ in range(_N_DRAWS):
        order = rng.permutation(len(counts))
        sides = _both_sides(counts[order])
        if sides is None:
            break
        held = np.empty(len(counts), dtype=bool)
        deviation, held[order] = _fill(counts[order], sides, fraction)
        if best is None or deviation < best[0]:
            best = deviation, held
    return None if best is None else best[1]


def _both_sides(counts: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Assign groups to validation (1) or training (-1), 0 if undecided, by backtracking search."""
    members = [np.flatnonzero(column) for column in counts.T]
    rarest = sorted(range(len(members)), key=lambda number: len(members[number]))
    if len(members[rarest[0]]) < 2:
        return None
    needs = [(number, side) for number in rarest for side in (1, -1)]
    sides = np.zeros(len(counts), dtype=np.int64)
    steps = 0

    def meet(position: int) -> bool:
        nonlocal steps
        if position == len(needs):
            return True
        number, side = needs[position]
        if (sides[members[number]] == side).any():
            return meet(position + 1)
        for group in members[number][sides[members[number]] == 0]:
            steps += 1
            if steps > _MAX_STEPS:
                return False
            sides[group] = side
            if meet(position + 1):
                return True
            sides[group] = 0
        return False

    return sides if meet(0) else None


def _fill(
    counts: NDArray[np.int64], sides: NDArray[np.int64], fraction: float
) -> tuple[float, NDArray[np.bool_]]:
    """Hold out free groups while that brings the shares of the classes nearer to `fraction`."""
    shares = counts / counts.sum(axis=0)
    held = sides == 1
    free = np.flatnonzero(sides == 0)
    deviation = float(np.square(shares[held].sum(axis=0) - fraction).sum())
    while len(free):
        after = np.square(shares[held].sum(axis=0) + shares[free] - fraction).sum(axis=1)
        nearest = int(np.argmin(after))
        if after[nearest] >= deviation:
            break
        deviation = float(after[nearest])
        held[free[nearest]] = True
        free = np.delete(free, nearest)
    return deviation, held
