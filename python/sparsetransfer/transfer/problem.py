"""The coupled problem as the compiled solvers take it: checked, and in their layout."""

import warnings
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sparsetransfer import _simd
from sparsetransfer._validation import (
    FloatArray,
    check_integer,
    check_matrix,
    check_real,
    check_vector,
)
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer.couplings import MeanCoupling, couple_domains
from sparsetransfer.transfer.domains import check_domains
from sparsetransfer.transfer.result import TransferCodes

__all__ = [
    "Coupling",
    "Solver",
    "check_strengths",
    "encode_settings",
    "initial_codes",
    "pack_codes",
    "resolve_kkt_tol",
    "warn_unconverged",
]

_core = _simd.load()

Solver: TypeAlias = Literal["auto", "fista", "newton", "admm", "gauss-seidel"]
_SOLVERS = {
    "auto": _core.CodeSolver.automatic,
    "fista": _core.CodeSolver.fista,
    "newton": _core.CodeSolver.newton,
    "admm": _core.CodeSolver.admm,
    "gauss-seidel": _core.CodeSolver.gauss_seidel,
}


def resolve_kkt_tol(given: float | None, dtype: np.dtype[Any]) -> float:
    """Return the relative KKT violation at which to stop; by default what a precision allows."""
    if given is None:
        return 1e-3 if dtype == np.float32 else 1e-6
    return check_real(given, "kkt_tol", minimum=0, strict=True)


class Coupling:
    """The coupling terms as the kernels take them: E (transposed), and L in compressed rows."""

    def __init__(
        self,
        n_samples: int,
        sample_domain: ArrayLike | None,
        coupling: MeanCoupling | None,
        mmd: float,
        laplacian: float,
        graph: sparse.sparray | sparse.spmatrix | None,
        dtype: np.dtype[np.floating],
        sample_weight: ArrayLike | None = None,
    ) -> None:
        self.roots = _root_weights(sample_weight, n_samples)
        if sample_domain is not None:
            if coupling is not None:
                raise ValueError("give sample_domain or coupling, not both")
            domains = check_domains(sample_domain, n_samples)
            coupling = couple_domains(domains, sample_weight=sample_weight)
        elif coupling is not None and coupling.n_samples != n_samples:
            raise ValueError(
                f"coupling must be one of {n_samples} samples, got one of {coupling.n_samples}"
            )
        self.means = coupling
        factor = np.zeros((n_samples, 0)) if coupling is None else coupling.factor(mmd)
        if self.roots is not None:
            factor = factor / self.roots[:, None]
        self.arrays = (
            np.ascontiguousarray(factor.T, dtype),
            *_laplacian_arrays(n_samples, laplacian, graph, dtype, self.roots),
        )
        self.penalties = np.zeros(0, dtype) if self.roots is None else self.roots.astype(dtype)

    def scale(self, rows: FloatArray) -> FloatArray:
        """Return rows times the roots of the sample weights: the variables of the solvers."""
        if self.roots is None:
            return rows
        return np.ascontiguousarray(rows * self.roots[:, None], rows.dtype)

    def unscale(self, codes: FloatArray) -> FloatArray:
        """Return the codes of the samples themselves."""
        if self.roots is None:
            return codes
        return np.ascontiguousarray(codes / self.roots[:, None], codes.dtype)


def _root_weights(sample_weight: ArrayLike | None, n_samples: int) -> NDArray[np.float64] | None:
    if sample_weight is None:
        return None
    weight = check_vector(sample_weight, "sample_weight", size=n_samples, dtype=np.float64)
    if not (weight > 0).all():
        raise ValueError(f"sample_weight must be positive, got {weight.min()}")
    return np.asarray(np.sqrt(weight), dtype=np.float64)


