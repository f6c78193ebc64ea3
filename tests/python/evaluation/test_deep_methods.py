"""Deep estimators among the methods of a table."""

import sys

import pytest

from sparsetransfer.evaluation import make_methods, run

NAME = "metric-autoencoder"


def test_without_torch_the_extra_is_named(monkeypatch):
    for module in [name for name in sys.modules if name.startswith("sparsetransfer.deep")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"sparsetransfer\[deep\]"):
        make_methods([NAME])


def test_it_runs_beside_the_others_and_repeats(domains, protocol):
    pytest.importorskip("torch", reason="the extra 'deep' is not installed")
    methods = make_methods(["svm", NAME], {NAME: {"params": {"max_epochs": 2}}})
    first, second = (run(domains, methods, protocol) for _ in range(2))
    cells = [study.cells[1] for study in (first, second)]
    assert cells[0].method == NAME
    assert set(cells[0].predictions) <= set(protocol.classes)
    assert cells[0].predictions == cells[1].predictions
