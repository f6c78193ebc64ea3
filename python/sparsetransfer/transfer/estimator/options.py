"""Options of `TransferSparseCoding` that only make sense together, and their former names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin

from sparsetransfer.graph.functional import Weights
from sparsetransfer.transfer.couplings import DomainPairing
from sparsetransfer.transfer.learn import DictionaryUpdate
from sparsetransfer.transfer.problem import Solver
from sparsetransfer.transfer.result import TransferProgress

__all__ = [
    "ABSENT",
    "DomainMatching",
    "GroupedParameters",
    "LabelTerm",
    "NeighbourGraph",
    "Optimisation",
    "Regularisation",
    "accept_former",
    "grouped",
]

_Init = TypeVar("_Init", bound=Callable[..., None])


@dataclass(frozen=True)
class DomainMatching:
    """Which mean codes the MMD terms compare.

    Parameters
    ----------
    pairing : {"pooled", "pairs", "all"}, default="pooled"
        With several sources or targets: compare the mean codes of all source and all target
        samples, of every source and every target, or of every domain and every other.
    conditional : float, default=0.0
        Weight of the class-conditional terms relative to the marginal one, >= 0; 1 is joint
        distribution adaptation. It needs source labels in `y` and pseudo-labels of the target,
        which can help or harm much: see the notes of `TransferSparseCoding`.
    class_weight : {None, "prior"}, default=None
        Weight of a class in them: equal, or its share of the source samples.
    n_rounds : int, default=0
        How often to estimate pseudo-labels from the codes and to learn on.
    classifier : classifier, optional
        What estimates them, fitted on the source's codes; the nearest neighbour by default.
    soft_labels : bool, default=False
        Whether it gives probabilities (`predict_proba`) rather than classes.
    """

    pairing: DomainPairing = "pooled"
    conditional: float = 0.0
    class_weight: str | None = None
    n_rounds: int = 0
    classifier: ClassifierMixin | None = None
    soft_labels: bool = False


@dataclass(frozen=True)
class NeighbourGraph:
    r"""The graph of nearest neighbours along which codes are smooth.

    Parameters
    ----------
    weight : float
        Weight :math:`\gamma` of the graph term, >= 0.
    n_neighbors : int, default=5
        Neighbours of a sample.
    edge_weights : {"cosine", "binary", "heat"}, default="cosine"
        Weights of the edges.
    normalized : bool, default=False
        Whether the graph Laplacian is scaled by the degrees on both sides.
    """

    weight: float
    n_neighbors: int = 5
    edge_weights: Weights = "cosine"
    normalized: bool = False


@dataclass(frozen=True)
class LabelTerm:
    """The supervised term, by which the source's labels in `y` shape atoms and codes.

    Parameters
    ----------
    weight : float
        Its weight, >= 0, as `label` in `transfer_learn`.
    l2 : float, default=1.0
        Weight of half the squared norm of its map from codes to classes, > 0.
    """

    weight: float
    l2: float = 1.0


@dataclass(frozen=True)
class Regularisation:
    """What is asked of codes and atoms besides the l1 norm.

    Parameters
    ----------
    l2 : float, default=0.0
        Weight of half the squared norm of the codes, >= 0. With chunks, coupled domains and more
        atoms than features 1e-3 is found in far fewer passes; `distributed.learn` takes it there.
    positive_code : bool, default=False
        Whether codes are non-negative.
    positive_dict : bool, default=False
        Whether atoms are non-negative.
    """

    l2: float = 0.0
    positive_code: bool = False
    positive_dict: bool = False


@dataclass(frozen=True)
class Optimisation:
    """How the problem is solved, and from where.

    Parameters
    ----------
    dict_init : array_like of shape (n_components, n_features), optional
        The atoms to start from. By default distinct samples, scaled to unit length.
    solver : {"auto", "fista", "newton", "admm", "gauss-seidel"}, default="auto"
        How the codes are solved for, as in `transfer_encode`; "gauss-seidel" is the published
        alternation.
    dictionary_update : {"block_coordinate", "lagrange_dual"}, default="block_coordinate"
        How the atoms move, as in `transfer_learn`.
    kkt_tol : float, optional
        KKT violation of the final codes relative to `alpha`: 1e-6 by default for float64, 1e-3
        for float32.
    callback : callable, optional
        Called with a `TransferProgress` after every iteration; a true return value stops.
    """

    dict_init: ArrayLike | None = None
    solver: Solver = "auto"
    dictionary_update: DictionaryUpdate = "block_coordinate"
    kkt_tol: float | None = None
    callback: Callable[[TransferProgress], bool | None] | None = None


ABSENT: Mapping[str, Any] = {
    "matching": DomainMatching(),
    "graph": NeighbourGraph(0.0),
    "label_term": LabelTerm(0.0),
    "regularisation": Regularisation(),
    "optimisation": Optimisation(),
}
"""What a group that is None stands for."""

_RENAMED = {
    "contrast": ("matching", "pairing"),
    "laplacian": ("graph", "weight"),
    "graph_weights": ("graph", "edge_weights"),
    "normalized_laplacian": ("graph", "normalized"),
    "label": ("label_term", "weight"),
    "label_l2": ("label_term", "l2"),
}
_FORMER: Mapping[str, tuple[str, str]] = _RENAMED | {
    field.name: (group, field.name)
    for group, value in ABSENT.items()
    if group != "label_term"
    for field in fields(value)
    if (group, field.name) not in _RENAMED.values()
}
"""Group and field of every parameter that was one of the constructor."""


def _place(name: str) -> tuple[str, str] | None:
    """Return group and field of ``group__field`` or of a former name."""
    group, _, field = name.partition("__")
    if group not in ABSENT or not field:
        return _FORMER.get(name)
    names = [each.name for each in fields(ABSENT[group])]
    if field not in names:
        raise ValueError(f"Invalid parameter {name!r}: {group} has {', '.join(names)}")
    return group, field


def grouped(
    parameters: Mapping[str, Any], groups: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return parameters of the constructor with fields of groups in changed copies of `groups`."""
    found = {name: value for name, value in parameters.items() if _place(name) is None}
    for name, value in parameters.items():
        place = _place(name)
        if place is not None:
            group, field = place
            before: Any = found.get(group, (groups or {}).get(group))
            if not isinstance(before, type(ABSENT[group])):
                before = ABSENT[group]
            found[group] = replace(before, **{field: value})
    return found


