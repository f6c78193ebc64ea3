"""Progress that callers of functions see: a bar in a notebook, plain lines elsewhere."""

import re
import sys
import types

import numpy as np
import pytest

from sparsetransfer import (
    ProgressBar,
    benchmarking,
    corpora,
    dictionary,
    distributed,
    evaluation,
    features,
    recognition,
    synthetic,
    transfer,
)


class Handle:
    def __init__(self, shown):
        self.shown = [shown]

    def update(self, drawn):
        self.shown.append(drawn)


@pytest.fixture
def notebook(monkeypatch):
    """Return the bars that a kernel was asked to display."""
    handles = []

    def display(drawn, *, display_id):
        assert display_id
        handles.append(Handle(drawn))
        return handles[-1]

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return handles


def test_a_notebook_shows_one_bar_that_is_drawn_anew(notebook, capsys):
    bar = ProgressBar("<features>")
    for done in range(11):
        bar(done, 10)
    (handle,) = notebook
    assert repr(handle.shown[0]) == "<features>"
    assert repr(handle.shown[-1]) == "<features>: 10 of 10, 0 s"
    html = handle.shown[-1]._repr_html_()
    assert 'max="10" value="10"' in html
    assert "<features>" not in html
    assert "&lt;features&gt;: 10 of 10" in html
    assert capsys.readouterr() == ("", "")


def test_an_unknown_total_has_no_length(notebook):
    bar = ProgressBar("bytes")
    bar(4096, 0)
    (handle,) = notebook
    assert "max=" not in handle.shown[-1]._repr_html_()


def test_work_that_names_its_parts_has_a_bar_for_each(notebook):
    bar = ProgressBar()
    bar("one", 1, 2)
    bar("two", 0, 3)
    bar("one", 2, 2)
    bar(1, 1, "what comes after the numbers is not shown")
    shown = [repr(handle.shown[-1]) for handle in notebook]
    assert [re.sub(r", .*", "", line) for line in shown] == [
        "one: 2 of 2",
        "two",
        "progress: 1 of 1",
    ]


def test_without_a_notebook_lines_go_to_the_standard_error(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    bar = ProgressBar("work")
    for run in range(2):
        bar(run, 2)
        bar(2, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == 2 * ["work", "work: 2 of 2, 0 s"]


def test_a_prompt_of_ipython_is_no_notebook(capsys, monkeypatch):
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    ProgressBar("work")(1, 1)
    assert "work: 1 of 1" in capsys.readouterr().err


def test_features_and_studies_report_to_the_end(notebook, tmp_path):
    paths = synthetic.make_corpora(tmp_path, n_speakers=4, n_sentences=1)
    bar = ProgressBar("reading")
    features.extract(corpora.read_manifest(paths[0]), n_jobs=1, progress=bar)
    config = evaluation.StudyConfig(
        corpora=tuple(
            evaluation.CorpusEntry(name, str(path), "manifest")
            for name, path in zip(("one", "two"), paths, strict=True)
        ),
        design={"kind": "ordered-pairs"},
        methods=("majority",),
    )
    domains, protocol = evaluation.prepare(config, n_jobs=1, progress=bar)
    evaluation.run(domains, config.make_methods(), protocol, progress=bar)
    lines = [re.sub(r", \d+ s$", "", repr(handle.shown[-1])) for handle in notebook]
    assert lines == [
        "reading: 16 of 16",
        "functionals-1 of one: 16 of 16",
        "functionals-1 of two: 16 of 16",
        "reading: 2 of 2",
    ]


def test_what_cannot_be_called_is_refused_before_the_work(tmp_path):
    calls = {
        "progress": [
            lambda: corpora.check("emodb", tmp_path / "none", progress=3),
            lambda: corpora.fetch("emodb", tmp_path / "new", progress=3),
            lambda: features.extract(None, "functionals", progress=3),
            lambda: features.extract_sequences(None, tmp_path, progress=3),
            lambda: list(recognition.recognise_recordings(None, [], None, progress=3)),
            lambda: benchmarking.measure(["lasso"], progress=3),
            lambda: distributed.learn(None, 2, alpha=0.1, progress=3),
        ],
        "callback": [
            lambda: dictionary.learn_dictionary(np.eye(3), 2, alpha=0.1, callback=3),
            lambda: dictionary.learn_dictionary_online(np.eye(3), 2, alpha=0.1, callback=3),
            lambda: dictionary.DictionaryLearning(2, callback=3).fit(np.eye(3)),
            lambda: transfer.transfer_learn(np.eye(3), np.eye(3), [1, 1, -1], callback=3),
        ],
    }
    for name, works in calls.items():
        for work in works:
            with pytest.raises(TypeError, match=f"{name} must be callable or None, got 3"):
                work()


def test_a_deep_system_refuses_it_before_the_first_epoch():
    torch = pytest.importorskip("torch", reason="needs the extra 'deep'")
    from sparsetransfer.deep.training.loop import Training

    with pytest.raises(TypeError, match="progress must be callable or None, got 'bar'"):
        Training(1, 1, 0, torch.device("cpu"), progress="bar")
