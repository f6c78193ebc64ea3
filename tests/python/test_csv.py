import csv
import io

import pytest

from sparsetransfer._csv import csv_cell, csv_text


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x.wav", "@SUM(A1)", "\t=1"])
def test_formulas_become_text(text):
    assert csv_cell(text) == f"'{text}"
    ((cell,),) = csv.reader(io.StringIO(csv_text([[text]])))
    assert cell == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+3", "-1e-7", -2.25, "a=b", "a.wav", "", "a\nb"])
def test_numbers_and_other_texts_stay(value):
    assert csv_cell(value) == value
