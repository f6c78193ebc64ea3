"""Weka's attribute-relation files, as openSMILE writes them."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from sparsetransfer._messages import listing
from sparsetransfer.exceptions import CorpusError

__all__ = ["read_arff"]

_ATTRIBUTE = re.compile(
    r"""@attribute\s+(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>\S+))\s+(?P<kind>.+)""",
    re.IGNORECASE,
)
_NUMERIC = {"numeric", "real", "integer"}


def read_arff(path: Path) -> pd.DataFrame:
    """Read the rows of an ARFF file.

    `path`: file in UTF-8, not in the sparse form. Returns: numeric attributes as numbers (``?`` as
    NaN), all others as text. Raises CorpusError if the file is malformed; every line that does not
    fit is named. Raises OSError if the file cannot be opened.
    """
    names: list[str] = []
    numeric: list[bool] = []
    with open(path, encoding="utf-8-sig") as stream:
        for line in stream:
            text = line.strip()
            if text.lower().startswith("@data"):
                break
            if match := _ATTRIBUTE.match(text):
                names.append(match["single"] or match["double"] or match["bare"])
                numeric.append(match["kind"].strip().lower() in _NUMERIC)
        else:
            raise CorpusError(f"'{path}' has no @data section")
        lines = [line.strip() for line in stream]
    if not names:
        raise CorpusError(f"'{path}' declares no @attribute")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise CorpusError(f"'{path}' declares more than one @attribute {listing(twice)}")
    lines = [line for line in lines if line and not line.startswith("%")]
    cells = list(csv.reader(lines, quotechar="'", skipinitialspace=True))
    crooked = [str(row) for row, values in enumerate(cells, 1) if len(values) != len(names)]
    if crooked:
        raise CorpusError(
            f"'{path}': expected {len(names)} values, other numbers in the data rows "
            f"{listing(crooked)}"
        )
    frame = pd.DataFrame(cells, columns=names)
    wrong: list[str] = []
    for name, is_number in zip(names, numeric, strict=True):
        column = frame[name].str.strip().str.strip('"')
        frame[name] = column
        if is_number:
            known = column != "?"
            values = pd.to_numeric(column.where(known), errors="coerce")
            bad = np.flatnonzero(values.isna() & known)
            wrong += [f"row {row + 1} ({name})" for row in bad]
            frame[name] = values
    if wrong:
        raise CorpusError(f"'{path}': no numbers in {listing(wrong)}")
    return frame
