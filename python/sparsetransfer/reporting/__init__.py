"""Tables, figures and report folders of a study."""

from sparsetransfer.reporting.folder import WorkFolder, check_destination, read, reserved, write
from sparsetransfer.reporting.notes import notes
from sparsetransfer.reporting.overview import latex, markdown
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.predictions import predictions_html, write_predictions
from sparsetransfer.reporting.summary import SummaryRow, summarise
from sparsetransfer.reporting.tables import cells_csv, rich_tables
from sparsetransfer.reporting.terminal import (
    count_notes,
    summary_as_dict,
    summary_caption,
    summary_table,
)
from sparsetransfer.reporting.timeline import timeline_svg, windows_csv
from sparsetransfer.reporting.verdict import verdict

__all__ = [
    "SummaryRow",
    "WorkFolder",
    "cells_csv",
    "check_destination",
    "count_notes",
    "latex",
    "markdown",
    "notes",
    "predictions_html",
    "read",
    "render",
    "reserved",
    "rich_tables",
    "summarise",
    "summary_as_dict",
    "summary_caption",
    "summary_table",
    "timeline_svg",
    "verdict",
    "windows_csv",
    "write",
    "write_predictions",
]
