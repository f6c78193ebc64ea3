# Written by tools/write_stub.py (nox -s stubs).
import collections.abc
import typing

import numpy
import numpy.typing

class NumericalError(ArithmeticError): ...

class KernelFamily:
    __members__: typing.ClassVar[dict[str, KernelFamily]]
    gaussian: typing.ClassVar[KernelFamily]
    inverse_multiquadric: typing.ClassVar[KernelFamily]
    laplace: typing.ClassVar[KernelFamily]

    @typing.overload
    def __eq__(self, other: KernelFamily) -> bool: ...
    @typing.overload
    def __eq__(self, other: object) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: KernelFamily) -> bool: ...
    @typing.overload
    def __ne__(self, other: object) -> bool: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class Metric:
    __members__: typing.ClassVar[dict[str, Metric]]
    cosine: typing.ClassVar[Metric]
    euclidean: typing.ClassVar[Metric]

    @typing.overload
    def __eq__(self, other: Metric) -> bool: ...
    @typing.overload
    def __eq__(self, other: object) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: Metric) -> bool: ...
    @typing.overload
    def __ne__(self, other: object) -> bool: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class CodeSolver:
    __members__: typing.ClassVar[dict[str, CodeSolver]]
    admm: typing.ClassVar[CodeSolver]
    automatic: typing.ClassVar[CodeSolver]
    fista: typing.ClassVar[CodeSolver]
    gauss_seidel: typing.ClassVar[CodeSolver]
    newton: typing.ClassVar[CodeSolver]

    @typing.overload
    def __eq__(self, other: CodeSolver) -> bool: ...
    @typing.overload
    def __eq__(self, other: object) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: CodeSolver) -> bool: ...
    @typing.overload
    def __ne__(self, other: object) -> bool: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class DictionaryUpdate:
    __members__: typing.ClassVar[dict[str, DictionaryUpdate]]
    block_coordinate: typing.ClassVar[DictionaryUpdate]
    lagrange_dual: typing.ClassVar[DictionaryUpdate]

    @typing.overload
    def __eq__(self, other: DictionaryUpdate) -> bool: ...
    @typing.overload
    def __eq__(self, other: object) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: DictionaryUpdate) -> bool: ...
    @typing.overload
    def __ne__(self, other: object) -> bool: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class TransferEncodeSettings:
    def __init__(
        self,
        *,
        solver: CodeSolver,
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-06,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 5000,
    ) -> None: ...

class TransferLearnSettings:
    def __init__(
        self,
        *,
        max_iterations: typing.SupportsInt | typing.SupportsIndex,
        tolerance: typing.SupportsFloat | typing.SupportsIndex,
        l2: typing.SupportsFloat | typing.SupportsIndex,
        positive_codes: bool,
        positive_atoms: bool,
        code_tolerance: typing.SupportsFloat | typing.SupportsIndex,
        passes: typing.SupportsInt | typing.SupportsIndex,
        dictionary_update: DictionaryUpdate,
        encode: TransferEncodeSettings,
    ) -> None: ...

