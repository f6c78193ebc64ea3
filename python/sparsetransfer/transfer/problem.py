"""The coupled problem as the compiled solvers take it: checked, and in their layout."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sparsetransfer import _simd
from sparsetransfer._domains import check_domains
from sparsetransfer._linalg import matmul
from sparsetransfer._validation import (
    FloatArray,
    check_choice,
    check_integer,
    check_matrix,
    check_real,
    check_vector,
)
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer.couplings import MeanContrasts, couple_domains
from sparsetransfer.transfer.result import TransferCodes

__all__ = [
    "CoupledProblem",
    "Effort",
    "Solver",
    "certify_rounded",
    "check_strengths",
    "describe_unconverged",
    "describe_zero",
    "initial_codes",
    "pack_codes",
    "resolve_coupling",
    "resolve_effort",
    "resolve_kkt_tol",
    "solve_codes",
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


@dataclass(frozen=True, eq=False)
class CoupledProblem:
    """The terms that couple samples, and what codes of weighted samples are scaled by.

    `factor` (n_samples, rank): E of the term half the squared norm of S E. `laplacian`: row starts,
    column numbers and values of L, its strength included; empty without. `roots` (n_samples,):
    roots of the sample weights. `means`: whose mean difference a result reports.
    """

    factor: NDArray[np.float64]
    laplacian: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]
    roots: NDArray[np.float64] | None = None
    means: MeanContrasts | None = None

    def arrays(self, dtype: np.dtype[Any]) -> tuple[FloatArray, Any, Any, FloatArray]:
        """Return E (transposed) and L as the kernels take them."""
        starts, columns, values = self.laplacian
        return np.ascontiguousarray(self.factor.T, dtype), starts, columns, values.astype(dtype)

    def penalties(self, dtype: np.dtype[Any]) -> FloatArray:
        """Return the weights of the samples' penalties in the scaled codes; empty without."""
        return np.zeros(0, dtype) if self.roots is None else self.roots.astype(dtype)

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


def resolve_coupling(
    n_samples: int,
    sample_domain: ArrayLike | None,
    coupling: MeanContrasts | None,
    mmd: float,
    laplacian: float,
    graph: sparse.sparray | sparse.spmatrix | None,
    sample_weight: ArrayLike | None = None,
) -> CoupledProblem:
    """Check what couples samples and return it as one object."""
    roots = _root_weights(sample_weight, n_samples)
    if sample_domain is not None:
        if coupling is not None:
            raise ValueError("give sample_domain or coupling, not both")
        domains = check_domains(sample_domain, n_samples)
        coupling = couple_domains(domains, sample_weight=sample_weight)
    elif coupling is not None and coupling.n_samples != n_samples:
        raise ValueError(
            f"coupling must be one of {n_samples} samples, got one of {coupling.n_samples}"
        )
    factor = np.zeros((n_samples, 0)) if coupling is None else coupling.factor(mmd)
    if roots is not None:
        factor = factor / roots[:, None]
    return CoupledProblem(
        factor, _laplacian_arrays(n_samples, laplacian, graph, roots), roots, coupling
    )


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
    roots: NDArray[np.float64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    if laplacian == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0)
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
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data


def check_strengths(alpha: float, mmd: float, laplacian: float, l2: float) -> tuple[float, ...]:
    """Return the strengths of all terms, checked."""
    return (
        check_real(alpha, "alpha", minimum=0, strict=True),
        check_real(mmd, "mmd", minimum=0),
        check_real(laplacian, "laplacian", minimum=0),
        check_real(l2, "l2", minimum=0),
    )


def initial_codes(
    code_init: ArrayLike | None,
    n_samples: int,
    n_components: int,
    dtype: np.dtype[np.floating],
    positive_code: bool,
) -> FloatArray:
    """Return a copy of the codes to start from; zeros by default."""
    if code_init is None:
        return np.zeros((n_samples, n_components), dtype)
    codes = check_matrix(code_init, "code_init", dtype=dtype, n_features=n_components)
    if len(codes) != n_samples:
        raise ValueError(f"code_init must have {n_samples} rows, got {len(codes)}")
    return np.maximum(codes, 0) if positive_code else codes.copy()


@dataclass(frozen=True)
class Effort:
    """How codes are solved for, and when the solver stops."""

    solver: Any
    kkt_tol: float
    max_iter: int

    def settings(self, max_iter: int | None = None) -> Any:
        """Return the settings of the kernels; no iterations certify the codes as they are."""
        return _core.TransferEncodeSettings(
            solver=self.solver,
            tolerance=self.kkt_tol,
            max_iterations=self.max_iter if max_iter is None else max_iter,
        )


