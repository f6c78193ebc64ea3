"""Recognition across corpora: domains, protocol, folds, metrics, methods and the runner."""

from sparsetransfer.evaluation.classifiers import FAMILIES, TunedClassifier, tune
from sparsetransfer.evaluation.discrepancy import Discrepancy, measure, project
from sparsetransfer.evaluation.domain import Domain, common_classes, select_classes
from sparsetransfer.evaluation.folds import assert_disjoint, check_folds, speaker_folds
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.methods import ClassifierMethod, Method, MethodOutput, Tuning
from sparsetransfer.evaluation.metrics import (
    Scores,
    confusion_matrix,
    score,
    unweighted_average_recall,
)
from sparsetransfer.evaluation.normalisation import standardise
from sparsetransfer.evaluation.protocol import C_GRID, CrossCorpusProtocol
from sparsetransfer.evaluation.registry import (
    DEFAULT_METHODS,
    available_methods,
    make_methods,
    register,
)
from sparsetransfer.evaluation.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.runner import Progress, run
from sparsetransfer.evaluation.selection import RULES, Choice, select
from sparsetransfer.evaluation.statistics import speaker_bootstrap
from sparsetransfer.evaluation.study import Cell, MethodCard, Picture, Study, Timing

__all__ = [
    "C_GRID",
    "DEFAULT_METHODS",
    "FAMILIES",
    "RULES",
    "Cell",
    "Choice",
    "ClassifierMethod",
    "CrossCorpusProtocol",
    "Discrepancy",
    "Domain",
    "LabelledRows",
    "Method",
    "MethodCard",
    "MethodOutput",
    "Picture",
    "Progress",
    "Scores",
    "Study",
    "Timing",
    "TunedClassifier",
    "Tuning",
    "UnlabelledRows",
    "assert_disjoint",
    "available_methods",
    "check_folds",
    "common_classes",
    "confusion_matrix",
    "join",
    "make_methods",
    "measure",
    "project",
    "register",
    "run",
    "score",
    "select",
    "select_classes",
    "speaker_bootstrap",
    "speaker_folds",
    "standardise",
    "tune",
    "unweighted_average_recall",
]
