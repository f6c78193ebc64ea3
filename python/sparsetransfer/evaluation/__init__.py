"""Recognition across corpora: domains, protocol, folds, metrics, methods and the runner."""

from sparsetransfer.evaluation.classifiers import FAMILIES, TunedClassifier, tune
from sparsetransfer.evaluation.designs import (
    DESIGNS,
    Design,
    LeaveOneCorpusOut,
    LeaveOneSpeakerOut,
    OrderedPairs,
    SourceToTarget,
    SpeakerKFold,
    Task,
)
from sparsetransfer.evaluation.discrepancy import Discrepancy, measure, project
from sparsetransfer.evaluation.domain import Domain, common_classes, select_classes, take
from sparsetransfer.evaluation.folds import assert_disjoint, check_folds, speaker_folds
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.methods import ClassifierMethod, Method, MethodOutput, Tuning
from sparsetransfer.evaluation.metrics import (
    Scores,
    confusion_matrix,
    score,
    score_confusion,
    unweighted_average_recall,
)
from sparsetransfer.evaluation.normalisation import (
    SCOPES,
    normalise,
    speaker_objection,
    standardise,
)
from sparsetransfer.evaluation.protocol import C_GRID, SETTINGS, EvaluationProtocol
from sparsetransfer.evaluation.registry import (
    DEFAULT_METHODS,
    available_methods,
    make_methods,
    register,
)
from sparsetransfer.evaluation.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.runner import Progress, run
from sparsetransfer.evaluation.selection import RULES, Choice, select
from sparsetransfer.evaluation.splits import Split, splits
from sparsetransfer.evaluation.statistics import speaker_bootstrap
from sparsetransfer.evaluation.store import CellStore
from sparsetransfer.evaluation.study import Cell, MethodCard, Picture, Study, Timing

__all__ = [
    "C_GRID",
    "DEFAULT_METHODS",
    "DESIGNS",
    "FAMILIES",
    "RULES",
    "SCOPES",
    "SETTINGS",
    "Cell",
    "CellStore",
    "Choice",
    "ClassifierMethod",
    "Design",
    "Discrepancy",
    "Domain",
    "EvaluationProtocol",
    "LabelledRows",
    "LeaveOneCorpusOut",
    "LeaveOneSpeakerOut",
    "Method",
    "MethodCard",
    "MethodOutput",
    "OrderedPairs",
    "Picture",
    "Progress",
    "Scores",
    "SourceToTarget",
    "SpeakerKFold",
    "Split",
    "Study",
    "Task",
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
    "normalise",
    "project",
    "register",
    "run",
    "score",
    "score_confusion",
    "select",
    "select_classes",
    "speaker_bootstrap",
    "speaker_folds",
    "speaker_objection",
    "splits",
    "standardise",
    "take",
    "tune",
    "unweighted_average_recall",
]
