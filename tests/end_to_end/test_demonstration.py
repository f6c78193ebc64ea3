"""The command without arguments, on fewer recordings."""

import json

from sparsetransfer import synthetic


def test_the_demonstration_ends_in_a_verdict_that_follows_from_its_table(
    evaluate, monkeypatch, tmp_path
):
    asked = {}

    def small(directory, **arguments):
        asked.update(arguments)
        return make(directory, **{**arguments, "n_speakers": 4, "n_sentences": 2})

    make = synthetic.make_corpora
    monkeypatch.setattr(synthetic, "make_corpora", small)
    finished = evaluate("--json", "--n-components", 24, "-o", tmp_path / "report")
    assert finished.exit_code == 0, finished.output
    assert asked["shift"] == "recording"
    content = json.loads(finished.stdout)
    names = {part["method"] for part in content["methods"]}
    assert {"recommended", "frame-codes", "transfer-sparse-coding", "coral", "svm"} <= names
    assert content["tasks"] == ["synthetic-studio → synthetic-room"]
    # four speakers cannot decide, whatever the gains are
    assert content["verdict"].startswith("No method is distinguishably better")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert content["verdict"].split(";")[0] in page


def test_between_men_and_women_of_one_corpus_adaptation_mends_a_real_shift(real_speech, evaluate):
    root, cache = real_speech
    asked = ("--demo", f"emodb={root / 'emodb'}", "--methods", "svm,coral", "--cache", cache)
    finished = evaluate("--json", *asked)
    assert finished.exit_code == 0, finished.output
    content = json.loads(finished.stdout)
    assert content["tasks"] == ["emodb-m → emodb-f", "emodb-f → emodb-m"]
    coral = next(part for part in content["methods"] if part["method"] == "coral")
    assert coral["gain"] > 0.03
    assert coral["p_value"] < 0.05
    assert "a gain that is distinguishable from zero" in content["verdict"]
