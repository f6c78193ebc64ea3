import base64
import io
from html.parser import HTMLParser
from xml.etree import ElementTree

import PIL.Image
import pytest

from sparsetransfer.reporting import figures, render, verdict

IMAGES = ("data:image/svg+xml;base64,", "data:image/png;base64,")
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags are balanced and collects what a test asks for."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.images, self.resources, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "img":
            assert attrs["alt"]
            self.images.append(attrs["src"])
        self.resources += [attrs[name] for name in ("src", "href") if name in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(study):
    return Page(render(study))


def test_parser_notices_unbalanced_tags():
    with pytest.raises(AssertionError):
        Page("<p><b>text</p></b>")


def test_all_sections_are_there_once(page):
    expected = [
        *("verdict", "comparison", "notes", "results", "corpora", "confusion"),
        *("pictures", "objective", "methods", "protocol"),
    ]
    assert page.ids == expected


def test_nothing_is_loaded_from_elsewhere(page):
    assert page.resources
    assert all(r.startswith((*IMAGES, "#")) for r in page.resources)


def test_every_image_is_well_formed_and_there_is_one_for_each_purpose(page, study):
    # the gains; per task: confusions, objective, features in the plane, codes in the plane
    assert len(page.images) == 1 + 4 * len(study.tasks)
    for source in page.images:
        content = base64.b64decode(source.split(",", 1)[1])
        if source.startswith(IMAGES[0]):
            assert ElementTree.fromstring(content).tag.endswith("svg")
        else:
            assert PIL.Image.open(io.BytesIO(content)).size > (400, 200)


def test_content_that_a_reader_needs(page, study):
    for expected in (
        study.protocol.id,
        study.protocol.library_version,
        "first → second",
        "label 'x' unmapped",
        "9.wav",
        "transductive",
        "third lacks sadness",
        "stopped after 4 iterations",
        "UserWarning: did <not> settle",
        "squared <codes> name",
        "power 2",
        *verdict(study),
        f"{100 * study.cells[1].scores.uar:.1f}",
    ):
        assert expected in page.text


def test_hostile_names_are_escaped(study):
    html = render(study)
    assert "<broken>" not in html
    assert "<codes>" not in html


def test_several_seeds_show_their_spread(make_study):
    text = Page(render(make_study(seeds=(0, 1)))).text
    assert "seeds 0, 1" in text
    assert "means over seeds ± standard deviation" in text


def test_page_depends_on_the_study_only(study):
    assert render(study) == render(study)


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (5, 5, 1), (7, 4, 2), (11, 4, 3)]
)
def test_many_panels_are_drawn_in_rows(study, count, columns, rows):
    scores = [study.cells[0].scores] * count
    image = figures.confusions([f"panel {number}" for number in range(count)], scores)
    root = ElementTree.fromstring(base64.b64decode(image.split(",", 1)[1]))
    size = [float(root.get(side).removesuffix("pt")) / 72 for side in ("width", "height")]
    assert size == pytest.approx([2.7 * columns, 2.7 * rows])
