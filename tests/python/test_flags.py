"""Every parameter that is declared as bool, of every public function and class, takes bools only."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import sparsetransfer
from sparsetransfer import dictionary, graph, sparse_coding, transfer

X = np.random.default_rng(0).normal(size=(20, 4))
DOMAINS = np.repeat([1, -1], 10)
CODED = {"X": X, "dictionary": np.eye(4)}
LEARNED = {"X": X, "n_components": 3, "alpha": 0.5}
COMPARED = {"source": X, "target": X, "bandwidths": 1.0}
COUPLED = {"X": X, "sample_domain": DOMAINS, "alpha": 0.5}
ARGUMENTS = {
    "check": {"name": "emodb", "root": "nowhere"},
    "class_weights": {"source_labels": [0], "target_labels": [0]},
    "dict_learning": LEARNED,
    "dict_learning_online": LEARNED,
    "gaussian": COMPARED,
    "inverse_multiquadric": COMPARED,
    "kernel_encode": {**COUPLED, "dictionary": np.eye(4), "mmd": 1.0, "bandwidths": 1.0},
    "kernel_learn": {**COUPLED, "dict_init": np.eye(4), "mmd": 1.0, "bandwidths": 1.0},
    "laplace": COMPARED,
    "laplacian": {"W": graph.knn_graph(X, 2)},
    "lasso": CODED,
    "lasso_gram": {"gram": np.eye(4), "cov": X},
    "lasso_path": CODED,
    "learn": {"chunks": None, "n_components": 3, "alpha": 0.5},
    "learn_dictionary": LEARNED,
    "learn_dictionary_online": LEARNED,
    "linear": {"source": X, "target": X},
    "omp": CODED,
    "omp_gram": {"gram": np.eye(4), "cov": X, "squared_norms": np.ones(20), "n_nonzero_coefs": 1},
    "random_features": COMPARED,
    "read": {"name": "emodb", "root": "nowhere"},
    "read_manifest": {"path": "nowhere.csv"},
    "sparse_encode": CODED,
    "sparse_reconstruction": {"source": None, "target": None},
    "threshold": CODED,
    "transfer_encode": {**COUPLED, "dictionary": np.eye(4)},
    "transfer_learn": {**COUPLED, "dict_init": np.eye(4)},
    "update_dictionary": {
        "dictionary": np.eye(3, 4),
        "statistics": dictionary.Statistics(3, 4).add(X, X[:, :3]),
    },
}


GROUPS = {
    "DomainMatching": "matching",
    "NeighbourGraph": "graph",
    "Regularisation": "regularisation",
}
DOMAINED = (*GROUPS, "KernelTransferSparseCoding", "TransferSparseCoding")
READ = ("StudyConfig",)  # checked where it is read, with the line of the file


def owners():
    """Every public function and class of what is installed, but the command line."""
    for module in pkgutil.iter_modules(sparsetransfer.__path__, "sparsetransfer."):
        if "._" in module.name or module.name == "sparsetransfer.cli":
            continue
        try:
            package = importlib.import_module(module.name)
        except ImportError:  # of an extra
            continue
        for name in getattr(package, "__all__", ()):
            try:
                yield name, getattr(package, name)
            except ImportError:
                continue


def use(name, owner, flag):
    if not isinstance(owner, type):
        return owner(**ARGUMENTS[name], **flag)
    parameters = inspect.signature(owner).parameters
    made = owner(
        **{
            key: value
            for key, value in (("dictionary", np.eye(4)), ("n_components", 3), ("weight", 1.0))
            if key in parameters and parameters[key].default is inspect.Parameter.empty
        },
        **flag,
    )
    if name in GROUPS:
        made = transfer.TransferSparseCoding(3, **{GROUPS[name]: made})
    if isinstance(made, BaseEstimator):
        made.fit(
            X, np.repeat([0, 1], 10), **({} if name not in DOMAINED else {"sample_domain": DOMAINS})
        )
    return made


def refusal(name, owner, flag, value):
    try:
        use(name, owner, {flag: value})
    except (TypeError, ValueError) as error:
        return str(error)
    return "taken"


@pytest.mark.filterwarnings("ignore")
def test_every_flag_is_a_bool():
    seen = []
    for name, owner in owners():
        if name in READ:
            continue
        try:
            parameters = inspect.signature(owner).parameters.values()
        except (TypeError, ValueError):
            continue
        for flag in (each.name for each in parameters if each.annotation in (bool, "bool")):
            seen.append(name)
            for value in ("x", 1, None):
                wanted = f"{flag} must be True or False, got {value!r}"
                assert refusal(name, owner, flag, value) == wanted, (name, flag)
    assert len(seen) > 40


@pytest.mark.parametrize("flag", [True, np.True_])
def test_a_bool_of_numpy_is_a_bool(flag):
    found = sparse_coding.lasso([[-3.0, 3.0]], np.eye(2), positive_code=flag)
    np.testing.assert_array_equal(found.codes, [[0.0, 2.0]])
