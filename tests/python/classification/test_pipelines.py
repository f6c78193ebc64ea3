import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.classification import (
    BalancedRidge,
    LabelledOnly,
    MultiView,
    Safeguard,
    TransferPipeline,
    make_transfer_pipeline,
)
from sparsetransfer.exceptions import DomainError
from sparsetransfer.subspace import CORAL


class CentrePerDomain(TransformerMixin, BaseEstimator):
    """Minimal transfer step: it must be told the domains to give anything but an error."""

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012

    def fit(self, X, y=None, *, sample_domain=None):
        if sample_domain is None:
            raise ValueError("sample_domain did not arrive")
        self.means_ = {d: X[np.asarray(sample_domain) == d].mean(0) for d in set(sample_domain)}
        return self

    def fit_transform(self, X, y=None, *, sample_domain=None):
        self.fit(X, y, sample_domain=sample_domain)
        return X - np.array([self.means_[d] for d in sample_domain])

    def transform(self, X):
        return X - self.means_[min(self.means_)]


@parametrize_with_checks(
    [
        make_transfer_pipeline(StandardScaler(), BalancedRidge()),
        TransferPipeline([("scale", StandardScaler()), ("align", CORAL())]),
    ],
    expected_failed_checks=lambda pipeline: (
        dict.fromkeys(
            ["check_estimators_overwrite_params", "check_dont_overwrite_parameters"],
            "steps are fitted in place, as those of scikit-learn's pipeline",
        )
        | (
            {"check_classifiers_classes": "the label -1 means unknown by contract"}
            if hasattr(pipeline, "predict")
            else {}
        )
    ),
)
@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.DomainWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_only_pipelines_of_transformers_transform():
    classifier = make_transfer_pipeline(StandardScaler(), RidgeClassifier())
    assert not hasattr(classifier, "fit_transform")
    assert not hasattr(classifier, "transform")
    assert not hasattr(classifier, "predict_proba")
    assert hasattr(make_transfer_pipeline(StandardScaler(), BalancedRidge()), "predict_proba")
    X = np.random.default_rng(0).normal(size=(20, 3))
    domain = np.repeat([1, -1], 10)
    coders = TransferPipeline([("scale", StandardScaler()), ("align", CORAL())])
    expected = CORAL().fit_transform(StandardScaler().fit_transform(X), sample_domain=domain)
    np.testing.assert_allclose(coders.fit_transform(X, sample_domain=domain), expected)


@pytest.mark.parametrize("estimator", [MultiView(), Safeguard(views=[2, 1], random_state=0)])
def test_metadata_is_routed_to_classifiers_of_several_views(estimator, shifted):
    X, y, domain = shifted
    masked = np.where(domain < 0, -1, y)
    metadata = {"sample_domain": domain}
    if isinstance(estimator, Safeguard):
        metadata["sample_group"] = np.arange(80) // 10
    direct = clone(estimator).fit(X, masked, **metadata)
    with sklearn.config_context(enable_metadata_routing=True):
        request = estimator.get_metadata_routing().fit.requests
        assert request == dict.fromkeys(metadata, True)
        routed = sklearn.pipeline.make_pipeline(StandardScaler(with_mean=False), estimator)
        routed = routed.set_params(standardscaler__with_std=False).fit(X, masked, **metadata)
    np.testing.assert_array_equal(routed.predict(X), direct.predict(X))
    with sklearn.config_context(enable_metadata_routing=True):
        declined = clone(estimator).set_fit_request(sample_domain=False)
        pipeline = sklearn.pipeline.make_pipeline(declined)
        with pytest.raises(TypeError, match="sample_domain"):
            pipeline.fit(X, masked, sample_domain=domain)


@pytest.fixture
def shifted():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 80)
    X = rng.standard_normal((80, 3)) * 0.3
    X[:, 0] += 2.0 * y
    domain = np.repeat([1, -2], 40)
    X[40:, 0] += 10.0
    return X, y, domain


@pytest.mark.parametrize("routing", [False, True])
def test_domains_reach_the_step_and_masked_rows_stay_out(shifted, routing):
    X, y, domain = shifted
    masked = np.where(domain < 0, -1, y)
    with sklearn.config_context(enable_metadata_routing=routing):
        model = make_transfer_pipeline(CentrePerDomain(), RidgeClassifier())
        model.fit(X, masked, sample_domain=domain)
        predicted = model.predict(X[40:])
    assert np.mean(predicted == y[40:]) > 0.95
    centred = X[:40] - X[:40].mean(0)
    alone = RidgeClassifier().fit(centred, y[:40])
    np.testing.assert_array_equal(model[-1].estimator_.coef_, alone.coef_)


def test_target_labels_behind_the_mask_cannot_matter(shifted):
    X, y, domain = shifted
    model = make_transfer_pipeline(CentrePerDomain(), RidgeClassifier())
    masked = np.where(domain < 0, -1, y)
    first = model.fit(X, masked, sample_domain=domain).predict(X)
    shuffled = y.copy()
    shuffled[40:] = shuffled[40:][::-1]
    again = clone(model).fit(X, np.where(domain < 0, -1, shuffled), sample_domain=domain)
    np.testing.assert_array_equal(first, again.predict(X))


def test_unlabelled_source_row_is_an_error(shifted):
    X, y, domain = shifted
    masked = np.where(domain < 0, -1, y)
    masked[:3] = -1
    with pytest.raises(DomainError, match="3 source rows have no label"):
        make_transfer_pipeline(StandardScaler(), RidgeClassifier()).fit(
            X, masked, sample_domain=domain
        )


def test_step_names_and_wrapping():
    model = make_transfer_pipeline(StandardScaler(), StandardScaler(), RidgeClassifier())
    assert [name for name, _ in model.steps] == [
        "standardscaler-1",
        "standardscaler-2",
        "ridgeclassifier",
    ]
    wrapped = LabelledOnly(RidgeClassifier())
    assert make_transfer_pipeline(StandardScaler(), wrapped)[-1] is wrapped
    with pytest.raises(ValueError, match="got 1 steps"):
        make_transfer_pipeline(RidgeClassifier())
