import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer._labels import labelled
from sparsetransfer.classification import LabelledOnly
from sparsetransfer.exceptions import DomainError

MINUS_ONE = "the label -1 means unknown by contract, and this check uses it as a class"


@parametrize_with_checks(
    [LabelledOnly(LogisticRegression())],
    expected_failed_checks=lambda _: {
        "check_classifiers_classes": MINUS_ONE,
    },
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([0, 3, -1]), [True, True, False]),
        (np.array([0.0, np.nan, -1.0]), [True, False, True]),
        (np.array(["a", None, "b"], dtype=object), [True, False, True]),
        (np.array(["a", np.nan, -1, -1.0], dtype=object), [True, False, False, False]),
        (np.array(["a", "-1"]), [True, True]),
        (np.array([True, False]), [True, True]),
    ],
)
def test_labelled_knows_the_masks(y, expected):
    assert labelled(y).tolist() == expected


@pytest.mark.parametrize("mask", [-1, None, np.nan])
def test_masked_rows_do_not_touch_the_classifier(mask):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5))
    names = np.array(["low", "high"]) if not isinstance(mask, int) else np.array([0, 1])
    y = names[(X[:, 0] > 0).astype(int)]
    masked = y.astype(object if not isinstance(mask, int) else int)
    masked[40:] = mask
    X_elsewhere = X.copy()
    X_elsewhere[40:] += 1000.0
    ours = LabelledOnly(RidgeClassifier()).fit(X_elsewhere, masked)
    alone = RidgeClassifier().fit(X[:40], y[:40])
    np.testing.assert_array_equal(ours.estimator_.coef_, alone.coef_)
    assert ours.classes_.tolist() == alone.classes_.tolist()
    np.testing.assert_array_equal(ours.predict(X), alone.predict(X))


def test_metadata_is_routed_to_the_classifier_that_requests_it():
    X, y = np.array([[0.0], [1.0], [0.2], [5.0]]), np.array([0, 1, 1, -1])
    weights = np.array([1.0, 2.0, 0.5, 99.0])
    with sklearn.config_context(enable_metadata_routing=True):
        asks = LabelledOnly(RidgeClassifier().set_fit_request(sample_weight=True))
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asks)
        found = pipeline.fit(X, y, sample_weight=weights)[-1].estimator_
        rows = StandardScaler().fit_transform(X)[:3]
        alone = RidgeClassifier().fit(rows, y[:3], sample_weight=weights[:3])
        with pytest.raises(TypeError, match="not routed to any object"):
            LabelledOnly(RidgeClassifier()).fit(X, y, wrong=1)
    np.testing.assert_array_equal(found.coef_, alone.coef_)


def test_row_wise_parameters_are_cut_to_the_labelled_rows():
    X = np.array([[0.0], [1.0], [0.2], [5.0]])
    y = np.array([0, 1, 1, -1])
    weights = np.array([1.0, 2.0, 0.5, 99.0])
    ours = LabelledOnly(RidgeClassifier()).fit(X, y, sample_weight=weights)
    alone = RidgeClassifier().fit(X[:3], y[:3], sample_weight=weights[:3])
    np.testing.assert_array_equal(ours.estimator_.coef_, alone.coef_)


def test_offers_only_what_the_classifier_offers():
    assert not hasattr(LabelledOnly(LinearSVC()), "predict_proba")
    assert hasattr(LabelledOnly(LogisticRegression()), "predict_proba")
    assert hasattr(LabelledOnly(LinearSVC()), "decision_function")


def test_no_known_label_is_an_error():
    with pytest.raises(DomainError, match="no known label among 3"):
        LabelledOnly(RidgeClassifier()).fit(np.zeros((3, 2)), [-1, -1, -1])