def resolve_effort(
    solver: str,
    max_iter: int,
    kkt_tol: float | None,
    dtype: np.dtype[Any],
    positive_code: bool,
) -> Effort:
    """Check how codes are to be solved for."""
    check_choice(solver, "solver", _SOLVERS)
    if solver == "gauss-seidel" and positive_code:
        raise ValueError("solver='gauss-seidel' is the published loop, without positive codes")
    return Effort(
        _SOLVERS[solver],
        resolve_kkt_tol(kkt_tol, dtype),
        check_integer(max_iter, "max_iter", minimum=0),
    )


def pack_codes(report: Any, codes: FloatArray, coupling: CoupledProblem) -> TransferCodes:
    """Return codes with the certificate of the solver's report."""
    codes = coupling.unscale(codes)
    difference = None
    if coupling.means is not None:
        difference = matmul(coupling.means.pooled, codes).astype(codes.dtype)
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


def certify_rounded(
    found: TransferCodes,
    solve: Callable[[FloatArray, int], Any],
    coupling: CoupledProblem,
    max_iter: int,
) -> TransferCodes:
    """Certify float32 codes in float64; solve on there, and round, where they fall short.

    `found`: codes in float32, with a certificate in float32. `solve`: ``solve(codes, max_iter)``
    improves scaled float64 codes in place and returns the report. `coupling`: what scales codes.
    `max_iter`: most iterations that are left. Returns: codes in float32 with their own certificate.
    """
    exact = coupling.scale(found.codes.astype(np.float64))
    report = solve(exact, 0)
    result = _recertified(found, found.codes, report, coupling)
    if report.converged or max_iter <= 0:
        return result
    more = solve(exact, max_iter)
    codes = coupling.unscale(exact).astype(np.float32)
    report = solve(coupling.scale(codes.astype(np.float64)), 0)
    if report.kkt_violation < result.kkt_violation:
        result = _recertified(found, codes, report, coupling)
    return replace(
        result,
        n_iter=found.n_iter + more.iterations,
        n_newton=found.n_newton + more.newton_steps,
    )


def _recertified(
    found: TransferCodes, codes: FloatArray, report: Any, coupling: CoupledProblem
) -> TransferCodes:
    certified = pack_codes(report, codes, replace(coupling, roots=None))
    return replace(certified, n_iter=found.n_iter, n_newton=found.n_newton)


def solve_codes(
    signals: FloatArray,
    dictionary: FloatArray,
    start: FloatArray,
    coupling: CoupledProblem,
    effort: Effort,
    *,
    alpha: float,
    l2: float,
    positive_code: bool,
    threads: int,
    linear: FloatArray | None = None,
) -> TransferCodes:
    """Solve for coupled codes from `start`, in the precision of the signals.

    `linear`, of shape (n_samples, n_components), is added to the gradient.
    """

    def solver(dtype: np.dtype[Any]) -> Callable[[FloatArray, int], Any]:
        atoms = dictionary.astype(dtype, copy=False)
        rows = coupling.scale(signals.astype(dtype, copy=False))
        # Not by NumPy, whose last bits may depend on the threads of its BLAS.
        gram = _core.gram(atoms, threads)
        gram[np.diag_indices_from(gram)] += l2
        correlations = _core.correlations(atoms, rows, threads)
        if linear is not None:
            correlations -= linear.astype(dtype, copy=False)
        energy = _core.squared_norm(rows, threads)

        def solve(codes: FloatArray, max_iter: int) -> Any:
            return _core.transfer_encode(
                gram,
                correlations,
                energy,
                *coupling.arrays(dtype),
                alpha=alpha,
                positive=positive_code,
                settings=effort.settings(max_iter),
                penalties=coupling.penalties(dtype),
                codes=codes,
                num_threads=threads,
            )

        return solve

    codes = coupling.scale(start)
    report = solver(codes.dtype)(codes, effort.max_iter)
    result = pack_codes(report, codes, coupling)
    if codes.dtype == np.float32:
        left = effort.max_iter - result.n_iter
        result = certify_rounded(result, solver(np.dtype(np.float64)), coupling, left)
    return result


def describe_unconverged(result: TransferCodes, alpha: float) -> str:
    """Return how far codes are short of their tolerance, and the remedy."""
    precision = ", or pass float64" if result.codes.dtype == np.float32 else ""
    return (
        f"the codes stopped at a KKT violation of {result.kkt_violation / alpha:.2g} alpha "
        f"(duality gap {result.duality_gap:.2g}) after {result.n_iter} iterations; raise max_iter "
        f"or the tolerance{precision}"
    )


def describe_zero(alpha: float) -> str:
    """Return what codes without an entry mean, and the remedy."""
    return (
        f"all codes are zero: alpha={alpha:g} outweighs what any atom explains; lower alpha, or scale "
        "the samples to about unit length"
    )


def warn_unconverged(result: TransferCodes, alpha: float, *, stacklevel: int = 3) -> None:
    """Warn that codes are short of their tolerance; by default the caller of the function."""
    warnings.warn(
        describe_unconverged(result, alpha),
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
