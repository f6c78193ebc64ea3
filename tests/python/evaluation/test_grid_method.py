from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from sparsetransfer.evaluation import (
    LabelledRows,
    MethodOutput,
    OrderedPairs,
    SpeakerKFold,
    make_methods,
    run,
)
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.methods.base import Tuning
from sparsetransfer.evaluation.methods.grid import GridMethod, with_grid
from sparsetransfer.evaluation.protocol.selection import RULES, select
from sparsetransfer.evaluation.study.store import CellStore

RIDGE = "sklearn.linear_model:RidgeClassifier"
PENALTIES = [3000.0, 30.0, 0.1]


@pytest.fixture
def rows(domains):
    source, target = domains
    known = LabelledRows(
        standardise(source.features),
        source.labels,
        source.speakers,
        np.ones(len(source), dtype=np.int64),
    )
    return known, replace(known, features=standardise(target.features)).unlabelled()


@dataclass(frozen=True)
class Recorder:
    """Answers with a setting of its own, and keeps what it was given."""

    strength: float = 0.0
    name: str = "recorder"
    description: str = "Keeps what it is given."
    adapts: bool = True
    seen: list = field(default_factory=list)

    def settings(self):
        return {"strength": self.strength}

    def check(self, n_source, n_target):
        if self.strength > n_source + n_target:
            raise ValueError("strength must be smaller")

    def predict(self, source, target, tuning):
        self.seen.append((self.strength, source, target))
        return MethodOutput(np.resize(source.labels, len(target)))


@pytest.mark.parametrize("rule", RULES)
def test_scores_are_those_of_the_rules_for_classifiers(rows, rule):
    source, target = rows
    tuning = Tuning((1.0,), 3, 4, rule)
    (method,) = make_methods([RIDGE], {RIDGE: {"grid": {"alpha": PENALTIES}}})
    found = method.predict(source, target, tuning)

    def fit(rows, labels, candidate):
        return RidgeClassifier(**candidate).fit(rows, labels).predict

    expected = select(
        [{"alpha": value} for value in PENALTIES],
        fit,
        source.features,
        source.labels,
        source.speakers,
        target=target.features,
        rule=rule,
        n_folds=3,
        seed=4,
    )
    assert found.diagnostics["settings"] == expected.as_dict()
    model = RidgeClassifier(**expected.parameters).fit(source.features, source.labels)
    np.testing.assert_array_equal(found.predictions, model.predict(target.features))


def test_the_held_out_rows_stand_unlabelled_among_those_of_the_target(rows):
    source, target = rows
    recorder = Recorder()
    method = with_grid(recorder, {"strength": [2.0, 1.0]})
    method.predict(source, target, Tuning((1.0,), 3, 0))
    assert [strength for strength, _, _ in recorder.seen] == [2.0] * 3 + [1.0] * 3 + [2.0]
    for _, known, unknown in recorder.seen[:-1]:
        n_held_out = len(source) - len(known)
        assert n_held_out > 0
        assert not set(known.speakers) & set(unknown.speakers[:n_held_out])
        np.testing.assert_array_equal(unknown.features[n_held_out:], target.features)
        together = np.vstack([known.features, unknown.features[:n_held_out]])
        np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(source.features, axis=0))
    assert recorder.seen[-1][1] is source
    assert recorder.seen[-1][2] is target


def test_the_reverse_rule_goes_to_the_target_and_back(rows):
    source, target = rows
    recorder = Recorder()
    with_grid(recorder, {"strength": [1.0]}).predict(source, target, Tuning((), 3, 0, "reverse"))
    for there, back in zip(recorder.seen[:-1:2], recorder.seen[1:-1:2], strict=True):
        assert there[2] is target
        np.testing.assert_array_equal(back[1].features, target.features)
        np.testing.assert_array_equal(
            back[1].labels, np.resize(there[1].labels, len(target)), "its own labels come back"
        )
        assert not set(back[2].speakers) & set(there[1].speakers)


def test_a_target_of_one_guessed_class_brings_one_class_back(rows):
    source, target = rows

    @dataclass(frozen=True)
    class Constant(Recorder):
        def predict(self, source, target, tuning):
            return MethodOutput(np.full(len(target), "anger"))

    found = with_grid(Constant(), {"strength": [1.0]}).predict(
        source, target, Tuning((), 3, 0, "reverse")
    )
    assert found.diagnostics["settings"]["validated_uar"] == pytest.approx(1 / 3)


def test_every_part_of_the_rows_is_taken(rows):
    source, target = rows
    frames = tuple(np.full((2, 3), row, np.float32) for row in range(len(source)))
    views = {"toy-2": np.arange(2.0 * len(source)).reshape(-1, 2)}
    source = replace(source, views=views, spectrograms=frames)
    target = replace(target, views=views, spectrograms=frames)
    recorder = Recorder()
    with_grid(recorder, {"strength": [1.0]}).predict(source, target, Tuning((), 3, 0))
    for _, known, unknown in recorder.seen:
        for part in (known, unknown):
            numbers = [frame[0, 0] for frame in part.spectrograms]
            np.testing.assert_array_equal(part.views["toy-2"][:, 0], np.multiply(2.0, numbers))
            assert len(part) == len(numbers)


