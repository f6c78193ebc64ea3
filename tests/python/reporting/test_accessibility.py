"""What a reader needs who is not looking at a wide bright screen: contrast, headings, captions."""

import base64
import re
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest

from sparsetransfer.evaluation.study.run_result import Projection
from sparsetransfer.reporting import figures, render

TEXT = ("ink", "soft", "accent")
GROUNDS = ("paper", "wash")


def palettes(html):
    """Return the variables of the style in light and in dark mode."""
    found = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    ]
    assert len(found) == 2, "a light and a dark palette"
    return found


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, two):
    """Contrast ratio of WCAG 2.2, 1 to 21."""
    bright, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


class Outline(HTMLParser):
    """Faults that a screen reader would stumble over."""

    def __init__(self, text):
        super().__init__()
        self.faults, self.levels, self.stack, self.ids, self.links = [], [], [], set(), []
        self.tables = self.captions = self.figures = self.figcaptions = 0
        self.feed(text)
        if self.levels[:1] != [1] or self.levels.count(1) != 1:
            self.faults.append("not one h1 in front")
        self.faults += [f"h{b} after h{a}" for a, b in pairwise(self.levels) if b > a + 1]
        if self.tables != self.captions:
            self.faults.append("a table without caption")
        if self.figures != self.figcaptions:
            self.faults.append("a figure without caption")
        self.faults += [f"no target {name}" for name in self.links if name not in self.ids]

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.figures += tag == "figure"
        self.figcaptions += tag == "figcaption"
        if tag == "html" and not attrs.get("lang"):
            self.faults.append("no language")
        if tag == "img" and not attrs.get("alt"):
            self.faults.append("an image without text")
        if tag == "th" and attrs.get("scope") not in ("col", "row", "rowgroup"):
            self.faults.append("a heading of a table without scope")
        scrolls = "scroll" in (attrs.get("class") or "").split()
        if scrolls and (attrs.get("tabindex") != "0" or not attrs.get("aria-label")):
            self.faults.append("a scrolled region that no key reaches")
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"].removeprefix("#"))


@pytest.fixture(scope="module")
def html(study):
    return render(study)


def test_contrast_is_that_of_the_recommendation():
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_every_text_has_contrast_in_light_and_dark(html):
    for colours in palettes(html):
        for text in TEXT:
            for ground in GROUNDS:
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground, colours)


def test_text_of_the_page_about_predictions_has_contrast_in_light_and_dark():
    template = resources.files("sparsetransfer.reporting").joinpath("predictions.html.j2")
    for colours in palettes(template.read_text(encoding="utf-8")):
        for text in ("ink", "soft"):
            assert contrast(colours[text], colours["paper"]) >= 4.5, (text, colours)


def test_the_outline_has_no_fault(html):
    outline = Outline(html)
    assert outline.faults == []
    assert outline.tables >= 6
    assert outline.figures >= 5


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (("<h2>", "<h4>"), "h4 after h1"),
        ((' lang="en"', ""), "no language"),
        (("<caption>", "<p>"), "a table without caption"),
        (("<figcaption>", "<p>"), "a figure without caption"),
        ((' alt="', ' title="'), "an image without text"),
        ((' scope="row"', ""), "a heading of a table without scope"),
        ((' tabindex="0"', ""), "a scrolled region that no key reaches"),
        (('id="notes"', ""), "no target notes"),
    ],
)
def test_the_check_finds_faults(html, broken, fault):
    assert fault in Outline(html.replace(*broken)).faults


def test_no_python_values_and_no_scripts(html):
    text = re.sub(r'src="[^"]*"', "", html)
    assert "<script" not in text
    for value in ("None", "True", "False", "{'", "['", "nan"):
        assert not re.search(rf"[>\s]{re.escape(value)}", text), value


def test_a_report_of_twelve_pairs_has_three_megabytes_at_most(study, html):
    """Sum up the images of a pair of 340 recordings, six methods, two with codes."""
    rng = np.random.default_rng(0)
    labels = tuple(np.array(["a", "b", "c", "d"])[np.arange(340) % 4])
    picture = Projection(rng.normal(size=(340, 2)), rng.normal(size=(340, 2)) + 1, labels, labels)
    of_pair = 3 * len(figures.pictures(picture, ("a", "b", "c", "d"), ("one", "two")))
    of_pair += len(
        figures.confusions([f"method {n}" for n in range(6)], [study.cells[0].scores] * 6)
    )
    history = 100 / np.arange(1, 51)
    of_pair += len(figures.objectives(["codes", "transfer codes"], [history, history]))
    rest = len(re.sub(r'src="[^"]*"', "", html))
    assert 12 * of_pair + 4 * rest < 3e6


def test_images_say_what_is_in_them_as_text(html):
    image = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', html).group(1)
    drawn = base64.b64decode(image).decode()
    assert "gain in UAR over svm" in drawn
    for method in ("majority", "squared &lt;codes&gt; name"):
        assert method in drawn


@pytest.mark.parametrize("name", ["Blues", "viridis"])
def test_figures_in_cells_have_contrast_on_every_colour(name):
    matplotlib = pytest.importorskip("matplotlib")
    for colour in matplotlib.colormaps[name](np.linspace(0, 1, 101)):
        ground = matplotlib.colors.to_hex(colour)
        assert contrast(figures._ink(matplotlib.colors.to_rgb(ground)), ground) >= 4.5


def test_drawn_text_and_lines_have_contrast_in_dark_mode(html):
    image = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', html).group(1)
    drawn = base64.b64decode(image).decode()
    style = re.search(r"prefers-color-scheme: dark\) \{(.*?)\}</style>", drawn, re.DOTALL).group(1)
    text, paper, axis, zero = re.findall(r": (#[0-9a-f]{6})(?: !important)? \}", style)
    assert paper == palettes(html)[1]["paper"]
    assert contrast(text, paper) >= 4.5
    for line in (axis, zero, *figures.COLOURS[:2]):
        assert contrast(line, paper) >= 3.0, line
    # Every other colour has a rule or is one of the gains.
    used = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn.split("</style>")[1]))
    assert used <= {"#ffffff", "#000000", "#444444", "#b0b0b0", *figures.COLOURS[:2]}


def filtered(colour, share):
    """Apply ``invert(share) hue-rotate(180deg)`` of CSS Filter Effects."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    grey = np.array([0.213, 0.715, 0.072])
    rotation = 2 * np.tile(grey, (3, 1)) - np.eye(3)  # at 180 degrees
    turned = np.clip(rotation @ (rgb * (1 - share) + (1 - rgb) * share), 0, 1)
    return "#" + "".join(f"{round(255 * part):02x}" for part in turned)


def test_photographic_images_are_readable_in_dark_mode(html):
    share = float(re.search(r"invert\(([.\d]+)\) hue-rotate\(180deg\)", html).group(1))
    paper, ink = filtered("#ffffff", share), filtered("#000000", share)
    assert contrast(paper, palettes(html)[1]["paper"]) < 1.1
    assert contrast(ink, paper) >= 4.5
    light = [contrast(colour, "#ffffff") for colour in figures.COLOURS]
    dark = [contrast(filtered(colour, share), paper) for colour in figures.COLOURS]
    assert min(dark) >= min(light) > 2.0
