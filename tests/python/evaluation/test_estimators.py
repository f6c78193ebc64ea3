import dataclasses
import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier

from sparsetransfer.evaluation import make_methods, run
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.methods.estimator import EstimatorMethod, estimator_class

HERE = __name__


class Watcher(ClassifierMixin, BaseEstimator):
    """A classifier that takes domains and remembers what it saw."""

    seen = None

    def fit(self, X, y, *, sample_domain):
        type(self).seen = (X, y, sample_domain)
        return self

    def predict(self, X):
        return np.full(len(X), "anger")


class Centre(TransformerMixin, BaseEstimator):
    """Gives every domain the mean zero."""

    def fit(self, X, y=None, *, sample_domain=None):
        return self

    def transform(self, X, *, sample_domain=None):
        out = np.array(X)
        for sign in (1, -1):
            rows = np.sign(sample_domain) == sign
            out[rows] -= out[rows].mean(0)
        return out


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Test modules are not on the import path."""
    import sys
    import types

    module = types.ModuleType("watched_estimators")
    module.Watcher, module.Centre = Watcher, Centre
    monkeypatch.setitem(sys.modules, "watched_estimators", module)


def method(path, **params):
    return EstimatorMethod("own", "Own.", path, params)


def test_classifier_of_scikit_learn_is_fitted_on_the_source_alone(domains, protocol):
    name = "sklearn.ensemble:RandomForestClassifier"
    (forest,) = make_methods([name], {name: {"n_estimators": 20}})
    assert not forest.adapts
    cell = run(domains, [forest], protocol).cells[0]
    source, target = (standardise(domain.features) for domain in domains)
    peer = RandomForestClassifier(20, random_state=0).fit(source, domains[0].labels)
    assert list(cell.predictions) == peer.predict(target).tolist()


def test_a_classifier_that_takes_domains_gets_masked_target_labels(domains, protocol):
    run(domains, [method("watched_estimators:Watcher")], protocol)
    rows, labels, domain = Watcher.seen
    split = len(domains[0])
    assert labels[:split].tolist() == domains[0].labels.tolist()
    assert all(label is None for label in labels[split:])
    assert set(domain[:split]) == {1}
    assert set(domain[split:]) == {-2}
    np.testing.assert_array_equal(rows[split:], standardise(domains[1].features))


def test_a_transformer_stands_before_the_tuned_classifier(domains, protocol):
    own, svm = method("watched_estimators:Centre"), make_methods(["svm"])[0]
    assert own.adapts
    one, two = run(domains, [own, svm], protocol).cells
    # Domains are centred already, so that the transformer changes nothing.
    assert one.predictions == two.predictions
    assert one.diagnostics["classifier"]["family"] == "svm"
    assert one.after.linear < 1e-20


def test_a_transformer_without_domains_sees_all_rows(domains, protocol):
    pca = method("sklearn.decomposition:PCA", n_components=3)
    pca = dataclasses.replace(pca, classifier="ridge")
    cell = run(domains, [pca], protocol).cells[0]
    assert cell.scores.uar > 0.5
    assert cell.diagnostics["classifier"]["family"] == "ridge"


def test_settings_are_plain_and_travel():
    own = method("sklearn.svm:SVC", C=2.0)
    assert own.settings() == {"estimator": "sklearn.svm:SVC", "params": {"C": 2.0}}
    assert pickle.loads(pickle.dumps(own)) == own


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sklearn.svm", "expected module:Class"),
        (":SVC", "expected module:Class"),
        ("sklearn.svm:Nothing", "cannot be imported"),
        ("no_such_module:Thing", "cannot be imported"),
        ("math:sqrt", "no class with fit"),
    ],
)
def test_paths_that_lead_nowhere(path, message):
    with pytest.raises(ValueError, match=message):
        estimator_class(path)


def test_parameters_the_class_does_not_have():
    with pytest.raises(ValueError, match=r"no parameters \['depth'\]"):
        method("sklearn.ensemble:RandomForestClassifier", depth=3)


@pytest.mark.parametrize("name", ["coral", "sa", "tca", "jda"])
def test_subspace_methods_are_in_the_registry(domains, protocol, name):
    (method,) = make_methods([name])
    if name != "coral":
        method = dataclasses.replace(method, params={"n_components": 4})
    cell = run(domains, [method], protocol).cells[0]
    assert cell.scores.uar > 0.6
    assert cell.after is not None


@pytest.mark.parametrize("name", ["dosl", "jdar", "trasl", "aktlr", "tdlr", "idar"])
def test_regressions_are_in_the_registry(domains, protocol, name):
    (method,) = make_methods([name])
    assert method.adapts
    assert run(domains, [method], protocol).cells[0].scores.uar > 0.5