def test_parameters_of_a_transfer_method_are_chosen(domains, protocol):
    overrides = {
        "transfer-sparse-coding": {
            "n_components": 12,
            "max_iter": 3,
            "grid": {"mmd": [60.0, 1.0], "alpha": [0.2, 0.02]},
        }
    }
    (method,) = make_methods(["transfer-sparse-coding"], overrides)
    study = run(domains, [method], protocol)
    (cell,) = study.cells
    chosen = cell.diagnostics["settings"]
    assert [c["mmd"] for c in chosen["candidates"]] == [60.0, 60.0, 1.0, 1.0]
    assert [c["alpha"] for c in chosen["candidates"]] == [0.2, 0.02, 0.2, 0.02]
    assert "mmd" not in study.methods[0].settings
    assert study.methods[0].settings["n_components"] == 12
    (fixed,) = make_methods(
        ["transfer-sparse-coding"],
        {"transfer-sparse-coding": {"n_components": 12, "max_iter": 3, **chosen["parameters"]}},
    )
    assert run(domains, [fixed], protocol).cells[0].predictions == cell.predictions


def test_target_labels_decide_nothing(domains, protocol):
    source, target = domains
    (method,) = make_methods([RIDGE], {RIDGE: {"grid": {"alpha": PENALTIES}}})
    other = replace(target, labels=np.roll(target.labels, 7))
    for rule in RULES:
        rules = replace(protocol, selection=rule)
        one, two = (run([source, each], [method], rules).cells[0] for each in (target, other))
        assert one.predictions == two.predictions
        assert one.diagnostics == two.diagnostics


def test_a_grid_of_a_tuned_classifier_takes_the_place_of_the_usual_one(domains, protocol):
    (method,) = make_methods(["svm"], {"svm": {"grid": {"C": [0.1, 0.2]}}})
    (cell,) = run(domains, [method], protocol).cells
    assert cell.diagnostics["classifier"]["candidates"] == [{"C": 0.1}, {"C": 0.2}]


def test_results_do_not_depend_on_jobs_and_cells_are_found_again(domains, protocol, tmp_path):
    rules = replace(protocol, design=OrderedPairs(("alpha", "beta")))
    (method,) = make_methods([RIDGE], {RIDGE: {"grid": {"alpha": PENALTIES}}})
    one = run(domains, [method], rules)
    two = run(domains, [method], rules, n_jobs=2, store=CellStore(tmp_path))
    assert one.as_dict() == two.as_dict()
    (other,) = make_methods([RIDGE], {RIDGE: {"grid": {"alpha": PENALTIES[:2]}}})
    run(domains, [method, replace_name(other)], rules, store=CellStore(tmp_path))
    assert len(list(tmp_path.iterdir())) == 4


def replace_name(method):
    return GridMethod(replace(method.method, name="other"), method.candidates)


def test_within_a_corpus(domains, protocol):
    rules = replace(protocol, design=SpeakerKFold(("alpha",), 3))
    (method,) = make_methods([RIDGE], {RIDGE: {"grid": {"alpha": PENALTIES}}})
    (cell,) = run(domains[:1], [method], rules).cells
    assert len(cell.diagnostics["folds"]) == 3


@pytest.mark.parametrize(
    ("name", "grid", "message"),
    [
        ("multi-view", {}, "grid of 'multi-view' must map settings to lists of values, got {}"),
        ("multi-view", [1.0], "must map settings"),
        ("multi-view", {"alpha": 3.0}, "alpha must be a list of values"),
        ("multi-view", {"alpha": "high"}, "alpha must be a list of values"),
        ("multi-view", {"alpha": []}, "alpha must be a list of values"),
        ("multi-view", {"alpha": [1.0, 1.0]}, "without repetition"),
        ("multi-view", {"alfa": [1.0]}, r"no settings \['alfa'\]; it has .*'alpha', 'rounds'"),
        ("jdar", {"alfa": [1.0]}, r"has no parameters \['alfa'\]"),
        ("majority", {"alpha": [1.0]}, r"no settings \['alpha'\]"),
    ],
)
def test_grids_that_cannot_be_used(name, grid, message):
    with pytest.raises(ValueError, match=message):
        make_methods([name], {name: {"grid": grid}})


def test_candidates_that_do_not_fit_the_rows_are_told_at_once(domains, protocol):
    recorder = Recorder()
    with pytest.raises(ValueError, match="strength must be smaller"):
        run(domains, [with_grid(recorder, {"strength": [1.0, 1e6]})], protocol)
    assert not recorder.seen
