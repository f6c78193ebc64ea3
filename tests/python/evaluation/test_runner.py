import dataclasses
import json

import numpy as np
import pytest

from sparsetransfer.evaluation import (
    Dataset,
    MethodOutput,
    SourceToTarget,
    make_methods,
    register,
    run,
)
from sparsetransfer.evaluation.methods.registry import available_methods
from sparsetransfer.exceptions import CorpusError

PLAIN = ("majority", "svm")


def results(study):
    return json.dumps(study.as_dict(), sort_keys=True)


def test_tuned_svm_beats_chance_on_an_easy_shift(domains, protocol):
    seen = []
    study = run(
        domains,
        make_methods(PLAIN),
        protocol,
        progress=lambda *step: seen.append(step),
    )
    majority, svm = study.cells
    assert majority.scores.uar == pytest.approx(1 / 3)
    assert svm.scores.uar > 0.6
    low, high = svm.interval
    assert low <= svm.scores.uar <= high
    assert svm.diagnostics["classifier"]["parameters"]["C"] in protocol.c_grid
    assert [step[:2] for step in seen] == [(1, 2), (2, 2)]
    assert all(cell.timing.wall > 0 for cell in study.cells)


def test_two_runs_and_any_number_of_jobs_give_the_same_results(domains, protocol):
    methods = make_methods(PLAIN)
    protocol = dataclasses.replace(protocol, seeds=(0, 1))
    first = run(domains, methods, protocol)
    again = run(domains, methods, protocol)
    parallel = run(domains, methods, protocol, n_jobs=2)
    assert results(first) == results(again) == results(parallel)


class Spy:
    """Records everything that reaches a method."""

    name = "spy"
    description = "Records its input."
    adapts = True

    def __init__(self):
        self.calls = []

    def settings(self):
        return {}

    def predict(self, source, target, tuning):
        self.calls.append((source, target, tuning))
        return MethodOutput(np.full(len(target), source.labels[0]))


def test_permuting_target_labels_changes_scores_and_nothing_a_method_sees(domains, protocol):
    source, target = domains
    permuted = dataclasses.replace(
        target, labels=np.random.default_rng(0).permutation(target.labels)
    )
    methods = make_methods(PLAIN)
    one = run([source, target], methods, protocol)
    two = run([source, permuted], methods, protocol)
    assert [c.predictions for c in one.cells] == [c.predictions for c in two.cells]
    assert [dict(c.diagnostics) for c in one.cells] == [dict(c.diagnostics) for c in two.cells]
    assert one.cells[1].scores.uar != two.cells[1].scores.uar

    spy = Spy()
    run([source, target], [spy], protocol)
    run([source, permuted], [spy], protocol)
    (source_one, rows_one, tuning_one), (source_two, rows_two, tuning_two) = spy.calls
    assert tuning_one == tuning_two
    for one, two in ((rows_one, rows_two), (source_one, source_two)):
        for field in dataclasses.fields(one):
            np.testing.assert_equal(getattr(one, field.name), getattr(two, field.name))


def test_views_are_normalised_and_reach_every_method(domains, protocol):
    wider = [
        dataclasses.replace(domain, views={"toy-2": np.hstack([domain.features, domain.features])})
        for domain in domains
    ]
    spy = Spy()
    protocol = dataclasses.replace(protocol, feature_sets=("toy-1", "toy-2"))
    run(wider, [spy], protocol)
    source, target, _ = spy.calls[0]
    for rows in (source, target):
        np.testing.assert_allclose(rows.views["toy-2"], np.tile(rows.features, 2))
        assert [view.shape[1] for view in rows.every_view] == [8, 16]
    one, every = run(wider, make_methods(["ridge", "ridge-all"]), protocol).cells
    # Columns three times over, at one energy of the rows, are the same ridge.
    assert one.predictions == every.predictions
    with pytest.raises(CorpusError, match="the protocol asks for"):
        run([wider[0], domains[1]], [spy], protocol)


def test_order_of_target_rows_does_not_leak(domains, protocol):
    source, target = domains
    order = np.random.default_rng(3).permutation(len(target))
    shuffled = Dataset(
        **{
            field.name: getattr(target, field.name)[order]
            if isinstance(getattr(target, field.name), np.ndarray)
            else getattr(target, field.name)
            for field in dataclasses.fields(Dataset)
        }
    )
    one = run([source, target], make_methods(["svm"]), protocol).cells[0]
    two = run([source, shuffled], make_methods(["svm"]), protocol).cells[0]
    assert np.array(one.predictions)[order].tolist() == list(two.predictions)