def _laplacian_arrays(
    n_samples: int,
    laplacian: float,
    graph: sparse.sparray | sparse.spmatrix | None,
    dtype: np.dtype[np.floating],
    roots: NDArray[np.float64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int32], FloatArray]:
    if laplacian == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, dtype)
    if graph is None:
        raise ValueError(f"graph is required for laplacian={laplacian}")
    if not sparse.issparse(graph) or graph.shape != (n_samples, n_samples):
        got = getattr(graph, "shape", type(graph).__name__)
        raise ValueError(f"graph must be sparse of shape ({n_samples}, {n_samples}), got {got}")
    matrix = sparse.csr_array(graph, dtype=np.float64)
    if not np.isfinite(matrix.data).all():
        raise ValueError("graph must be finite")
    # float32 Laplacians are symmetric to float32 rounding only.
    asymmetry = abs(matrix - matrix.T).max() if matrix.nnz else 0.0
    if asymmetry > 1e-6 * abs(matrix).max():
        raise ValueError(f"graph must be symmetric, got entries that differ by {asymmetry:.3g}")
    matrix = sparse.csr_array((matrix + matrix.T) * (laplacian / 2))
    if roots is not None:
        scale = sparse.diags_array(1 / roots)
        matrix = sparse.csr_array(scale @ matrix @ scale)
    matrix.sort_indices()
    return (
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        matrix.data.astype(dtype),
    )


def check_strengths(alpha: float, mmd: float, laplacian: float, l2: float) -> tuple[float, ...]:
    """Return the strengths of all terms, checked."""
    return (
        check_real(alpha, "alpha", minimum=0, strict=True),
        check_real(mmd, "mmd", minimum=0),
        check_real(laplacian, "laplacian", minimum=0),
        check_real(l2, "l2", minimum=0),
    )


def initial_codes(
    init: ArrayLike | None,
    n_samples: int,
    n_components: int,
    dtype: np.dtype[np.floating],
    positive: bool,
) -> FloatArray:
    """Return a copy of the codes to start from; zeros by default."""
    if init is None:
        return np.zeros((n_samples, n_components), dtype)
    codes = check_matrix(init, "init", dtype=dtype, n_features=n_components)
    if len(codes) != n_samples:
        raise ValueError(f"init must have {n_samples} rows, got {len(codes)}")
    return np.maximum(codes, 0) if positive else codes.copy()


def encode_settings(
    solver: str,
    max_iter: int,
    kkt_tol: float | None,
    dtype: np.dtype[np.floating],
    positive: bool,
) -> Any:
    """Return how the codes are solved for and when the solver stops."""
    if solver not in _SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(_SOLVERS)}, got {solver!r}")
    if solver == "gauss-seidel" and positive:
        raise ValueError("solver='gauss-seidel' is the published loop, without positive codes")
    return _core.TransferEncodeSettings(
        solver=_SOLVERS[solver],
        tolerance=resolve_kkt_tol(kkt_tol, dtype),
        max_iterations=check_integer(max_iter, "max_iter", minimum=0),
    )


def pack_codes(report: Any, codes: FloatArray, coupling: Coupling) -> TransferCodes:
    """Return codes with the certificate of the solver's report."""
    codes = coupling.unscale(codes)
    difference = None
    if coupling.means is not None:
        difference = (coupling.means.pooled @ codes).astype(codes.dtype)
    return TransferCodes(
        codes=codes,
        objective=report.objective,
        kkt_violation=report.kkt_violation,
        duality_gap=report.duality_gap,
        converged=report.converged,
        n_iter=report.iterations,
        n_newton=report.newton_steps,
        mean_difference=difference,
    )


def warn_unconverged(result: TransferCodes, alpha: float) -> None:
    """Say that codes are short of their tolerance, to the caller of the public function."""
    warnings.warn(
        f"the codes stopped at a KKT violation of {result.kkt_violation / alpha:.2g} alpha "
        f"(duality gap {result.duality_gap:.2g}) after {result.n_iter} iterations; raise max_iter "
        "or kkt_tol",
        ConvergenceWarning,
        stacklevel=3,
    )
