"""``sparsetransfer study``: a study file to begin with, and the export of a finished study."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sparsetransfer.cli.errors import one_line_errors

__all__ = ["TEMPLATE", "study"]

TEMPLATE = """\
# A study: corpora, rules and methods. Run it, and continue it after a stop, with
#   sparsetransfer evaluate --config {name} --output report
#   sparsetransfer resume report

[study]
# source-to-target, ordered-pairs, leave-one-corpus-out, leave-one-speaker-out, speaker-k-fold
design = "ordered-pairs"
# Without this line: all classes that every corpus has.
classes = ["anger", "happiness", "neutral", "sadness"]
# `sparsetransfer methods list` names all; svm is the baseline that gains refer to.
methods = ["svm", "ridge", "frame-codes", "recommended"]
# `sparsetransfer features list` names all; methods of one view take the first.
feature_sets = ["functionals"]
# corpus, robust, source, speaker, speaker-or-corpus
normalisation = "corpus"
# transductive: unlabelled target rows take part in learning; inductive: none does
setting = "transductive"
seeds = [0]

# One table per corpus, named by its reader (`sparsetransfer corpora list`) ...
[corpora.emodb]
path = "recordings/emodb"

# ... or any name with a manifest: columns file, label and speaker; .csv, .tsv or .parquet.
[corpora.own]
path = "recordings/own.csv"
# label_map = {{ wut = "anger", freude = "happiness" }}

# Settings of a method that differ from `sparsetransfer methods describe NAME`:
# [methods.transfer-sparse-coding]
# mmd = 60.0

# The same method once more, under a name of its own:
# [methods.strong]
# method = "transfer-sparse-coding"
# mmd = 600.0

# Any scikit-learn estimator:
# [methods.forest]
# estimator = "sklearn.ensemble:RandomForestClassifier"
# params = {{ n_estimators = 300 }}
"""
"""Text of a new study file; ``{name}`` is its path."""

study = typer.Typer(
    help="Begin a study file, export a finished study.", no_args_is_help=True, add_completion=False
)


@study.command()
def init(
    file: Annotated[Path, typer.Argument(help="File to write.", show_default="study.toml")] = Path(
        "study.toml"
    ),
) -> None:
    """Write a study file with comments.

    An existing file is kept.
    """
    with one_line_errors():
        if file.exists():
            raise FileExistsError(f"'{file}' exists; name another file, or remove it")
        from sparsetransfer._files import check_file, write_text

        check_file(file)
        name = shlex.quote(str(file)) if str(file).isprintable() else "FILE"
        write_text(file, TEMPLATE.format(name=name))
    typer.echo(f"{file}: fill in the corpora, then sparsetransfer evaluate --config {name}")


@study.command()
def export(
    report: Annotated[Path, typer.Argument(help="Report folder.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    seed: Annotated[
        int | None, typer.Option(help="Whose folds and predictions.", show_default="the first one")
    ] = None,
) -> None:
    """Write a study in the layout of EmoBox.

    Recordings, folds, predictions and scores. The corpora have to be where they were when the study ran.
    """
    with one_line_errors():
        from sparsetransfer import reporting
        from sparsetransfer.evaluation import read_config
        from sparsetransfer.evaluation.study.prepare import read_corpora

        finished = reporting.read(report)
        corpora, _ = read_corpora(read_config(report / "study.json"))
        typer.echo(reporting.write_emobox(finished, corpora, folder, seed=seed))
