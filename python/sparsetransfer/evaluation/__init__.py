"""Recognition across corpora: domains, protocol, folds, metrics, methods and the runner."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.evaluation.comparison import (
    BASELINE,
    MethodComparison,
    TaskComparison,
    compare,
    comparison_as_dict,
)
from sparsetransfer.evaluation.config import (
    MANIFESTS,
    ConfigError,
    CorpusEntry,
    StudyConfig,
    read_config,
)
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
from sparsetransfer.evaluation.dimensions import DimensionScores, concordance, score_dimension
from sparsetransfer.evaluation.discrepancy import Discrepancy, measure, project
from sparsetransfer.evaluation.domain import Domain, select_classes, take
from sparsetransfer.evaluation.folds import speaker_folds
from sparsetransfer.evaluation.frame_codes import FrameCodes, FrameCodeSet
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.methods import Method, MethodOutput, Tuning
from sparsetransfer.evaluation.metrics import (
    Scores,
    confusion_matrix,
    score,
    unweighted_average_recall,
)
from sparsetransfer.evaluation.model_file import ModelError, load_model, save_model
from sparsetransfer.evaluation.normalisation import SCOPES, normalise, standardise
from sparsetransfer.evaluation.paired_tests import (
    holm,
    mcnemar,
    permutation_test,
    signed_rank_test,
)
from sparsetransfer.evaluation.preparation import (
    describe,
    describe_adaptation,
    prepare,
    read_entry,
)
from sparsetransfer.evaluation.protocol import EvaluationProtocol
from sparsetransfer.evaluation.ranking import MethodStanding, Ranking, rank_methods
from sparsetransfer.evaluation.recogniser import (
    LinearRecogniser,
    Window,
    fit_recogniser,
    overall,
    recognise,
)
from sparsetransfer.evaluation.registry import (
    DEFAULT_METHODS,
    available_methods,
    make_methods,
    register,
)
from sparsetransfer.evaluation.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.runner import Progress, run
from sparsetransfer.evaluation.selection import choose
from sparsetransfer.evaluation.splits import splits
from sparsetransfer.evaluation.statistics import speaker_bootstrap
from sparsetransfer.evaluation.store import CellStore
from sparsetransfer.evaluation.study import Cell, CorpusCard, MethodCard, Picture, Study, Timing
from sparsetransfer.evaluation.views import FeatureProgress

__all__ = [
    "BASELINE",
    "DEFAULT_METHODS",
    "DESIGNS",
    "MANIFESTS",
    "SCOPES",
    "Cell",
    "CellStore",
    "ConfigError",
    "CorpusCard",
    "CorpusEntry",
    "Design",
    "DimensionScores",
    "Discrepancy",
    "Domain",
    "EvaluationProtocol",
    "FeatureProgress",
    "FrameCodeSet",
    "FrameCodes",
    "LabelledRows",
    "LeaveOneCorpusOut",
    "LeaveOneSpeakerOut",
    "LinearRecogniser",
    "Method",
    "MethodCard",
    "MethodComparison",
    "MethodOutput",
    "MethodStanding",
    "ModelError",
    "OrderedPairs",
    "Picture",
    "Progress",
    "Ranking",
    "Scores",
    "SourceToTarget",
    "SpeakerKFold",
    "Study",
    "StudyConfig",
    "Task",
    "TaskComparison",
    "Timing",
    "Tuning",
    "UnlabelledRows",
    "Window",
    "available_methods",
    "choose",
    "compare",
    "comparison_as_dict",
    "concordance",
    "confusion_matrix",
    "describe",
    "describe_adaptation",
    "fit_recogniser",
    "holm",
    "join",
    "load_model",
    "make_methods",
    "mcnemar",
    "measure",
    "normalise",
    "overall",
    "permutation_test",
    "prepare",
    "project",
    "rank_methods",
    "read_config",
    "read_entry",
    "recognise",
    "register",
    "run",
    "save_model",
    "score",
    "score_dimension",
    "select_classes",
    "signed_rank_test",
    "speaker_bootstrap",
    "speaker_folds",
    "splits",
    "standardise",
    "take",
    "unweighted_average_recall",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "C_GRID": "evaluation.protocol",
            "Choice": "evaluation.selection",
            "ClassifierMethod": "evaluation.methods",
            "FAMILIES": "evaluation.classifiers",
            "GridMethod": "evaluation.grid_method",
            "RULES": "evaluation.selection",
            "SETTINGS": "evaluation.protocol",
            "Split": "evaluation.splits",
            "TunedClassifier": "evaluation.classifiers",
            "assert_disjoint": "evaluation.folds",
            "check_folds": "evaluation.folds",
            "common_classes": "evaluation.domain",
            "frame_set": "evaluation.frame_codes",
            "score_confusion": "evaluation.metrics",
            "select": "evaluation.selection",
            "speaker_objection": "evaluation.normalisation",
            "tune": "evaluation.classifiers",
            "with_grid": "evaluation.grid_method",
        },
    )
