"""The set that atoms are kept in."""

from typing import NamedTuple

import numpy as np

from sparsetransfer import _core
from sparsetransfer._validation import FloatArray, check_flags, check_real

__all__ = ["AtomSet", "check_atom_set"]


class AtomSet(NamedTuple):
    """Atoms with (1 − r)‖d‖² + r‖d‖₁ ≤ 1 and r = l1_ratio, non-negative on request."""

    positive: bool
    l1_ratio: float = 0.0

    def projected(self, components: FloatArray) -> FloatArray:
        """Return the nearest atoms of the set, in a copy."""
        nearest = np.array(components, order="C")
        _core.dictionary_project_atoms(nearest, **self._asdict())
        return nearest

    def scaled(self, components: FloatArray) -> FloatArray:
        """Return the atoms scaled to the boundary of the set, in a copy; zero stays zero."""
        longest = np.array(components, order="C")
        _core.dictionary_project_atoms(longest, **self._asdict(), to_boundary=True)
        return longest

    def shrunk(self, components: FloatArray) -> FloatArray:
        """Return the atoms with those outside the set scaled to its boundary, in a copy."""
        r = self.l1_ratio
        values = np.abs(components)
        inside = ((1 - r) * values**2 + r * values).sum(axis=1, keepdims=True) <= 1
        return np.where(inside, components, self.scaled(components))

    def without_zeros(self, components: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the atoms, in a copy with random directions in place of any that are zero."""
        zero = ~components.any(axis=1)
        if not zero.any():
            return components
        directions = rng.normal(size=components.shape)[zero].astype(components.dtype)
        complete = components.copy()
        complete[zero] = self.scaled(np.abs(directions) if self.positive else directions)
        return complete

    def nearest_to_slope(self, curvature: FloatArray, slope: FloatArray) -> FloatArray:
        """Return the minimiser of Σ (curvature d²/2 − slope d) over the set for every atom."""
        return _core.dictionary_separable(curvature, slope, **self._asdict())


def check_atom_set(positive: bool, l1_ratio: float) -> AtomSet:
    """Return the set that was asked for."""
    check_flags(positive_dict=positive)
    return AtomSet(bool(positive), check_real(l1_ratio, "l1_ratio", minimum=0.0, maximum=1.0))
