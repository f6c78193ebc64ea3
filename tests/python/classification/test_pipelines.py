import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from sparsetransfer.classification import LabelledOnly, make_transfer_pipeline
from sparsetransfer.exceptions import DomainError


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
