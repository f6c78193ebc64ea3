"""What the coders return."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sparsetransfer._messages import Displayed, extent
from sparsetransfer._validation import FloatArray
from sparsetransfer.exceptions import ConvergenceWarning

__all__ = ["SparseCodes", "collect"]

STATUS = ("converged", "max_iter", "stopped")  # in the order of the core's
_NAMES = np.array(STATUS)


@dataclass(frozen=True, repr=False)
class SparseCodes(Displayed):
    """Codes of several signals, each with a certificate of how good it is.

    Attributes
    ----------
    codes : numpy.ndarray of shape (n_samples, n_components)
        One code per row, in the precision of the signals; a `scipy.sparse.csr_array` with
        `sparse_output`.
    objective : numpy.ndarray of shape (n_samples,)
        The value of the objective at the code; NaN where it is not known.
    duality_gap : numpy.ndarray of shape (n_samples,)
        An upper bound of the distance of `objective` from its minimum; NaN where it is not known.
    kkt_violation : numpy.ndarray of shape (n_samples,)
        The largest violation of the optimality conditions at the returned code, evaluated in double
        precision: compare it to `alpha`.
    n_iter : numpy.ndarray of int, shape (n_samples,)
        Rounds of the active set, or atoms of a greedy pursuit.
    converged : numpy.ndarray of bool, shape (n_samples,)
        Whether the returned code reaches the requested tolerance.
    status : numpy.ndarray of str, shape (n_samples,)
        How each code ended: "converged"; "max_iter", where iterations, or what rounding leaves to
        gain, were used up; "stopped" by a time limit, or a pursuit that ran out of atoms.
    """

    codes: FloatArray
    objective: NDArray[np.float64]
    duality_gap: NDArray[np.float64]
    kkt_violation: NDArray[np.float64]
    n_iter: NDArray[np.intc]
    converged: NDArray[np.bool_]
    status: NDArray[np.str_]

    def _display(self) -> dict[str, str]:
        number = len(self.converged)
        shown = {
            "codes": extent(self.codes),
            "converged": f"{np.count_nonzero(self.converged)} of {number}",
        }
        for name, values in (
            ("worst KKT violation", self.kkt_violation),
            ("worst duality gap", self.duality_gap),
        ):
            known = values[~np.isnan(values)]
            shown[name] = f"{known.max():.1e}" if known.size else "not known"
        return shown

    def to_csr(self) -> Any:
        """Return the codes as a `scipy.sparse.csr_array` of the same shape."""
        return sparse.csr_array(self.codes)


def collect(codes: Any, found: tuple[NDArray[Any], ...], n_components: int = 0) -> SparseCodes:
    """Collect what a kernel returned, and warn once if some codes did not converge.

    `codes`: the array that it wrote, if any. `found`: its reports and, of sparse codes with
    `n_components` columns, which are taken instead, the three arrays.
    """
    n_iter, status, gap, kkt, objective, *compressed = found
    if compressed:
        codes = sparse.csr_array(tuple(compressed), shape=(len(status), n_components))
        codes.has_canonical_format = True  # or the first use would look at every entry
    converged = np.logical_not(status)
    if np.count_nonzero(status):
        failed = ~converged
        gaps = gap[failed][np.isfinite(gap[failed])]
        stopped = np.count_nonzero(status == STATUS.index("stopped"))
        early = f" ({stopped} of them stopped early)" if stopped else ""
        worst_gap = f", worst duality gap {gaps.max():.2g}" if gaps.size else ""
        narrow = codes.dtype == np.float32 and stopped < failed.sum()
        remedy = "; float64 data allow smaller violations" if narrow else ""
        warnings.warn(
            f"{failed.sum()} of {len(status)} codes did not reach the tolerance{early}: worst violation "
            f"of the optimality conditions {kkt[failed].max():.2g}{worst_gap}{remedy}",
            ConvergenceWarning,
            stacklevel=4,
        )
    names = _NAMES.take(status)
    return SparseCodes(codes, objective, gap, kkt, n_iter, converged, names)