def accept_former(init: _Init) -> _Init:
    """Decorate a constructor to take ``group__field`` too and, with a warning, former names."""

    @wraps(init)
    def accepting(self: Any, *args: Any, **kwargs: Any) -> None:
        _warn(kwargs)
        init(self, *args, **grouped(kwargs))

    accepting.also_accepts = _FORMER.keys() | {  # type: ignore[attr-defined]
        f"{group}__{field.name}" for group, value in ABSENT.items() for field in fields(value)
    }
    return cast("_Init", accepting)


def _warn(parameters: Mapping[str, Any]) -> None:
    for name in parameters.keys() & _FORMER.keys():
        group, field = _FORMER[name]
        warnings.warn(
            f"{name} is now {field} of {group}={type(ABSENT[group]).__name__}(...); the old name "
            "leaves in the next minor release",
            DeprecationWarning,
            stacklevel=3,
        )


class GroupedParameters(BaseEstimator):  # type: ignore[misc]
    """Parameters in groups: each field of a group is one for `get_params` and grid searches."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor.

        Parameters
        ----------
        deep : bool, default=True
            Whether fields of groups are returned too, as ``group__field``.

        Returns
        -------
        dict
            Values by name.
        """
        found: dict[str, Any] = super().get_params(deep=False)
        if deep:
            found |= {
                f"{group}__{field.name}": getattr(found[group], field.name)
                for group in ABSENT
                if isinstance(found[group], type(ABSENT[group]))
                for field in fields(found[group])
            }
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, by their names or as ``group__field``.

        Parameters
        ----------
        **params : dict
            The values.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        ValueError
            If a name does not exist.
        """
        _warn(params)
        super().set_params(**grouped(params, {group: getattr(self, group) for group in ABSENT}))
        return self

    def _group(self, name: str) -> Any:
        """Return a group, or what its absence stands for."""
        given = getattr(self, name)
        if given is None:
            return ABSENT[name]
        if not isinstance(given, type(ABSENT[name])):
            raise TypeError(
                f"{name} must be a {type(ABSENT[name]).__name__}, got {type(given).__name__}"
            )
        return given

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a parameter by its former name, with a warning."""
            if name not in _FORMER:
                return object.__getattribute__(self, name)  # raises with the first cause
            _warn({name: None})
            group, field = _FORMER[name]
            return getattr(self._group(group), field)