class TransferEncodeReport:
    @property
    def converged(self) -> bool: ...
    @property
    def duality_gap(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def kkt_violation(self) -> float: ...
    @property
    def newton_steps(self) -> int: ...
    @property
    def objective(self) -> float: ...

class TransferLearnProgress:
    @property
    def iteration(self) -> int: ...
    @property
    def kkt_violation(self) -> float: ...
    @property
    def objective(self) -> float: ...

class TransferLearnReport:
    @property
    def codes(self) -> TransferEncodeReport: ...
    @property
    def converged(self) -> bool: ...
    @property
    def iterations(self) -> int: ...

class NestedPenalty:
    def __init__(
        self,
        *,
        element: typing.SupportsFloat | typing.SupportsIndex,
        row: typing.SupportsFloat | typing.SupportsIndex,
        groups: numpy.typing.NDArray[numpy.int32],
        strengths: numpy.typing.NDArray[typing.Any],
    ) -> None: ...

class RegressionReport:
    @property
    def converged(self) -> bool: ...
    @property
    def duality_gap(self) -> float: ...
    @property
    def history(self) -> list[float]: ...
    @property
    def iterations(self) -> int: ...
    @property
    def kkt_violation(self) -> float: ...
    @property
    def newton_steps(self) -> int: ...
    @property
    def objective(self) -> float: ...

class Algorithm:
    __members__: typing.ClassVar[dict[str, Algorithm]]
    active_set: typing.ClassVar[Algorithm]
    coordinate_descent: typing.ClassVar[Algorithm]
    fista: typing.ClassVar[Algorithm]
    homotopy: typing.ClassVar[Algorithm]

    @typing.overload
    def __eq__(self, other: Algorithm) -> bool: ...
    @typing.overload
    def __eq__(self, other: object) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: Algorithm) -> bool: ...
    @typing.overload
    def __ne__(self, other: object) -> bool: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class CodingSettings:
    def __init__(
        self,
        alpha: typing.SupportsFloat | typing.SupportsIndex,
        tolerance: typing.SupportsFloat | typing.SupportsIndex,
        max_iterations: typing.SupportsInt | typing.SupportsIndex,
        nonnegative: bool = False,
        warm_start: bool = False,
        algorithm: Algorithm = ...,
    ) -> None: ...
    @property
    def algorithm(self) -> Algorithm: ...
    @property
    def alpha(self) -> float: ...
    @property
    def max_iterations(self) -> int: ...
    @property
    def nonnegative(self) -> bool: ...
    @property
    def tolerance(self) -> float: ...
    @property
    def warm_start(self) -> bool: ...

class PoolingSettings:
    def __init__(
        self, *, mean: bool = True, root_mean_square: bool = False, maximum: bool = False
    ) -> None: ...
    @property
    def maximum(self) -> bool: ...
    @property
    def mean(self) -> bool: ...
    @property
    def root_mean_square(self) -> bool: ...

