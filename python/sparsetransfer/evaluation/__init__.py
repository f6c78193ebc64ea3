"""Recognition across corpora: domains, protocol, folds, metrics, methods and the runner."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.data.joining import join
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import Method, MethodOutput
from sparsetransfer.evaluation.methods.registry import make_methods, register
from sparsetransfer.evaluation.protocol.designs import (
    LeaveOneCorpusOut,
    LeaveOneSpeakerOut,
    OrderedPairs,
    SourceToTarget,
    SpeakerKFold,
)
from sparsetransfer.evaluation.protocol.protocol import EvaluationProtocol
from sparsetransfer.evaluation.scoring.dimensions import concordance
from sparsetransfer.evaluation.scoring.metrics import score, speaker_bootstrap
from sparsetransfer.evaluation.scoring.tests import mcnemar, permutation_test
from sparsetransfer.evaluation.study.comparison import compare
from sparsetransfer.evaluation.study.config import CorpusEntry, StudyConfig
from sparsetransfer.evaluation.study.config_file import read_config
from sparsetransfer.evaluation.study.prepare import describe, prepare
from sparsetransfer.evaluation.study.ranking import rank_methods
from sparsetransfer.evaluation.study.runner import run
from sparsetransfer.evaluation.study.study import Study

__all__ = [
    "CorpusEntry",
    "Dataset",
    "EvaluationProtocol",
    "LabelledRows",
    "LeaveOneCorpusOut",
    "LeaveOneSpeakerOut",
    "Method",
    "MethodOutput",
    "OrderedPairs",
    "SourceToTarget",
    "SpeakerKFold",
    "Study",
    "StudyConfig",
    "UnlabelledRows",
    "compare",
    "concordance",
    "describe",
    "join",
    "make_methods",
    "mcnemar",
    "permutation_test",
    "prepare",
    "rank_methods",
    "read_config",
    "register",
    "run",
    "score",
    "speaker_bootstrap",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "CellStore": "evaluation.study.store",
            "ConfigError": "evaluation.study.config",
            "FrameCodes": "evaluation.data.frame_codes",
            "FrameCodeSet": "evaluation.data.frame_codes",
            "Tuning": "evaluation.methods.base",
            "normalise": "evaluation.data.normalisation",
            "speaker_folds": "evaluation.data.folds",
            "available_methods": "evaluation.methods.registry",
            "unweighted_average_recall": "evaluation.scoring.metrics",
            "BASELINE": "evaluation.study.comparison",
            "DEFAULT_METHODS": "evaluation.methods.registry",
            "DESIGNS": "evaluation.protocol.designs",
            "MANIFESTS": "evaluation.study.config",
            "SCOPES": "evaluation.data.normalisation",
            "Cell": "evaluation.study.run_result:RunResult",
            "CorpusCard": "evaluation.study.results:CorpusSummary",
            "Domain": "evaluation:Dataset",
            "Design": "evaluation.protocol.designs",
            "DimensionScores": "evaluation.scoring.dimensions",
            "Discrepancy": "evaluation.scoring.discrepancy",
            "FeatureProgress": "evaluation.data.views",
            "MethodCard": "evaluation.study.results:MethodSummary",
            "MethodComparison": "evaluation.study.comparison",
            "MethodStanding": "evaluation.study.ranking",
            "Picture": "evaluation.study.run_result:Projection",
            "Progress": "evaluation.study.runner",
            "Ranking": "evaluation.study.ranking",
            "Scores": "evaluation.scoring.metrics",
            "Task": "evaluation.protocol.designs",
            "TaskComparison": "evaluation.study.comparison",
            "Timing": "evaluation.study.run_result",
            "choose": "evaluation.protocol.selection",
            "comparison_as_dict": "evaluation.study.comparison",
            "confusion_matrix": "evaluation.scoring.metrics",
            "describe_adaptation": "evaluation.study.prepare",
            "holm": "evaluation.scoring.tests",
            "measure": "evaluation.scoring.discrepancy:measure_discrepancy",
            "project": "evaluation.scoring.discrepancy:project_2d",
            "read_entry": "evaluation.study.prepare",
            "score_dimension": "evaluation.scoring.dimensions",
            "select_classes": "evaluation.data.dataset",
            "signed_rank_test": "evaluation.scoring.tests",
            "splits": "evaluation.protocol.splits",
            "standardise": "evaluation.data.normalisation",
            "take": "evaluation.data.dataset:select_rows",
            "LinearRecogniser": "recognition.linear",
            "ModelError": "recognition",
            "Window": "recognition.linear",
            "fit_recogniser": "recognition",
            "load_model": "recognition",
            "overall": "recognition.linear:aggregate_windows",
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
            "common_classes": "evaluation.data.dataset",
            "frame_set": "evaluation.data.frame_codes",
            "score_confusion": "evaluation.scoring.metrics",
            "select": "evaluation.protocol.selection",
            "speaker_objection": "evaluation.data.normalisation",
            "tune": "evaluation.methods.classifiers",
            "with_grid": "evaluation.methods.grid",
        },
    )
