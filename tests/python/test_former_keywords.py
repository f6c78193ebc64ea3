"""Keywords that were renamed work for one minor release, with a warning."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone

from sparsetransfer import dictionary, graph, mmd, sparse_coding, transfer
from sparsetransfer.exceptions import ConvergenceWarning

RNG = np.random.default_rng(0)
X, D = RNG.normal(size=(12, 5)), RNG.normal(size=(4, 5))
DOMAIN = np.repeat([1, -1], 6)
SUMS = dictionary.Statistics(4, 5).add(X, RNG.normal(size=(12, 4)))
CALLS = {
    "lasso": (
        lambda **names: sparse_coding.lasso(X, D, 0.1, **names).codes,
        {
            "positive": ("positive_code", True),
            "n_threads": ("n_jobs", 1),
            "init": ("code_init", np.ones((12, 4))),
        },
    ),
    "learn_dictionary": (
        lambda **names: dictionary.learn_dictionary(X, 3, alpha=0.1, rng=0, **names).components,
        {
            "method": ("dictionary_update", "lagrange_dual"),
            "positive_codes": ("positive_code", True),
            "time_budget": ("time_limit", 60.0),
        },
    ),
    "update_dictionary": (
        lambda **names: dictionary.update_dictionary(statistics=SUMS, **names),
        {"components": ("dictionary", D), "positive": ("positive_dict", True)},
    ),
    "transfer_encode": (
        lambda **names: transfer.transfer_encode(X, sample_domain=DOMAIN, alpha=0.1, **names).codes,
        {"components": ("dictionary", D), "positive": ("positive_code", True)},
    ),
    "sparse_regression": (
        lambda **names: transfer.sparse_regression(X, X[:, :1], l21=0.1, **names).coef,
        {"init": ("coef_init", np.ones((1, 5))), "n_threads": ("n_jobs", 1)},
    ),
    "random_features": (
        lambda **names: mmd.random_features(X[:6], X[6:], bandwidths=1.0, **names).value,
        {"random_state": ("rng", 3)},
    ),
    "nearest_neighbours": (
        lambda **names: graph.nearest_neighbours(X, 2, **names)[0],
        {"n_threads": ("n_jobs", 1)},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_former_keywords_warn_and_do_what_those_of_today_do(name):
    call, renamed = CALLS[name]
    expected = call(**dict(renamed.values()))
    with pytest.warns(DeprecationWarning, match=" is now ") as caught:
        found = call(**{former: value for former, (_, value) in renamed.items()})
    np.testing.assert_array_equal(found, expected)
    assert {str(one.message).split(" is now ")[0] for one in caught} == renamed.keys()
    assert all(one.filename == __file__ for one in caught)


def test_both_names_at_once_are_refused():
    with pytest.raises(TypeError, match="n_threads is the former name of n_jobs"):
        sparse_coding.lasso(X, D, 0.1, n_threads=1, n_jobs=1)


def test_estimators_list_and_clone_the_names_of_today_alone():
    with pytest.warns(DeprecationWarning, match="method is now dictionary_update"):
        learner = dictionary.DictionaryLearning(3, method="ksvd")
    assert learner.dictionary_update == "ksvd"
    assert clone(learner).get_params() == learner.get_params()
    assert "method" not in learner.get_params()
    assert "method" not in inspect.signature(dictionary.DictionaryLearning).parameters


@pytest.mark.parametrize(
    "learner", [dictionary.DictionaryLearning, dictionary.MiniBatchDictionaryLearning]
)
def test_estimators_take_former_names_in_set_params(learner):
    with pytest.warns(DeprecationWarning, match="time_budget is now time_limit"):
        changed = learner(3).set_params(time_budget=2.0)
    assert changed.time_limit == 2.0
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        learner(3).set_params(nothing=1)


UNSOLVED = {
    "lasso": lambda: sparse_coding.lasso(X, D, 0.01, max_iter=0, sparse_output=True),
    "lasso_gram": lambda: sparse_coding.lasso_gram(
        D @ D.T, X @ D.T, 0.01, squared_norms=(X**2).sum(axis=1), max_iter=0
    ),
    "lasso_path": lambda: sparse_coding.lasso_path(X, D, max_iter=1),
    "learn_dictionary": lambda: dictionary.learn_dictionary(X, 3, alpha=0.1, rng=0, max_iter=1),
    "transfer_encode": lambda: transfer.transfer_encode(X, D, DOMAIN, alpha=0.01, max_iter=0),
    "transfer_learn": lambda: transfer.transfer_learn(X, D, DOMAIN, alpha=0.01, max_iter=1),
    "kernel_encode": lambda: transfer.kernel_encode(X, D, DOMAIN, max_iter=0),
    "kernel_learn": lambda: transfer.kernel_learn(X, D, DOMAIN, max_iter=1),
    "sparse_regression": lambda: transfer.sparse_regression(X, X, l21=0.01, max_iter=0),
}


@pytest.mark.parametrize("name", UNSOLVED)
def test_the_warning_of_a_miss_names_the_line_of_the_caller(name):
    with pytest.warns(ConvergenceWarning) as caught:
        UNSOLVED[name]()
    assert [one.filename for one in caught] == [__file__]


def test_the_violation_of_kernel_codes_has_its_former_name_too():
    found = transfer.kernel_encode(X, D, DOMAIN, max_iter=5000, tol=0.1)
    coder = transfer.KernelTransferSparseCoding(2, alpha=0.1, tol=0.5, random_state=0)
    coder.fit(X, sample_domain=DOMAIN)
    with pytest.warns(DeprecationWarning, match="is now kkt_violation;") as caught:
        assert found.stationarity_violation == found.kkt_violation
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="is now kkt_violation_;"):
        assert coder.stationarity_violation_ == coder.kkt_violation_
