"""The registry of methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Literal

from sparsetransfer.evaluation.data.frame_codes import FrameCodes
from sparsetransfer.evaluation.methods.base import ClassifierMethod, Majority, Method
from sparsetransfer.evaluation.methods.grid import with_grid

__all__ = ["DEFAULT_METHODS", "available_methods", "make_methods", "register"]

DEFAULT_METHODS = (
    "majority",
    "svm",
    "svm-fixed",
    "ridge",
    "sparse-coding",
    "transfer-sparse-coding",
)
"""Methods of a table for which none are named."""

_SPEAKER_VIEWS = (
    ("campplus", "speaker"),
    ("campplus", "frame-codes(speaker)"),
    ("ge2e", "speaker-ge2e"),
)
_PLAIN_VIEWS = ("functionals", "is09-style", "wide")
"""Views of the method "recommended", with the weights that they need and without any."""

_REGISTRY: dict[str, Callable[[], Method]] = {}


def register(name: str, factory: Callable[[], Method]) -> None:
    """Add a method to the registry.

    Parameters
    ----------
    name : str
        Name in tables and on the command line, without a colon.
    factory : callable
        Makes the method with its default settings. It is called when the method is asked for, and
        may import what it needs. What it makes is a frozen dataclass whose `settings` are fields.

    Raises
    ------
    ValueError
        If the name is taken, empty or has a colon, which marks import paths.
    """
    if not name or ":" in name:
        raise ValueError(f"name must be a word without colon, got {name!r}")
    if name in _REGISTRY:
        raise ValueError(f"a method named {name!r} is registered already")
    _REGISTRY[name] = factory


def available_methods() -> tuple[str, ...]:
    """Return the names of all registered methods, in the order of their registration.

    Examples
    --------
    >>> "svm" in available_methods(), "recommended" in available_methods()
    (True, True)
    """
    return tuple(_REGISTRY)


def make_methods(
    names: Sequence[str] | None = None, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Method, ...]:
    """Build methods with their fixed settings.

    Parameters
    ----------
    names : sequence of str, optional
        Names as in `available_methods`, ``frame-codes(FRAMES)`` and
        ``frame-codes-transfer(FRAMES)``, or import paths ``module:Class`` of scikit-learn estimators, without repetition; `DEFAULT_METHODS` by
        default.
    overrides : mapping of str to mapping, optional
        Per method, settings that replace the defaults; for an import path, parameters of the
        class. Under ``grid``, lists of settings to choose from without target labels, as in
        `with_grid`.

    Returns
    -------
    tuple of Method
        The methods in the given order.

    Raises
    ------
    ValueError
        If a name is unknown or repeated, a path cannot be imported, or a setting does not exist.

    Examples
    --------
    >>> forest = "sklearn.ensemble:RandomForestClassifier"
    >>> [m.name for m in make_methods(["svm", forest], {forest: {"n_estimators": 50}})]
    ['svm', 'sklearn.ensemble:RandomForestClassifier']
    """
    chosen = tuple(DEFAULT_METHODS if names is None else names)
    overrides = overrides or {}
    known = [*_REGISTRY, *(name for name in chosen if ":" in name or _frame_view(name))]
    unknown = [name for name in dict.fromkeys([*chosen, *overrides]) if name not in known]
    if unknown:
        raise ValueError(
            f"unknown methods {unknown}, expected some of {list(_REGISTRY)} or an import path "
            "module:Class"
        )
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"methods must be given, without repetition, got {list(chosen)}")
    return tuple(_make(name, overrides.get(name, {})) for name in chosen)


def _make(name: str, changes: Mapping[str, Any]) -> Method:
    changes = dict(changes)
    grid = changes.pop("grid", None)
    method = _plain(name, changes)
    return method if grid is None else with_grid(method, grid)


def _plain(name: str, changes: Mapping[str, Any]) -> Method:
    method = _REGISTRY[name]() if name in _REGISTRY else None
    if method is None and (view := _frame_view(name)):
        method = _frame_codes(name, view)
    if method is None:
        from sparsetransfer.evaluation.methods.estimator import EstimatorMethod

        return EstimatorMethod(name, "Given by its import path.", name, params=changes)
    strange = sorted(set(changes) - set(method.settings()))
    if strange:
        raise ValueError(
            f"method {method.name!r} has no settings {strange}; it has {sorted(method.settings())}"
        )
    try:
        return replace(method, **changes) if changes else method  # type: ignore[type-var]
    except (TypeError, ValueError) as error:
        if str(error).startswith(f"method {method.name!r}"):
            raise
        raise ValueError(f"method {method.name!r}: {error}") from error


def _classifier(name: str, what: str, family: str, *, every_view: bool = False) -> None:
    columns = "all feature sets side by side" if every_view else "the source features"
    description = (
        f"{what} on {columns}; the usual parameters unless others are better by more than the "
        "standard error in speaker-disjoint validation; no transfer."
    )
    register(name, lambda: ClassifierMethod(name, description, family, every_view))


def _sparse(name: str, description: str, **settings: Any) -> None:
    def make() -> Method:
        from sparsetransfer.evaluation.methods.sparse import SparseCodingMethod

        return SparseCodingMethod(name=name, description=description, **settings)

    register(name, make)


def _estimator(name: str, description: str, estimator: str, **params: Any) -> None:
    def make() -> Method:
        from sparsetransfer.evaluation.methods.estimator import EstimatorMethod

        return EstimatorMethod(name, description, estimator, params)

    register(name, make)


def _transport() -> Method:
    from sparsetransfer.evaluation.methods.covariate_shift import TransportMethod

    return TransportMethod(
        "optimal-transport",
        "Source rows moved to the target by class-regularised optimal transport, tuned linear SVM "
        "(extra transport).",
    )


def _weighting(estimator: Literal["kliep", "kmm"], what: str) -> None:
    def make() -> Method:
        from sparsetransfer.evaluation.methods.covariate_shift import WeightingMethod

        description = f"Linear SVM, tuned without weights, on source rows weighted by {what}."
        return WeightingMethod(estimator, description, estimator)

    register(estimator, make)


def _multi_view(name: str, description: str, **settings: Any) -> None:
    def make() -> Method:
        from sparsetransfer.evaluation.methods.multi_view import MultiViewMethod

        return MultiViewMethod(name=name, description=description, **settings)

    register(name, make)


def _frame_view(name: str) -> str:
    """Return the view of ``frame-codes(FRAMES)`` or ``frame-codes-transfer(FRAMES)``, or ""."""
    view = name.replace("frame-codes-transfer(", "frame-codes(", 1)
    return view if FrameCodes.parse(view) else ""


def _frame_codes(name: str, view: str) -> Method:
    from sparsetransfer.evaluation.methods.multi_view import MultiViewMethod

    align = name.startswith("frame-codes-transfer")
    return MultiViewMethod(
        name,
        f"Pooled sparse codes, {view}, in dictionaries learned on the unlabelled frames of all "
        f"corpora of the study,{' covariances aligned to the target,' if align else ''} and a "
        "balanced ridge.",
        views=(view,),
        align=align,
    )


def _deep(
    name: str, description: str, estimator: str, pretrain_epochs: int = 0, **params: Any
) -> None:
    def make() -> Method:
        from sparsetransfer.evaluation.methods.deep import DeepMethod

        return DeepMethod(name, description, estimator, params, pretrain_epochs)

    register(name, make)


def _recommended() -> Method:
    from sparsetransfer.evaluation.methods.multi_view import SafeguardedMultiViewMethod

    views = tuple(view for network, view in _SPEAKER_VIEWS if _installed(network))
    return SafeguardedMultiViewMethod(
        "recommended",
        f"Balanced ridges on {', '.join(views or _PLAIN_VIEWS)}, averaged, with three rounds of "
        "self-training where unlabelled evidence allows it"
        + (
            "."
            if views
            else "; weights of a speaker network, which recognise better, are not installed."
        ),
        views=views or _PLAIN_VIEWS,
    )


def _installed(network: str) -> bool:
    """Whether a speaker network can be used: its weights, PyTorch and the filter bank."""
    from sparsetransfer._networks.weights import locate

    needed = ("torch", "kaldi_native_fbank") if network == "campplus" else ("torch",)
    try:
        locate(network)
    except ModuleNotFoundError:
        return False
    return all(find_spec(module) is not None for module in needed)


def _safeguarded() -> Method:
    from sparsetransfer.evaluation.methods.multi_view import SafeguardedMultiViewMethod

    return SafeguardedMultiViewMethod(
        "multi-view-safeguarded",
        "The average over feature sets, with three rounds of self-training on targets where views "
        "adapted apart agree more and labels keep away from speakers; no label decides.",
    )


register("majority", Majority)
_classifier("svm", "Linear SVM", "svm")
_estimator(
    "svm-fixed",
    "Linear SVM on the source features with the cost 0.001 fixed in advance, classes balanced; no "
    "transfer.",
    "sklearn.svm:LinearSVC",
    C=1e-3,
    class_weight="balanced",
)
_classifier("ridge", "Ridge regression on targets ±1, classes balanced,", "ridge")
_classifier("svm-all", "Linear SVM", "svm", every_view=True)
_classifier(
    "ridge-all", "Ridge regression on targets ±1, classes balanced,", "ridge", every_view=True
)
_classifier("rbf-svm", "SVM with a Gaussian kernel", "rbf-svm")
_classifier("logistic", "Logistic regression", "logistic")
_sparse(
    "sparse-coding",
    "Joint PCA, unit norm, dictionary and sparse codes of both corpora without transfer terms, "
    "tuned linear SVM on the source codes.",
)
_sparse(
    "transfer-sparse-coding",
    "The same with the maximum mean discrepancy between the codes of the corpora and a graph "
    "Laplacian in the objective.",
    mmd=60.0,
    laplacian=1.0,
)
_sparse(
    "positive-transfer-sparse-coding",
    "Transfer sparse coding with non-negative codes, a normalised Laplacian of the binary "
    "nearest-neighbour graph, and ridge regression on the source codes.",
    # 10 n times half the squared distance of the means, for corpora of equal size.
    mmd=40.0,
    laplacian=5.0,
    graph_weights="binary",
    normalized_laplacian=True,
    positive_code=True,
    classifier="ridge",
)
_estimator(
    "coral",
    "Correlation alignment of the source to the target, tuned linear SVM.",
    "sparsetransfer.subspace:CORAL",
)
for _name, _what, _class in (
    ("sa", "Subspace alignment", "SubspaceAlignment"),
    ("tca", "Transfer component analysis", "TransferComponentAnalysis"),
    ("jda", "Joint distribution adaptation with pseudo-labels", "JointDistributionAdaptation"),
):
    _estimator(
        _name,
        f"{_what} with 40 components, tuned linear SVM.",
        f"sparsetransfer.subspace:{_class}",
        n_components=40,
    )
register("optimal-transport", _transport)
_weighting("kliep", "the Kullback-Leibler importance estimation procedure (KLIEP)")
_weighting("kmm", "kernel mean matching")
for _class in ("DoSL", "JDAR", "TRaSL", "AKTLR", "TDLR", "ImplicitDistributionAlignment"):
    _estimator(
        "idar" if _class.startswith("Implicit") else _class.lower(),
        f"Transfer regression {_class} on the label matrix, as published.",
        f"sparsetransfer.transfer:{_class}",
    )
_deep(
    "metric-autoencoder",
    "Denoising autoencoder whose embedding follows the activation and valence of the source's "
    "labels, with unlabelled target rows (extra deep).",
    "MetricAutoencoder",
)
for _name, _what, _alignment, _weight in (
    ("didan", "Deep regression with implicit distribution alignment (DIDAN)", "ida", 0.1),
    ("lidan", "Deep regression with layer-adapted implicit alignment (LIDAN)", "lida", 0.1),
    ("deep-mmd", "The network of DIDAN with the maximum mean discrepancy", "mmd", 1.0),
    ("deep-coral", "The network of DIDAN with aligned covariances", "coral", 1.0),
    ("dann", "The network of DIDAN with an adversarial domain classifier", "dann", 1.0),
    ("deep-source-only", "The network of DIDAN without alignment", None, 0.0),
):
    _deep(
        _name,
        f"{_what}, on log-mel spectrograms (extra deep).",
        "DIDAN",
        alignment=_alignment,
        weight=_weight,
    )
_deep(
    "speaker-resnet",
    "Residual network on log-mel spectrograms that learns the source's speakers first (extra "
    "deep).",
    "SpeakerResNet",
    pretrain_epochs=15,
)
_deep(
    "resnet",
    "The same residual network from random parameters (extra deep).",
    "SpeakerResNet",
)
_deep(
    "campplus-frozen",
    "Logistic regression on the second transition of the speaker network CAM++, pooled over time and "
    "standardised per corpus (extras deep and speaker, and weights).",
    "FineTunedCampplus",
    max_epochs=0,
)
_deep(
    "campplus-fine-tuned",
    "The same after fine-tuning of the second block with SpecAugment on the source (extras deep and "
    "speaker, and weights).",
    "FineTunedCampplus",
)
_multi_view(
    "multi-view",
    "One strongly regularised ridge per feature set, posteriors balanced to equally frequent "
    "classes in the target and averaged; no pseudo-labels.",
)
_multi_view(
    "multi-view-self-trained",
    "The same with ten rounds of self-training on pseudo-labels of the target, without a "
    "safeguard: to see what pseudo-labels do.",
    rounds=10,
)
register("multi-view-safeguarded", _safeguarded)
register("frame-codes", lambda: _frame_codes("frame-codes", "frame-codes(log-mel)"))
register(
    "frame-codes-transfer", lambda: _frame_codes("frame-codes-transfer", "frame-codes(log-mel)")
)
register("recommended", _recommended)
