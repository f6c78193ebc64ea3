"""Settings are refused when a study is read, by name, and not when its methods run."""

import inspect

import numpy as np
import pytest

from sparsetransfer import subspace, transfer
from sparsetransfer.evaluation import make_methods, read_config
from sparsetransfer.evaluation.methods.estimator import estimator_class
from sparsetransfer.evaluation.methods.registry import available_methods
from sparsetransfer.evaluation.methods.settings import check_settings
from sparsetransfer.evaluation.study.config import ConfigError

OUT_OF_RANGE = [
    (owner, name, value)
    for owner, values in {
        subspace.CORAL: {"regularization": -1.0},
        subspace.SubspaceAlignment: {"n_components": 0},
        subspace.TransferComponentAnalysis: {"n_components": 0, "regularization": 0.0},
        subspace.JointDistributionAdaptation: {"max_iter": 0, "regularization": 0.0},
        transfer.DoSL: {"mmd": -1.0, "l21": 1.5, "ridge": -1.0, "kkt_tol": 0.0},
        transfer.JDAR: {"conditional": -1.0, "max_rounds": 0},
        transfer.TRaSL: {"laplacian": -1.0, "l1": 1.5},
        transfer.AKTLR: {"group": 1.5},
        transfer.TDLR: {"reconstruction": -1.0, "sparsity": 0.0, "max_iter": 0, "tol": -1.0},
        transfer.ImplicitDistributionAlignment: {"alignment": -1.0, "max_iter": 0},
        transfer.TSDSL: {"graph": -1.0, "n_neighbors": 0},
        transfer.TransferSparseCoding: {"alpha": 0.0, "n_components": 0},
    }.items()
    for name, value in values.items()
]


def parameters(method):
    path = method.estimator
    found = estimator_class(path if ":" in path else f"sparsetransfer.deep:{path}")
    later = {
        "layer",
        "frozen_stages",
        "weights",
        "device",
        "checkpoint",
        "progress",
        "pretrained",
        "random_state",
        "groups",
        "verbose",
    }
    return sorted(set(inspect.signature(found).parameters) - later)


@pytest.mark.parametrize("name", available_methods())
def test_no_method_takes_a_word_for_a_number(name):
    pytest.importorskip("torch")
    try:
        settings = make_methods([name])[0].settings()
    except ValueError as error:
        if "no weights" not in str(error) and "needs the extra" not in str(error):
            raise
        pytest.skip(str(error))
    unchecked = ("params", "estimator", "weights")  # the last have a digest
    changes = [{setting: "big"} for setting in settings if setting not in unchecked]
    if "params" in settings:
        changes += [{"params": {one: "big"}} for one in parameters(make_methods([name])[0])]
    for change in changes:
        setting = next(iter(change.get("params", change)))
        with pytest.raises(ValueError, match=f"^method '{name}'.*{setting}.*'big'"):
            make_methods([name], {name: change})


@pytest.mark.parametrize(("owner", "name", "value"), OUT_OF_RANGE)
def test_what_fit_refuses_is_refused_without_data(owner, name, value):
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(40, 4)), np.repeat(["a", "b"], 20)[rng.permutation(40)]
    with pytest.raises(ValueError, match=name):
        owner(**{name: value}).fit(rows, labels, sample_domain=np.repeat([1, -1], 20))
    with pytest.raises(ValueError, match=rf"^method 'm': {name} must be .*, got {value}$"):
        check_settings("m", owner, {name: value})


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("svm", {"grid": {"C": [1.0, "big"]}}, "'C' parameter .* float in the range .* Got 'big'"),
        ("svm", {"grid": {"D": [1.0]}}, "'D'"),
        ("coral", {"grid": {"regularization": [1.0, -1.0]}}, "regularization must be .*, got -1.0"),
        ("coral", {"classifier": "forest"}, "classifier must be one of .*, got 'forest'"),
        ("sparse-coding", {"classifier": "forest"}, "classifier must be one of .*, got 'forest'"),
        ("sparse-coding", {"positive_code": 1}, "positive_code must be true or false, got 1"),
        ("sparse-coding", {"n_components": 2.5}, "n_components must be a whole number, got 2.5"),
        ("sparse-coding", {"alpha": float("nan")}, "alpha must be a number, got nan"),
        ("dosl", {"params": {"class_weight": "even"}}, "class_weight must be one of 'balanced'"),
        ("sklearn.svm:SVC", {"C": -1}, "'C' parameter .* Got -1"),
        ("sparsetransfer.transfer:TransferSparseCoding", {"alpha": "big"}, "alpha must be"),
        (
            "sparsetransfer.transfer:TransferSparseCoding",
            {"regularisation__l2": -1.0},
            r"regularisation__l2 must be a number in \[0, inf\), got -1.0",
        ),
    ],
)
def test_each_kind_of_method(name, changes, message):
    with pytest.raises(ValueError, match=f"^method '{name}': .*{message}"):
        make_methods([name], {name: changes})


def test_what_is_right_stays(tmp_path):
    made = make_methods(
        ["svm", "dosl", "sparsetransfer.dictionary:DictionaryLearning"],
        {
            "svm": {"grid": {"tol": [1e-3, 1e-4]}},
            "dosl": {"params": {"class_weight": {"anger": 1, "neutral": 2}, "mmd": 1}},
            "sparsetransfer.dictionary:DictionaryLearning": {"n_components": 5, "alpha": 0},
        },
    )
    assert len(made) == 3


def test_a_study_file_is_blamed_with_its_line(tmp_path):
    (tmp_path / "m.csv").touch()
    place = tmp_path / "study.toml"
    place.write_text(
        "[study]\nmethods = ['sparse-coding']\n[corpora.a]\npath = 'm.csv'\n"
        "[corpora.b]\npath = 'm.csv'\n[methods.sparse-coding]\nalpha = 'big'\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_config(place)
    assert "\n" not in str(caught.value)
    for part in ("study.toml", "line 7", "'sparse-coding'", "alpha must be a number", "'big'"):
        assert part in str(caught.value)
