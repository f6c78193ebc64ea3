"""Options in groups: former names, nested names, and constructors that stay small."""

import copy
import inspect
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

import sparsetransfer
from sparsetransfer.evaluation.methods.estimator import EstimatorMethod
from sparsetransfer.transfer import (
    DomainMatching,
    LabelTerm,
    NeighbourGraph,
    Optimisation,
    Regularisation,
    TransferSparseCoding,
    pack,
)

FORMER = {
    "contrast": ("all", "matching", "pairing"),
    "conditional": (0.5, "matching", "conditional"),
    "class_weight": ("prior", "matching", "class_weight"),
    "n_rounds": (2, "matching", "n_rounds"),
    "classifier": (None, "matching", "classifier"),
    "soft_labels": (True, "matching", "soft_labels"),
    "laplacian": (0.5, "graph", "weight"),
    "n_neighbors": (3, "graph", "n_neighbors"),
    "graph_weights": ("heat", "graph", "edge_weights"),
    "normalized_laplacian": (True, "graph", "normalized"),
    "label": (0.5, "label_term", "weight"),
    "label_l2": (2.0, "label_term", "l2"),
    "l2": (0.1, "regularisation", "l2"),
    "positive_code": (True, "regularisation", "positive_code"),
    "positive_dict": (True, "regularisation", "positive_dict"),
    "solver": ("admm", "optimisation", "solver"),
    "dictionary_update": ("lagrange_dual", "optimisation", "dictionary_update"),
    "dict_init": (None, "optimisation", "dict_init"),
    "kkt_tol": (1e-4, "optimisation", "kkt_tol"),
    "callback": (print, "optimisation", "callback"),
}


def test_the_constructor_has_at_most_twelve_parameters():
    assert len(inspect.signature(TransferSparseCoding).parameters) <= 12


@pytest.mark.parametrize("former", FORMER)
def test_a_former_parameter_works_with_a_warning(former):
    value, group, field = FORMER[former]
    with pytest.warns(DeprecationWarning, match=f"{former} is now {field} of {group}=") as warned:
        made = TransferSparseCoding(8, **{former: value})
    with pytest.warns(DeprecationWarning, match=f"{former} is now"):
        changed = TransferSparseCoding(8).set_params(**{former: value})
    assert warned[0].filename == __file__
    assert getattr(getattr(made, group), field) == value
    with pytest.warns(DeprecationWarning, match=f"{former} is now {field} of {group}="):
        assert getattr(made, former) == value
    assert changed.get_params() == made.get_params()
    assert former not in made.get_params(deep=False)


def test_other_attributes_are_errors_also_while_a_copy_is_made():
    model = pickle.loads(pickle.dumps(TransferSparseCoding(graph=NeighbourGraph(1.0))))
    with pytest.raises(
        AttributeError, match="'TransferSparseCoding' object has no attribute 'colour'"
    ):
        model.colour  # noqa: B018
    assert not hasattr(model, "codes_")
    assert copy.copy(model).graph == NeighbourGraph(1.0)


def test_former_parameters_fit_the_same_model():
    X = np.random.default_rng(0).normal(size=(40, 6))
    domains = np.repeat([1, -1], 20)
    options = {"n_components": 6, "alpha": 0.1, "max_iter": 3, "random_state": 0}
    with pytest.warns(DeprecationWarning, match="leaves in the next minor") as warned:
        before = TransferSparseCoding(
            **options, laplacian=0.5, n_neighbors=3, l2=0.1, positive_code=True, kkt_tol=1e-4
        )
    after = TransferSparseCoding(
        **options,
        graph=NeighbourGraph(0.5, 3),
        regularisation=Regularisation(0.1, positive_code=True),
        optimisation=Optimisation(kkt_tol=1e-4),
    )
    assert len(warned) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sparsetransfer.exceptions.ConvergenceWarning)
        codes = [model.fit_transform(X, sample_domain=domains) for model in (before, after)]
    assert_array_equal(*codes)


def test_fields_of_groups_are_parameters_of_a_grid():
    model = TransferSparseCoding(graph=NeighbourGraph(1.0, 7))
    for chosen in ParameterGrid({"graph__weight": [0.1, 2.0], "matching__n_rounds": [1]}):
        again = clone(model).set_params(**chosen)
        assert again.graph == NeighbourGraph(chosen["graph__weight"], 7)
        assert again.matching == DomainMatching(n_rounds=1)
    assert model.graph == NeighbourGraph(1.0, 7)
    assert model.get_params()["graph__n_neighbors"] == 7
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(graph__colour=1)


def test_a_study_names_fields_of_groups_and_former_parameters():
    path = "sparsetransfer.transfer:TransferSparseCoding"
    method = EstimatorMethod("coded", "", path, {"graph__weight": 2.0, "alpha": 0.1})
    assert method._make(0).graph == NeighbourGraph(2.0)
    with pytest.warns(DeprecationWarning, match="laplacian is now weight of graph"):
        assert EstimatorMethod("coded", "", path, {"laplacian": 2.0}).params == {"laplacian": 2.0}
    with pytest.raises(ValueError, match=r"has no parameters .*graph__colour"):
        EstimatorMethod("coded", "", path, {"graph__colour": 2.0})


def test_samples_are_validated_once_and_pass_at_most_six_other_files():
    rng = np.random.default_rng(0)
    X, y, domains = pack(rng.normal(size=(20, 5)), np.repeat([0, 1], 10), rng.normal(size=(20, 5)))
    files, validated = set(), []

    def watch(frame, event, called):
        if event == "c_call" and getattr(called, "__name__", "") == "transfer_learn":
            sys.setprofile(None)
        name, path = frame.f_code.co_name, frame.f_code.co_filename
        if event != "call" or not any(
            isinstance(value, np.ndarray) and value.shape == X.shape and np.shares_memory(value, X)
            for value in frame.f_locals.values()
        ):
            return
        if name in ("validate_data", "check_matrix"):
            validated.append(name)
        if "sparsetransfer" in Path(path).parts and Path(path).stem != "_validation":
            files.add(path)

    coder = TransferSparseCoding(6, alpha=0.1, max_iter=0, random_state=0)
    sys.setprofile(watch)
    try:
        coder.fit(X, y, sample_domain=domains)
    finally:
        sys.setprofile(None)
    assert validated == ["validate_data"]
    assert 2 <= len(files) <= 6, files


def test_groups_are_frozen_and_of_their_class():
    with pytest.raises(AttributeError):
        NeighbourGraph(1.0).weight = 2.0
    with pytest.raises(TypeError, match="graph must be a NeighbourGraph, got LabelTerm"):
        TransferSparseCoding(2, mmd=0.0, graph=LabelTerm(1.0)).fit(np.eye(4))
