"""A whole evaluation, shown as its ranking."""

from dataclasses import dataclass
from html import escape

import numpy as np

from sparsetransfer.evaluation.study.ranking import rank_methods
from sparsetransfer.evaluation.study.results import StudyResults

__all__ = ["Study", "refusal_lines"]


@dataclass(frozen=True, eq=False, repr=False)
class Study(StudyResults):
    """Everything that a report shows.

    Parameters
    ----------
    protocol : EvaluationProtocol
        What was evaluated.
    corpora : tuple of CorpusSummary
        The corpora, restricted to the classes.
    methods : tuple of MethodSummary
        The methods, in the order of the tables.
    cells : tuple of RunResult
        By task, method and seed, in the order of the protocol.
    before : mapping of str to Discrepancy
        Per task, between the normalised features of source and target; mean over folds.
    feature_pictures : mapping of str to Projection
        Per task, the normalised features of the first fold.
    remarks : mapping of str to tuple of str
        Per task, what the normalisation had to decide.
    versions : mapping of str to str
        Versions of Python and of the libraries that compute.
    """

    def __repr__(self) -> str:
        """Return a line about the study, and its methods as a table in plain text."""
        rows = _shown_rows(self)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                text.rjust(width) if number else text.ljust(width)
                for number, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        return "\n".join([f"<Study {self._headline()}>", *lines, *refusal_lines(self)])

    def _repr_html_(self) -> str:
        head, *rows = (tuple(map(escape, row)) for row in _shown_rows(self))
        titles = "".join(f'<th scope="col">{text}</th>' for text in head)
        body = "".join(
            f'<tr><th scope="row">{row[0]}</th>'
            + "".join(f"<td>{text}</td>" for text in row[1:])
            + "</tr>"
            for row in rows
        )
        return (
            f"<table><caption>{escape(self._headline())}</caption>"
            f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _headline(self) -> str:
        return f"{self.title}; {len(self.methods)} methods, protocol {self.protocol.id}"


def refusal_lines(study: StudyResults) -> list[str]:
    """Name the cells whose methods refused their tasks, with the reasons, seeds together."""
    seeds: dict[str, list[str]] = {}
    for cell in study.refusals:
        text = f"{cell.task}: method {cell.method!r} refused: {cell.refusal}"
        seeds.setdefault(text, []).append(str(cell.seed))
    return [f"seed {', '.join(numbers)}: {text}" for text, numbers in seeds.items()]


def _shown_rows(study: StudyResults) -> list[tuple[str, ...]]:
    def number(value: float, form: str) -> str:
        return "–" if np.isnan(value) else format(value, form)

    ranking = rank_methods(study)
    rows: list[tuple[str, ...]] = [("method", "UAR %", "gain", "p")]
    for part in ranking.standings:
        gain, p_value = number(100 * part.gain, "+.1f"), number(part.p_value, ".3f")
        rows.append((part.method, number(100 * part.uar, ".1f"), gain, p_value))
    return rows
