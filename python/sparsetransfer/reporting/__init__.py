"""Tables, figures and report folders of a study."""

from sparsetransfer.reporting.folder import WorkFolder, check_destination, read, reserved, write
from sparsetransfer.reporting.notes import notes
from sparsetransfer.reporting.overview import latex, markdown
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.predictions import predictions_html, write_predictions
from sparsetransfer.reporting.summary import SummaryRow, summarise
from sparsetransfer.reporting.tables import cells_csv, rich_tables
from sparsetransfer.reporting.timeline import timeline_svg, windows_csv

__all__ = [
    "SummaryRow",
    "WorkFolder",
    "cells_csv",
    "check_destination",
    "latex",
    "markdown",
    "notes",
    "predictions_html",
    "read",
    "render",
    "reserved",
    "rich_tables",
    "summarise",
    "timeline_svg",
    "windows_csv",
    "write",
    "write_predictions",
]
