"""Our estimators as guests: in skada's pipelines, and beside POT on the same four arrays."""

import importlib

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.preprocessing import StandardScaler

from sparsetransfer.classification import (
    LabelledOnly,
    MultiView,
    make_transfer_pipeline,
    unlabelled_scorer,
)
from sparsetransfer.subspace import (
    CORAL,
    JointDistributionAdaptation,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from sparsetransfer.transfer import (
    AKTLR,
    JDAR,
    TDLR,
    TSDSL,
    DoSL,
    ImplicitDistributionAlignment,
    TransferNMF,
    TransferSparseCoding,
    TRaSL,
    pack,
)

TRANSFORMERS = [
    CORAL(),
    SubspaceAlignment(4),
    TransferComponentAnalysis(5),
    JointDistributionAdaptation(5),
    TSDSL(),
    TransferSparseCoding(8, alpha=0.5, random_state=0),
]
CLASSIFIERS = [DoSL(), JDAR(), TRaSL(), AKTLR(), TDLR(), ImplicitDistributionAlignment()]


def by_name(estimators):
    return [pytest.param(estimator, id=type(estimator).__name__) for estimator in estimators]


@pytest.fixture(scope="module")
def arrays():
    """Four arrays as POT takes them, keywords and all; target labels are not known."""
    rng = np.random.default_rng(4)
    labels = np.arange(60) % 3
    centres = np.zeros((3, 8))
    centres[[0, 1, 2], [0, 1, 2]] = 3.0
    source = centres[labels] + 0.7 * rng.normal(size=(60, 8))
    target = centres[labels] + 0.7 * rng.normal(size=(60, 8)) + [0, 1, 0, 3, 2, 0, 0, 0]
    return {"Xs": source, "ys": labels, "Xt": target}


@pytest.fixture
def skada():
    # Importing it, and its pipelines, want metadata routing in the whole process.
    with sklearn.config_context(enable_metadata_routing=True):
        yield pytest.importorskip("skada", reason="skada is not installed: only compared with")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
@pytest.mark.parametrize("estimator", by_name(TRANSFORMERS))
def test_transformers_run_in_skadas_pipeline(skada, arrays, estimator):
    X, y, domains = pack(**arrays)
    pipeline = skada.make_da_pipeline(
        StandardScaler(), clone(estimator), LogisticRegression(C=10.0, max_iter=2000)
    )
    pipeline.fit(X, y, sample_domain=domains)
    predicted = pipeline.predict(arrays["Xt"], sample_domain=np.full(60, -1))
    with sklearn.config_context(enable_metadata_routing=False):
        ours = make_transfer_pipeline(
            StandardScaler(), clone(estimator), LogisticRegression(C=10.0, max_iter=2000)
        ).fit(X, y, sample_domain=domains)
        expected = ours.predict(arrays["Xt"])
    # The classifier's own tolerance may decide a sample on the border.
    assert np.mean(predicted == expected) >= 0.98


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
@pytest.mark.parametrize("estimator", by_name(CLASSIFIERS))
def test_classifiers_run_in_skadas_pipeline(skada, arrays, estimator):
    X, y, domains = pack(**arrays)
    pipeline = skada.make_da_pipeline(StandardScaler(), clone(estimator))
    pipeline.fit(X, y, sample_domain=domains)
    direct = clone(estimator).fit(StandardScaler().fit_transform(X), y, sample_domain=domains)
    # The masked target must have reached the fit, which a pipeline may also drop.
    assert_allclose(pipeline[-1].base_estimator_.coef_, direct.coef_, atol=1e-12)
    assert set(pipeline.predict(arrays["Xt"], sample_domain=np.full(60, -1))) == {0, 1, 2}


SCORERS = (
    *("SupervisedScorer", "ImportanceWeightedScorer", "PredictionEntropyScorer"),
    *("SoftNeighborhoodDensity", "DeepEmbeddedValidation", "CircularValidation"),
    *("MixValScorer", "MaNoScorer"),
)
SPLITTERS = ("SourceTargetShuffleSplit", "StratifiedDomainShuffleSplit", "DomainShuffleSplit")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("estimator", by_name([*TRANSFORMERS, *CLASSIFIERS, MultiView()]))
def test_skadas_scorers_rate_every_estimator_on_its_splits(skada, arrays, estimator, splitter):
    X, y, domains = pack(**arrays)
    final = clone(estimator)
    if hasattr(final, "transform") and not hasattr(final, "predict"):
        final = LabelledOnly(LogisticRegression())
    steps = [] if type(final) is type(estimator) else [clone(estimator)]
    # skada gives importance weights to the score of the last step.
    pipeline = skada.make_da_pipeline(*steps, final.set_score_request(sample_weight=True))
    metrics = importlib.import_module("skada.metrics")
    splits = getattr(importlib.import_module("skada.model_selection"), splitter)
    for name in SCORERS:
        found = cross_validate(
            pipeline,
            X,
            y,
            cv=splits(n_splits=1, random_state=0),
            params={
                "sample_domain": domains,
                **(
                    {"target_labels": np.tile(arrays["ys"], 2)}
                    if name == "SupervisedScorer"
                    else {}
                ),
            },
            scoring=getattr(metrics, name)(),
            error_score="raise",
        )
        assert np.isfinite(found["test_score"]).all(), name


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
def test_entropy_is_skadas(skada, arrays):
    X, y, domains = pack(**arrays)
    model = LabelledOnly(LogisticRegression()).fit(X, y)

    class Guest:
        """A model as skada's scorers call it."""

        def predict_proba(self, rows, sample_domain=None):
            return model.predict_proba(rows)

    peer = importlib.import_module("skada.metrics").PredictionEntropyScorer()
    theirs = peer(Guest(), X, y, sample_domain=domains)
    # Its mean is over rows and classes, and 1e-7 keeps its logarithm finite.
    assert unlabelled_scorer("entropy")(model, X, y) == pytest.approx(3 * theirs, abs=1e-5)


@pytest.mark.parametrize(
    "estimator", by_name([*TRANSFORMERS, *CLASSIFIERS, TransferNMF(8, random_state=0)])
)
def test_pots_four_arrays_go_through_pack(arrays, estimator):
    pot = pytest.importorskip("ot", reason="POT is not installed: only compared with")
    labels = arrays["ys"]
    call = {**arrays, "yt": np.full(60, -1)}  # its mark of an unknown label is ours
    transport = pot.da.SinkhornTransport(reg_e=1.0).fit(**call)
    theirs = LogisticRegression().fit(transport.transform(Xs=call["Xs"]), labels)
    X, y, domains = pack(**call)
    if isinstance(estimator, TransferNMF):
        X = X - X.min()
    if hasattr(estimator, "predict"):
        model = clone(estimator).fit(X, y, sample_domain=domains)
    else:
        model = make_transfer_pipeline(clone(estimator), LogisticRegression(max_iter=1000))
        model.fit(X, y, sample_domain=domains)
    score = model.score(X[60:], labels)
    # It is there to show that the same call serves both, not who is better.
    assert min(score, theirs.score(call["Xt"], labels)) > 0.5
