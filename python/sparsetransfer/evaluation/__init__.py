"""Recognition across corpora: domains, protocol, folds, metrics, methods and the runner."""

from sparsetransfer.evaluation.classifiers import FAMILIES, TunedClassifier, tune
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
from sparsetransfer.evaluation.domain import Domain, common_classes, select_classes, take
from sparsetransfer.evaluation.folds import assert_disjoint, check_folds, speaker_folds
from sparsetransfer.evaluation.frame_codes import FrameCodes, FrameCodeSet, frame_set
from sparsetransfer.evaluation.grid_method import GridMethod, with_grid
from sparsetransfer.evaluation.joining import join
from sparsetransfer.evaluation.methods import ClassifierMethod, Method, MethodOutput, Tuning
from sparsetransfer.evaluation.metrics import (
    Scores,
    confusion_matrix,
    score,
    score_confusion,
    unweighted_average_recall,
)
from sparsetransfer.evaluation.model_file import ModelError, load_model, save_model
from sparsetransfer.evaluation.normalisation import (
    SCOPES,
    normalise,
    speaker_objection,
    standardise,
)
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
from sparsetransfer.evaluation.protocol import C_GRID, SETTINGS, EvaluationProtocol
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
from sparsetransfer.evaluation.selection import RULES, Choice, choose, select
from sparsetransfer.evaluation.splits import Split, splits
from sparsetransfer.evaluation.statistics import speaker_bootstrap
from sparsetransfer.evaluation.store import CellStore
from sparsetransfer.evaluation.study import Cell, CorpusCard, MethodCard, Picture, Study, Timing
from sparsetransfer.evaluation.views import FeatureProgress

__all__ = [
    "BASELINE",
    "C_GRID",
    "DEFAULT_METHODS",
    "DESIGNS",
    "FAMILIES",
    "MANIFESTS",
    "RULES",
    "SCOPES",
    "SETTINGS",
    "Cell",
    "CellStore",
    "Choice",
    "ClassifierMethod",
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
    "GridMethod",
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
    "Split",
    "Study",
    "StudyConfig",
    "Task",
    "TaskComparison",
    "Timing",
    "TunedClassifier",
    "Tuning",
    "UnlabelledRows",
    "Window",
    "assert_disjoint",
    "available_methods",
    "check_folds",
    "choose",
    "common_classes",
    "compare",
    "comparison_as_dict",
    "concordance",
    "confusion_matrix",
    "describe",
    "describe_adaptation",
    "fit_recogniser",
    "frame_set",
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
    "score_confusion",
    "score_dimension",
    "select",
    "select_classes",
    "signed_rank_test",
    "speaker_bootstrap",
    "speaker_folds",
    "speaker_objection",
    "splits",
    "standardise",
    "take",
    "tune",
    "unweighted_average_recall",
    "with_grid",
]
