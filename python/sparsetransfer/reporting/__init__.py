"""Tables, figures and report folders of a study."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.reporting.emobox import write_emobox
from sparsetransfer.reporting.folder import read, write
from sparsetransfer.reporting.page import render
from sparsetransfer.reporting.predictions import write_predictions
from sparsetransfer.reporting.verdict import verdict

__all__ = [
    "read",
    "render",
    "verdict",
    "write",
    "write_emobox",
    "write_predictions",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "SummaryRow": "reporting.summary",
            "WorkFolder": "reporting.folder",
            "cells_csv": "reporting.tables",
            "check_destination": "reporting.folder",
            "count_notes": "reporting.terminal",
            "latex": "reporting.overview",
            "markdown": "reporting.overview",
            "notes": "reporting.summary",
            "predictions_html": "reporting.predictions",
            "reserved": "reporting.folder",
            "rich_tables": "reporting.tables",
            "summarise": "reporting.summary",
            "summary_as_dict": "reporting.terminal",
            "summary_caption": "reporting.terminal",
            "summary_table": "reporting.terminal",
            "timeline_svg": "reporting.timeline",
            "windows_csv": "reporting.timeline",
        },
    )
