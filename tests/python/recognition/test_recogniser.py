"""A recogniser answers what the evaluation of its method scores, before and after its file."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sparsetransfer.evaluation import EvaluationProtocol, SourceToTarget, make_methods, run
from sparsetransfer.evaluation.methods.fitted import deployment_obstacle
from sparsetransfer.evaluation.methods.registry import available_methods
from sparsetransfer.exceptions import CorpusError, DomainError
from sparsetransfer.recognition import (
    Recogniser,
    fit_recogniser,
    save_model,
)
from sparsetransfer.recognition.files.state import StateError, pack_state

pytest.importorskip("safetensors", reason="models are files of safetensors")

CLASSES = ("anger", "neutral", "sadness")
SETTINGS = {"transfer-sparse-coding": {"n_components": 24, "max_iter": 5}}
SETTINGS["sparse-coding"] = SETTINGS["positive-transfer-sparse-coding"] = SETTINGS[
    "transfer-sparse-coding"
]
SETTINGS |= {name: {"params": {"n_components": 5}} for name in ("sa", "tca", "jda")}


def made(name):
    return make_methods([name], {name: SETTINGS[name]} if name in SETTINGS else {})[0]


def deployable():
    names = []
    for name in available_methods():
        try:
            method = made(name)
        except ValueError:  # an extra is not installed
            continue
        if not deployment_obstacle(method):
            names.append(name)
    return names


def unlabelled(domain):
    return replace(domain, labels=np.full(len(domain), "unlabelled"))


def evaluated(pair, method):
    protocol = EvaluationProtocol(
        SourceToTarget(("alpha",), ("beta",)), CLASSES, ("toy-1", "more-2"), n_resamples=20
    )
    return np.array(run(pair, [method], protocol).cells[0].predictions)


def test_most_methods_can_be_deployed():
    expected = {
        *("svm", "svm-fixed", "ridge", "svm-all", "ridge-all", "logistic", "coral", "sa", "tca"),
        *("jda", "dosl", "jdar", "trasl", "aktlr", "tdlr", "idar", "sparse-coding"),
        *("transfer-sparse-coding", "positive-transfer-sparse-coding", "multi-view"),
        *(
            "kliep",
            "kmm",
            "multi-view-self-trained",
            "multi-view-safeguarded",
            "frame-codes",
            "recommended",
        ),
    }
    assert set(deployable()) >= expected


@pytest.mark.parametrize("name", deployable())
def test_answers_of_the_file_are_those_of_the_evaluation(pair, name, tmp_path):
    method = made(name)
    recogniser = Recogniser(method, n_folds=5).fit(pair[0], unlabelled(pair[1]))
    recogniser.save(tmp_path / "model.st")
    loaded = Recogniser.load(tmp_path / "model.st")
    found = loaded.predict(unlabelled(pair[1]))
    np.testing.assert_array_equal(found, evaluated(pair, method))
    np.testing.assert_array_equal(loaded.predict_proba(pair[1]), recogniser.predict_proba(pair[1]))
    # Rows that nobody knows again are answered by what was learned: the same but for the codes
    # that were solved for jointly.
    strangers = replace(pair[1], digests=np.array([f"other {i}" for i in range(len(pair[1]))]))
    answers = loaded.answer(strangers)
    assert not answers.fitted.any()
    assert np.mean(np.array(CLASSES)[answers.probabilities.argmax(axis=1)] == found) >= 0.9
    np.testing.assert_array_equal(answers.probabilities, recogniser.answer(strangers).probabilities)


def test_new_rows_are_answered_by_the_fitted_method_itself(pair):
    from sparsetransfer.classification import MultiView
    from sparsetransfer.evaluation.data.normalisation import standardise

    recogniser = Recogniser("multi-view").fit(pair[0], pair[1])
    rng = np.random.default_rng(3)
    rows = pair[1].features[:7] + rng.standard_normal((7, 8))
    more = pair[1].views["more-2"][:7] + rng.standard_normal((7, 5))
    blocks = [np.hstack([standardise(d.features), standardise(d.views["more-2"])]) for d in pair]
    labels = np.concatenate([pair[0].labels.astype(object), [None] * len(pair[1])])
    model = MultiView([8, 5]).fit(np.vstack(blocks), labels)
    scaled = np.hstack(
        [
            (new - old.mean(axis=0)) / old.std(axis=0)
            for new, old in ((rows, pair[1].features), (more, pair[1].views["more-2"]))
        ]
    )
    shares = model.predict_proba(scaled) ** recogniser.model_.calibration.slope
    np.testing.assert_allclose(
        recogniser.predict_proba([rows, more]),
        shares / shares.sum(axis=1, keepdims=True),
        rtol=1e-9,
    )


def test_a_new_process_answers_the_same(pair, tmp_path):
    recogniser = Recogniser("multi-view-safeguarded").fit(*pair)
    recogniser.save(tmp_path / "model.st")
    views = [pair[1].features, pair[1].views["more-2"]]
    np.savez(tmp_path / "rows.npz", *views)
    script = (
        "import sys, numpy as np\n"
        "from sparsetransfer.recognition import Recogniser\n"
        "rows = np.load(sys.argv[2])\n"
        "found = Recogniser.load(sys.argv[1]).predict([rows[name] for name in rows.files])\n"
        "print(','.join(found))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "model.st", tmp_path / "rows.npz"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = np.array(finished.stdout.strip().split(","))
    np.testing.assert_array_equal(found, evaluated(pair, made("multi-view-safeguarded")))


def test_no_label_of_the_target_is_looked_at(pair, tmp_path):
    places = [tmp_path / name for name in ("labelled.st", "unlabelled.st")]
    for place, target in zip(places, (pair[1], unlabelled(pair[1])), strict=True):
        fitted = Recogniser("multi-view").fit(pair[0], target)
        fitted.about_["target"].pop("fingerprint")  # a hash of all, labels too
        fitted.save(place)
    assert places[0].read_bytes() == places[1].read_bytes()


@pytest.mark.parametrize("name", ["majority", "rbf-svm"])
def test_what_cannot_meet_new_recordings_says_so_before_any_work(pair, name, monkeypatch):
    method = make_methods([name])[0]
    monkeypatch.setattr(type(method), "predict", None)
    with pytest.raises(ValueError, match=f"'{name}' can be evaluated and not fitted for use"):
        Recogniser(name).fit(*pair)


def test_a_foreign_estimator_is_refused_before_any_work(pair):
    forest = "sklearn.ensemble:RandomForestClassifier"
    with pytest.raises(ValueError, match="no model file keeps a fitted RandomForestClassifier"):
        Recogniser(make_methods([forest])[0]).fit(*pair)
    with pytest.raises(StateError, match="no model file keeps"):
        pack_state({"a": 1}.keys())


def test_two_targets_are_one(pair, corpus):
    other = replace(corpus("gamma", 4, 5.0), digests=None)
    both = Recogniser("multi-view").fit(pair[0], [pair[1], other])
    assert both.about_["target"]["name"] == "beta + gamma"
    assert both.about_["target"]["recordings"] == len(pair[1]) + len(other)
    assert both.answer(other).fitted.all()


def test_small_targets_and_targets_that_are_the_source_are_refused(pair):
    from sparsetransfer.evaluation.data.dataset import select_rows

    with pytest.raises(CorpusError, match="1 recordings are too few to adapt to"):
        Recogniser().fit(pair[0], select_rows(pair[1], np.array([0])))
    marked = replace(pair[0], digests=np.array([f"{i}" for i in range(len(pair[0]))]))
    with pytest.raises(DomainError, match="the same audio is in source and target"):
        Recogniser().fit(marked, replace(marked, name="calls", speakers=np.full(len(marked), "")))


def test_a_class_that_the_target_lacks_is_a_matter_of_its_rows_only(pair):
    from sparsetransfer.evaluation.data.dataset import select_rows

    part = select_rows(pair[1], np.flatnonzero(pair[1].labels != "anger"))
    recogniser = Recogniser("ridge").fit(pair[0], part)
    assert recogniser.classes_ == CLASSES
    assert np.mean(recogniser.predict(part) == part.labels) > 0.5


def test_rows_far_from_all_that_was_fitted_are_flagged(pair, corpus):
    recogniser = Recogniser("multi-view").fit(*pair)
    new = corpus("new", 9, 5.0)
    alike = recogniser.answer([new.features, new.views["more-2"]])
    assert alike.unlike.mean() < 0.1
    for state in recogniser.about_["gap"].values():
        assert state["low"] <= state["unbiased"] <= state["high"]
    far = recogniser.answer([new.features + 100.0, new.views["more-2"]])
    assert far.unlike.all()


def test_probabilities_are_calibrated_and_keep_the_decision(pair):
    recogniser = Recogniser("svm-fixed").fit(*pair)
    shares = recogniser.predict_proba(pair[1])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(recogniser.predict(pair[1]), evaluated(pair, made("svm-fixed")))
    assert recogniser.model_.calibration.error < 0.15


def test_without_a_target_it_is_the_linear_machine(pair, tmp_path):
    source = replace(pair[0], views={})
    recogniser = Recogniser().fit(source)
    expected = fit_recogniser([source], "toy").probabilities(source.features)
    np.testing.assert_array_equal(recogniser.predict_proba(source), expected)
    recogniser.save(tmp_path / "new.st")
    save_model(fit_recogniser([source], "toy"), tmp_path / "old.st")
    assert (tmp_path / "new.st").read_bytes() == (tmp_path / "old.st").read_bytes()
    loaded = Recogniser.load(tmp_path / "old.st")
    np.testing.assert_array_equal(loaded.predict_proba(source), expected)
    with pytest.raises(ValueError, match="give a target"):
        Recogniser("multi-view").fit(source)


def test_a_writer_that_is_killed_leaves_the_old_file(pair, tmp_path, monkeypatch):
    from pathlib import Path

    place = tmp_path / "model.st"
    place.write_bytes(b"old")
    recogniser = Recogniser("multi-view").fit(*pair)

    def die(self, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", die)
    with pytest.raises(KeyboardInterrupt):
        recogniser.save(place)
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("sizes", [[30], [1, 29], [7, 7, 16]])
def test_normalisation_runs_on_over_new_recordings(pair, sizes, tmp_path, corpus):
    from sparsetransfer.evaluation.data.normalisation import standardise

    recogniser = Recogniser("ridge").fit(*pair)
    new = corpus("later", 7, 9.0, n_speakers=2)
    rows, more = new.features[:30], new.views["more-2"][:30]
    before = recogniser.predict_proba(pair[1])
    for part in np.split(np.arange(30), np.cumsum(sizes)[:-1]):
        recogniser.partial_fit([rows[part], more[part]])
    # What was fitted is known again, and counts once.
    recogniser.partial_fit(pair[1])
    assert recogniser.about_["target"]["later_recordings"] == 30
    everything = np.vstack([pair[1].features, rows])
    scaled = recogniser.model_.scalers[0].apply(everything)
    np.testing.assert_allclose(scaled, standardise(everything), atol=1e-12)
    np.testing.assert_array_equal(recogniser.predict_proba(pair[1]), before)
    changed = recogniser.predict_proba([rows, more])
    assert np.abs(changed - Recogniser("ridge").fit(*pair).predict_proba([rows, more])).max() > 0.01
    recogniser.save(tmp_path / "model.st")
    loaded = Recogniser.load(tmp_path / "model.st").partial_fit([rows[:1], more[:1]])
    assert loaded.about_["target"]["later_recordings"] == 31


def test_normalisation_that_cannot_run_on_says_so(pair):
    robust = Recogniser("ridge", normalisation="robust").fit(*pair)
    with pytest.raises(ValueError, match="must be 'corpus' to run on"):
        robust.partial_fit(pair[1])
    with pytest.raises(ValueError, match="without a target"):
        Recogniser().fit(replace(pair[0], views={})).partial_fit(pair[1].features)
    with pytest.raises(ValueError, match="2 feature sets"):
        Recogniser("ridge").fit(*pair).partial_fit([pair[1].features])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_running_moments_are_those_of_all_rows(offset):
    from sparsetransfer.evaluation.data.normalisation import Scaler, running_scaler

    rows = np.random.default_rng(5).normal(size=(60, 3)) * [1.0, 1e-3, 0.0] + offset
    first = rows[:20]
    scaler = Scaler(first.mean(axis=0), first.std(axis=0))
    found = running_scaler(running_scaler(scaler, 20, rows[20:21]), 21, rows[21:])
    exact = rows.astype(np.longdouble)
    np.testing.assert_allclose(found.centre, exact.mean(axis=0).astype(float), rtol=1e-13)
    expected = exact.std(axis=0).astype(float)
    np.testing.assert_allclose(found.spread[:2], expected[:2], rtol=1e-6)
    assert found.spread[2] == 0.0
