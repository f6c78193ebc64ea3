"""Recognition across corpora: domains, protocol, folds, metrics, methods and the runner."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.evaluation.data.domain import Domain, select_classes, take
from sparsetransfer.evaluation.data.folds import speaker_folds
from sparsetransfer.evaluation.data.frame_codes import FrameCodes, FrameCodeSet
from sparsetransfer.evaluation.data.joining import join
from sparsetransfer.evaluation.data.normalisation import SCOPES, normalise, standardise
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.data.views import FeatureProgress
from sparsetransfer.evaluation.methods.base import Method, MethodOutput, Tuning
from sparsetransfer.evaluation.methods.registry import (
    DEFAULT_METHODS,
    available_methods,
    make_methods,
    register,
)
from sparsetransfer.evaluation.protocol.designs import (
    DESIGNS,
    Design,
    LeaveOneCorpusOut,
    LeaveOneSpeakerOut,
    OrderedPairs,
    SourceToTarget,
    SpeakerKFold,
    Task,
)
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.protocol.selection import choose
from sparsetransfer.evaluation.protocol.splits import splits
from sparsetransfer.evaluation.scoring.dimensions import (
    DimensionScores,
    concordance,
    score_dimension,
)
from sparsetransfer.evaluation.scoring.discrepancy import Discrepancy, measure, project
from sparsetransfer.evaluation.scoring.intervals import speaker_bootstrap
from sparsetransfer.evaluation.scoring.metrics import (
    Scores,
    confusion_matrix,
    score,
    unweighted_average_recall,
)
from sparsetransfer.evaluation.scoring.tests import (
    holm,
    mcnemar,
    permutation_test,
    signed_rank_test,
)
from sparsetransfer.evaluation.study.cell import Cell, Picture, Timing
from sparsetransfer.evaluation.study.comparison import (
    BASELINE,
    MethodComparison,
    TaskComparison,
    compare,
    comparison_as_dict,
)
from sparsetransfer.evaluation.study.config import (
    MANIFESTS,
    ConfigError,
    CorpusEntry,
    StudyConfig,
)
from sparsetransfer.evaluation.study.config_file import read_config
from sparsetransfer.evaluation.study.prepare import (
    describe,
    describe_adaptation,
    prepare,
    read_entry,
)
from sparsetransfer.evaluation.study.ranking import MethodStanding, Ranking, rank_methods
from sparsetransfer.evaluation.study.results import CorpusCard, MethodCard
from sparsetransfer.evaluation.study.runner import Progress, run
from sparsetransfer.evaluation.study.store import CellStore
from sparsetransfer.evaluation.study.study import Study

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
    "Method",
    "MethodCard",
    "MethodComparison",
    "MethodOutput",
    "MethodStanding",
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
    "available_methods",
    "choose",
    "compare",
    "comparison_as_dict",
    "concordance",
    "confusion_matrix",
    "describe",
    "describe_adaptation",
    "holm",
    "join",
    "make_methods",
    "mcnemar",
    "measure",
    "normalise",
    "permutation_test",
    "prepare",
    "project",
    "rank_methods",
    "read_config",
    "read_entry",
    "register",
    "run",
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
            "LinearRecogniser": "recognition",
            "ModelError": "recognition",
            "Window": "recognition",
            "fit_recogniser": "recognition",
            "load_model": "recognition",
            "overall": "recognition.linear",
            "recognise": "recognition",
            "save_model": "recognition",
            "C_GRID": "evaluation.protocol.protocol",
            "Choice": "evaluation.protocol.selection",
            "ClassifierMethod": "evaluation.methods.base",
            "FAMILIES": "evaluation.methods.classifiers",
            "GridMethod": "evaluation.methods.grid",
            "RULES": "evaluation.protocol.selection",
            "SETTINGS": "evaluation.protocol.protocol",
            "Split": "evaluation.protocol.splits",
            "TunedClassifier": "evaluation.methods.classifiers",
            "assert_disjoint": "evaluation.data.folds",
            "check_folds": "evaluation.data.folds",
            "common_classes": "evaluation.data.domain",
            "frame_set": "evaluation.data.frame_codes",
            "score_confusion": "evaluation.scoring.metrics",
            "select": "evaluation.protocol.selection",
            "speaker_objection": "evaluation.data.normalisation",
            "tune": "evaluation.methods.classifiers",
            "with_grid": "evaluation.methods.grid",
        },
    )