def test_several_sources_are_pooled_and_each_is_normalised_by_itself(
    domains, protocol, make_domain
):
    far = make_domain("gamma", seed=9, shift=1000.0)
    spy = Spy()
    both = dataclasses.replace(protocol, design=SourceToTarget(("alpha", "gamma"), ("beta",)))
    run([domains[0], far, domains[1]], [spy], both)
    source = spy.calls[0][0]
    assert set(source.corpora.tolist()) == {1, 2}
    assert abs(source.features[source.corpora == 2].mean()) < 1e-10
    assert {key.split("/")[0] for key in source.speakers} == {"alpha", "gamma"}


def test_mismatches_are_refused(domains, protocol, make_domain):
    methods = make_methods(PLAIN)
    with pytest.raises(ValueError, match="domains must be the corpora of the protocol"):
        run(domains[1:], methods, protocol)
    with pytest.raises(CorpusError, match=r"the protocol asks for \['other'\]"):
        run(domains, methods, dataclasses.replace(protocol, feature_sets=("other",)))
    renamed = dataclasses.replace(
        domains[1], feature_names=tuple(reversed(domains[1].feature_names))
    )
    with pytest.raises(CorpusError, match="other feature columns"):
        run([domains[0], renamed], methods, protocol)
    with pytest.raises(CorpusError, match="no source of the target 'beta' has the classes joy"):
        run(
            domains,
            methods,
            dataclasses.replace(protocol, classes=("anger", "neutral", "joy")),
        )
    with pytest.raises(ValueError, match="n_jobs"):
        run(domains, methods, protocol, n_jobs=0)
    with pytest.raises(ValueError, match="different names"):
        run(domains, [], protocol)


@pytest.mark.parametrize("kind", [ValueError, ZeroDivisionError, np.linalg.LinAlgError])
def test_an_error_of_a_method_names_task_and_method_once(domains, protocol, kind):
    def fail(*_):
        raise kind("method 'spy': no matrix fits")

    spy = Spy()
    spy.predict = fail
    expected = r"^alpha → beta: method 'spy': no matrix fits$"
    with pytest.raises(ValueError, match=expected):
        run(domains, [spy], protocol)


def test_a_method_that_answers_too_little_is_refused(domains, protocol):
    spy = Spy()
    spy.predict = lambda source, target, tuning: MethodOutput(np.array(["anger"]))
    with pytest.raises(ValueError, match=r"'spy': returned \(1,\) predictions for 90 target rows"):
        run(domains, [spy], protocol)
    spy.predict = lambda source, target, tuning: MethodOutput(np.full(len(target), "joy"))
    with pytest.raises(ValueError, match="returned labels that the source lacks: joy"):
        run(domains, [spy], protocol)


def test_warnings_of_a_method_are_kept_with_its_cell(domains, protocol):
    import warnings

    class Noisy(Spy):
        def predict(self, source, target, tuning):
            warnings.warn("did not settle", stacklevel=1)
            return super().predict(source, target, tuning)

    study = run(domains, [Noisy()], protocol)
    assert study.cells[0].warnings == ("UserWarning: did not settle",)


def test_unknown_target_speakers_give_no_interval(domains, protocol):
    target = dataclasses.replace(domains[1], speakers=np.array([""] * len(domains[1])))
    cell = run([domains[0], target], make_methods(["svm"]), protocol).cells[0]
    assert np.isnan(cell.interval).all()
    assert cell.as_dict()["uar_interval"] == [None, None]


def test_registry_refuses_what_it_does_not_know():
    assert set(PLAIN) < set(available_methods())
    with pytest.raises(ValueError, match="unknown methods \\['magic'\\]"):
        make_methods(["svm", "magic"])
    with pytest.raises(ValueError, match="without repetition"):
        make_methods(["svm", "svm"])
    with pytest.raises(ValueError, match="registered already"):
        register("svm", Spy)
    with pytest.raises(ValueError, match="without colon"):
        register("a:b", Spy)
    with pytest.raises(ValueError, match="'svm' has no settings \\['alpha'\\]"):
        make_methods(["svm"], {"svm": {"alpha": 1.0}})
