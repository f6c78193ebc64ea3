import csv
import io

import pytest

from sparsetransfer._csv import csv_cell, csv_separator, csv_text, plain_cell


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x.wav", "@SUM(A1)", "\t=1", "\n=1", "＝1+1"])
def test_formulas_become_text(text):
    assert csv_cell(text) == f"'{text}"
    ((cell,),) = csv.reader(io.StringIO(csv_text([[text]])))
    assert cell == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+3", "-1e-7", -2.25, "a=b", "a.wav", "", "a\nb"])
def test_numbers_and_other_texts_stay(value):
    assert csv_cell(value) == value


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "-x.wav",
        "'=1",
        "''-x",
        "\t=1",
        "\n=1",
        "'＠x",
        "'a'",
        "rock 'n' roll",
        "-0.5",
        "'-0.5",
        "",
        "'",
    ],
)
def test_what_is_escaped_is_read_as_it_was(text):
    ((cell,),) = csv.reader(io.StringIO(csv_text([[text]])))
    assert plain_cell(cell) == text


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("file,label", ","),
        ("file;label;note, or, more, of, it", ";"),
        ("File\tLabel\ta,b,c,d", "\t"),
        ('"file";"label"', ";"),
        ("x;y;z", ";"),
        ("x", ","),
    ],
)
def test_the_separator_is_the_one_that_shows_the_columns(header, separator):
    assert csv_separator(header, {"file", "label"}) == separator
