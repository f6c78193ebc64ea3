import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sparsetransfer.evaluation import SpeakerKFold, make_methods, run
from sparsetransfer.evaluation.study.run_result import RunResult
from sparsetransfer.evaluation.study.store import CellStore

METHODS = ("majority", "svm", "sklearn.decomposition:PCA")


@pytest.fixture
def methods():
    return make_methods(METHODS, {METHODS[2]: {"n_components": 2}})


def results(study):
    return json.dumps(study.as_dict(), sort_keys=True), json.dumps(study.coordinates_as_dict())


def test_a_cell_survives_the_file(domains, protocol, methods):
    for cell in run(domains, methods, protocol).cells:
        record = json.loads(json.dumps(cell.as_record(), allow_nan=False))
        again = RunResult.from_record(record)
        assert again.as_record() == cell.as_record()
        assert again.scores.macro_f1 == cell.scores.macro_f1


def test_finished_cells_are_not_computed_again(domains, protocol, methods, tmp_path, monkeypatch):
    store = CellStore(tmp_path / "cells")
    first = run(domains, methods, protocol, store=store)
    assert len(list(store.directory.iterdir())) == 3

    def refuse(self, *_):
        raise AssertionError("computed again")

    for method in methods:
        monkeypatch.setattr(type(method), "predict", refuse)
    seen = []
    again = run(domains, methods, protocol, store=store, progress=lambda *step: seen.append(step))
    assert results(again) == results(first)
    assert seen == [(3, 3, "found")]


def test_anything_that_matters_makes_another_cell(domains, protocol, methods, tmp_path):
    store = CellStore(tmp_path)
    run(domains, methods, protocol, store=store)
    labels = domains[1].labels[::-1]
    run(
        [domains[0], dataclasses.replace(domains[1], labels=labels)], methods, protocol, store=store
    )
    run(domains, methods, dataclasses.replace(protocol, n_folds=2), store=store)
    run(
        domains, make_methods(METHODS[2:], {METHODS[2]: {"n_components": 3}}), protocol, store=store
    )
    assert len(list(tmp_path.iterdir())) == 10


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "other", "cell": {}}', "[1]", "null"])
def test_a_broken_file_is_computed_again(domains, protocol, methods, tmp_path, text, caplog):
    store = CellStore(tmp_path)
    first = run(domains, methods, protocol, store=store)
    victim = min(tmp_path.iterdir())
    whole = victim.read_text(encoding="utf-8")
    victim.write_text(text, encoding="utf-8")
    again = run(domains, methods, protocol, store=store)
    assert results(again) == results(first)
    assert "computed again" in caplog.text
    assert json.loads(victim.read_text())["cell"]["uar"] == json.loads(whole)["cell"]["uar"]


def test_a_run_that_breaks_off_keeps_what_it_had(domains, protocol, methods, tmp_path):
    class Broken:
        name, description, adapts = "broken", "Fails.", False

        def settings(self):
            return {}

        def predict(self, source, target, tuning):
            raise RuntimeError("no")

    store = CellStore(tmp_path)
    with pytest.raises(RuntimeError, match="no"):
        run(domains, [*methods, Broken()], protocol, store=store)
    assert len(list(tmp_path.iterdir())) == 3


def test_executor_and_processes_give_the_same_results(domains, protocol, methods):
    protocol = dataclasses.replace(
        protocol, design=SpeakerKFold(("alpha", "beta"), 3), seeds=(0, 1)
    )
    one = run(domains, methods, protocol)
    assert results(run(domains, methods, protocol, n_jobs=2)) == results(one)
    with ThreadPoolExecutor(1) as pool:
        assert results(run(domains, methods, protocol, executor=pool)) == results(one)


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_same_results(domains, protocol, methods):
    distributed = pytest.importorskip(
        "distributed", reason="the extra 'distributed' is not installed"
    )
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = run(domains, methods, protocol, executor=client.get_executor())
    assert results(there) == results(run(domains, methods, protocol))


def test_an_executor_is_not_flooded(domains, protocol, methods, monkeypatch):
    from sparsetransfer.evaluation.study import jobs

    monkeypatch.setattr(jobs, "_IN_FLIGHT", 2)
    waiting = []

    class Counted(ThreadPoolExecutor):
        def submit(self, *args):
            future = super().submit(*args)
            waiting.append(future)
            assert sum(not f.done() for f in waiting) <= 2
            return future

    with Counted(1) as pool:
        study = run(domains, methods, dataclasses.replace(protocol, seeds=(0, 1, 2)), executor=pool)
    assert len(study.cells) == len(waiting) == 9
