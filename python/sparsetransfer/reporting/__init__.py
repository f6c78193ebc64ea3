"""Tables, figures and report folders of a study."""

from sparsetransfer.reporting.folder import check_destination, write
from sparsetransfer.reporting.notes import notes
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.summary import SummaryRow, summarise
from sparsetransfer.reporting.tables import cells_csv, rich_tables

__all__ = [
    "SummaryRow",
    "cells_csv",
    "check_destination",
    "notes",
    "render",
    "rich_tables",
    "summarise",
    "write",
]