class SelectionRule:
    __members__: typing.ClassVar[dict[str, SelectionRule]]
    correlation: typing.ClassVar[SelectionRule]
    residual: typing.ClassVar[SelectionRule]

    @typing.overload
    def __eq__(self, other: SelectionRule) -> bool: ...
    @typing.overload
    def __eq__(self, other: object) -> bool: ...
    def __getstate__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __index__(self) -> int: ...
    def __init__(self, value: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def __int__(self) -> int: ...
    @typing.overload
    def __ne__(self, other: SelectionRule) -> bool: ...
    @typing.overload
    def __ne__(self, other: object) -> bool: ...
    def __setstate__(self, state: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class PursuitSettings:
    def __init__(
        self,
        rule: SelectionRule,
        max_atoms: typing.SupportsInt | typing.SupportsIndex,
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        nonnegative: bool = False,
    ) -> None: ...
    @property
    def max_atoms(self) -> int: ...
    @property
    def nonnegative(self) -> bool: ...
    @property
    def rule(self) -> SelectionRule: ...
    @property
    def tolerance(self) -> float: ...

class PreparedDictionary32:
    def __init__(
        self,
        dictionary: numpy.typing.NDArray[typing.Any],
        *,
        n_threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def holds(self, dictionary: numpy.typing.NDArray[typing.Any]) -> bool: ...

class PreparedDictionary64:
    def __init__(
        self,
        dictionary: numpy.typing.NDArray[typing.Any],
        *,
        n_threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def holds(self, dictionary: numpy.typing.NDArray[typing.Any]) -> bool: ...

class PathSettings:
    def __init__(
        self,
        *,
        least_penalty: typing.SupportsFloat | typing.SupportsIndex,
        most_steps: typing.SupportsInt | typing.SupportsIndex,
        nonnegative: bool = False,
    ) -> None: ...
    @property
    def least_penalty(self) -> float: ...
    @property
    def most_steps(self) -> int: ...
    @property
    def nonnegative(self) -> bool: ...

def build_info() -> dict[str, str]: ...
def correlations(
    dictionary: numpy.typing.NDArray[typing.Any],
    signals: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[typing.Any]: ...
def dictionary_accumulate(
    signals: numpy.typing.NDArray[typing.Any],
    codes: numpy.typing.NDArray[typing.Any],
    weights: numpy.typing.NDArray[typing.Any],
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    *,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def dictionary_accumulate_masked(
    signals: numpy.typing.NDArray[typing.Any],
    mask: numpy.typing.NDArray[numpy.bool],
    codes: numpy.typing.NDArray[typing.Any],
    weights: numpy.typing.NDArray[typing.Any],
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    *,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def dictionary_block_coordinate(
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    passes: typing.SupportsInt | typing.SupportsIndex,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> int: ...
def dictionary_from_masked(
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    passes: typing.SupportsInt | typing.SupportsIndex,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float: ...
def dictionary_ksvd(
    signals: numpy.typing.NDArray[typing.Any],
    codes: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    alpha: typing.SupportsFloat | typing.SupportsIndex,
    positive_dictionary: bool,
    positive_codes: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float: ...
def dictionary_lagrange_dual(
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    max_iterations: typing.SupportsInt | typing.SupportsIndex,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[bool, int, float]: ...
def dictionary_masked(
    signals: numpy.typing.NDArray[typing.Any],
    mask: numpy.typing.NDArray[numpy.bool],
    codes: numpy.typing.NDArray[typing.Any],
    weights: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    passes: typing.SupportsInt | typing.SupportsIndex,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float: ...
def dictionary_merge_duplicate_atoms(
    dictionary: numpy.typing.NDArray[typing.Any],
    codes: numpy.typing.NDArray[typing.Any],
    *,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    positive_codes: bool,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> int: ...
def dictionary_objective(
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float: ...
def dictionary_optimal_directions(
    A: numpy.typing.NDArray[typing.Any],
    B: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def dictionary_project_atoms(
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex,
    to_boundary: bool = False,
) -> None: ...
def dictionary_replace_atoms(
    signals: numpy.typing.NDArray[typing.Any],
    atoms: numpy.typing.NDArray[numpy.int64],
    codes: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def dictionary_replace_dead_atoms(
    signals: numpy.typing.NDArray[typing.Any],
    codes: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    *,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def dictionary_separable(
    curvature: numpy.typing.NDArray[typing.Any],
    slope: numpy.typing.NDArray[typing.Any],
    *,
    positive: bool,
    l1_ratio: typing.SupportsFloat | typing.SupportsIndex,
) -> numpy.typing.NDArray[typing.Any]: ...
def gram(
    dictionary: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[typing.Any]: ...
def graph_laplacian(
    starts: numpy.typing.NDArray[numpy.int64],
    columns: numpy.typing.NDArray[numpy.int64],
    values: numpy.typing.NDArray[typing.Any],
    normalised: bool,
) -> tuple[typing.Any, ...]: ...
def kernel_mmd(
    source: numpy.typing.NDArray[typing.Any],
    target: numpy.typing.NDArray[typing.Any],
    family: KernelFamily,
    bandwidths: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    source_weights: numpy.typing.NDArray[typing.Any],
    target_weights: numpy.typing.NDArray[typing.Any],
    within_source: numpy.typing.NDArray[typing.Any],
    within_target: numpy.typing.NDArray[typing.Any],
    between: numpy.typing.NDArray[typing.Any],
    exclude_diagonal: bool,
    gradient: bool,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
    kernel_weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
) -> tuple[typing.Any, ...]: ...
def kernel_quadratic_forms(
    samples: numpy.typing.NDArray[typing.Any],
    weights: numpy.typing.NDArray[typing.Any],
    family: KernelFamily,
    bandwidths: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
    kernel_weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
) -> tuple[typing.Any, ...]: ...
def kernel_sums(
    points: numpy.typing.NDArray[typing.Any],
    samples: numpy.typing.NDArray[typing.Any],
    weights: numpy.typing.NDArray[typing.Any],
    family: KernelFamily,
    bandwidths: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
    kernel_weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
) -> numpy.typing.NDArray[typing.Any]: ...
def lars(
    gram: numpy.typing.NDArray[typing.Any],
    correlations: numpy.typing.NDArray[typing.Any],
    count: typing.SupportsInt | typing.SupportsIndex,
    codes: numpy.typing.NDArray[typing.Any],
    *,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int32]: ...
@typing.overload
def lasso(
    signals: numpy.typing.NDArray[typing.Any],
    dictionary: PreparedDictionary64,
    settings: CodingSettings,
    codes: numpy.typing.NDArray[typing.Any] | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    sparse: bool = False,
    ridge: numpy.typing.NDArray[typing.Any] | None = None,
    weights: numpy.typing.NDArray[typing.Any] | None = None,
) -> tuple[typing.Any, ...]: ...
@typing.overload
def lasso(
    signals: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    settings: CodingSettings,
    codes: numpy.typing.NDArray[typing.Any] | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    sparse: bool = False,
    ridge: numpy.typing.NDArray[typing.Any] | None = None,
    weights: numpy.typing.NDArray[typing.Any] | None = None,
    mask: numpy.typing.NDArray[numpy.bool] | None = None,
) -> tuple[typing.Any, ...]: ...
@typing.overload
def lasso(
    signals: numpy.typing.NDArray[typing.Any],
    dictionary: PreparedDictionary32,
    settings: CodingSettings,
    codes: numpy.typing.NDArray[typing.Any] | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    sparse: bool = False,
    ridge: numpy.typing.NDArray[typing.Any] | None = None,
    weights: numpy.typing.NDArray[typing.Any] | None = None,
) -> tuple[typing.Any, ...]: ...
def lasso_gram(
    gram: numpy.typing.NDArray[typing.Any],
    correlations: numpy.typing.NDArray[typing.Any],
    settings: CodingSettings,
    codes: numpy.typing.NDArray[typing.Any],
    *,
    ridge: numpy.typing.NDArray[typing.Any] | None = None,
    weights: numpy.typing.NDArray[typing.Any] | None = None,
    squared_norms: numpy.typing.NDArray[typing.Any] | None = None,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[typing.Any, ...]: ...
def lasso_paths(
    gram: numpy.typing.NDArray[typing.Any],
    correlations: numpy.typing.NDArray[typing.Any],
    settings: PathSettings,
    *,
    ridge: numpy.typing.NDArray[typing.Any] | None = None,
    weights: numpy.typing.NDArray[typing.Any] | None = None,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> list[tuple[typing.Any, ...]]: ...
def lasso_pooled(
    signals: numpy.typing.NDArray[typing.Any],
    lengths: numpy.typing.NDArray[numpy.int64],
    dictionary: numpy.typing.NDArray[typing.Any],
    settings: CodingSettings,
    pooling: PoolingSettings,
    pooled: numpy.typing.NDArray[typing.Any],
    *,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[typing.Any, ...]: ...
def mean_pairwise_distance(
    samples: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float: ...
def nearest_neighbours(
    reference: numpy.typing.NDArray[typing.Any],
    queries: numpy.typing.NDArray[typing.Any] | None,
    n_neighbors: typing.SupportsInt | typing.SupportsIndex,
    metric: Metric,
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[typing.Any, ...]: ...
@typing.overload
def pursue(
    signals: numpy.typing.NDArray[typing.Any],
    dictionary: PreparedDictionary64,
    settings: PursuitSettings,
    codes: numpy.typing.NDArray[typing.Any] | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    sparse: bool = False,
) -> tuple[typing.Any, ...]: ...
@typing.overload
def pursue(
    signals: numpy.typing.NDArray[typing.Any],
    dictionary: numpy.typing.NDArray[typing.Any],
    settings: PursuitSettings,
    codes: numpy.typing.NDArray[typing.Any] | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    sparse: bool = False,
    mask: numpy.typing.NDArray[numpy.bool] | None = None,
) -> tuple[typing.Any, ...]: ...
@typing.overload
def pursue(
    signals: numpy.typing.NDArray[typing.Any],
    dictionary: PreparedDictionary32,
    settings: PursuitSettings,
    codes: numpy.typing.NDArray[typing.Any] | None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    sparse: bool = False,
) -> tuple[typing.Any, ...]: ...
def pursue_gram(
    gram: numpy.typing.NDArray[typing.Any],
    correlations: numpy.typing.NDArray[typing.Any],
    squared_norms: numpy.typing.NDArray[typing.Any],
    settings: PursuitSettings,
    codes: numpy.typing.NDArray[typing.Any],
    *,
    time_limit: typing.SupportsFloat | typing.SupportsIndex | None = None,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[typing.Any, ...]: ...
def running_sums(matrix: numpy.typing.NDArray[typing.Any]) -> numpy.typing.NDArray[typing.Any]: ...
def squared_norm(
    matrix: numpy.typing.NDArray[typing.Any], num_threads: typing.SupportsInt | typing.SupportsIndex
) -> float: ...
def symmetric_graph(
    indices: numpy.typing.NDArray[numpy.int64], weights: numpy.typing.NDArray[typing.Any]
) -> tuple[typing.Any, ...]: ...
def transfer_encode(
    gram: numpy.typing.NDArray[typing.Any],
    correlations: numpy.typing.NDArray[typing.Any],
    signal_energy: typing.SupportsFloat | typing.SupportsIndex,
    means: numpy.typing.NDArray[typing.Any],
    indptr: numpy.typing.NDArray[numpy.int64],
    indices: numpy.typing.NDArray[numpy.int32],
    values: numpy.typing.NDArray[typing.Any],
    *,
    alpha: typing.SupportsFloat | typing.SupportsIndex,
    positive: bool,
    settings: TransferEncodeSettings,
    penalties: numpy.typing.NDArray[typing.Any],
    codes: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> TransferEncodeReport: ...
def transfer_learn(
    signals: numpy.typing.NDArray[typing.Any],
    means: numpy.typing.NDArray[typing.Any],
    indptr: numpy.typing.NDArray[numpy.int64],
    indices: numpy.typing.NDArray[numpy.int32],
    values: numpy.typing.NDArray[typing.Any],
    *,
    alpha: typing.SupportsFloat | typing.SupportsIndex,
    settings: TransferLearnSettings,
    penalties: numpy.typing.NDArray[typing.Any],
    targets: numpy.typing.NDArray[typing.Any],
    target_weights: numpy.typing.NDArray[typing.Any],
    ridge: typing.SupportsFloat | typing.SupportsIndex,
    map: numpy.typing.NDArray[typing.Any],
    observer: collections.abc.Callable[[TransferLearnProgress], bool],
    dictionary: numpy.typing.NDArray[typing.Any],
    codes: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> TransferLearnReport: ...
def transfer_regression(
    quadratic: numpy.typing.NDArray[typing.Any],
    linear: numpy.typing.NDArray[typing.Any],
    energy: typing.SupportsFloat | typing.SupportsIndex,
    penalty: NestedPenalty,
    *,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    max_iterations: typing.SupportsInt | typing.SupportsIndex,
    newton_from: typing.SupportsFloat | typing.SupportsIndex = 0.3,
    coefficients: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> RegressionReport: ...
def transfer_regression_certify(
    quadratic: numpy.typing.NDArray[typing.Any],
    linear: numpy.typing.NDArray[typing.Any],
    energy: typing.SupportsFloat | typing.SupportsIndex,
    penalty: NestedPenalty,
    *,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
    coefficients: numpy.typing.NDArray[typing.Any],
    num_threads: typing.SupportsInt | typing.SupportsIndex,
) -> RegressionReport: ...
