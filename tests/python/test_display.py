"""What results show at a prompt and in a notebook."""

from html.parser import HTMLParser

import numpy as np
import pytest

from sparsetransfer.dictionary import learn_dictionary
from sparsetransfer.sparse_coding import lasso
from sparsetransfer.transfer import transfer_learn


class Cells(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.cells, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] in (["td"], ["th"]):
            self.cells[-1] += data


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(0)
    signals = rng.standard_normal((30, 8))
    signals /= np.linalg.norm(signals, axis=1, keepdims=True)
    codes = lasso(signals, signals[:12], alpha=0.2)
    learned = learn_dictionary(signals, 6, alpha=0.2, tol=1e-2, max_iter=300, rng=0)
    domains = np.repeat([1, -1], 15)
    transfer = transfer_learn(signals, signals[:6], domains, alpha=0.05, mmd=1.0)
    return {"codes": codes, "learned": learned, "transfer": transfer}


@pytest.mark.parametrize("name", ["codes", "learned", "transfer"])
def test_results_show_size_status_and_certificate_on_one_line(results, name):
    result = results[name]
    text = repr(result)
    assert "\n" not in text
    assert len(text) < 300
    assert text.startswith(f"<{type(result).__name__} ")
    cells = Cells(result._repr_html_()).cells
    for shown in cells[1::2]:
        assert shown in text
    violation = getattr(result, "kkt_violation", None)
    if violation is None:
        violation = result.codes.kkt_violation
    assert f"{np.max(violation):.1e}" in text
    array = result.codes if name == "codes" else result.components
    assert f"{array.shape[0]} x {array.shape[1]} float64" in text


def test_codes_that_failed_are_counted(results):
    codes = results["codes"]
    assert "converged: 30 of 30" in repr(codes)
    half = type(codes)(**{**vars(codes), "converged": np.arange(30) < 15})
    assert "converged: 15 of 30" in repr(half)
