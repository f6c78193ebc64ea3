"""Names that left the public interface work for one more minor release, with a warning."""

import importlib

import pytest

import sparsetransfer
from sparsetransfer._former import former_names

FORMER = [
    ("transfer", "KernelCodes"),
    ("transfer", "KernelDictionary"),
    ("transfer", "RegressionCoefficients"),
    ("transfer", "TransferCodes"),
    ("transfer", "TransferDictionary"),
    ("transfer", "TransferProgress"),
    ("evaluation", "BASELINE"),
    ("evaluation", "DEFAULT_METHODS"),
    ("evaluation", "DESIGNS"),
    ("evaluation", "MANIFESTS"),
    ("evaluation", "SCOPES"),
    ("evaluation", "Design"),
    ("evaluation", "DimensionScores"),
    ("evaluation", "Discrepancy"),
    ("evaluation", "FeatureProgress"),
    ("evaluation", "MethodComparison"),
    ("evaluation", "MethodStanding"),
    ("evaluation", "Progress"),
    ("evaluation", "Ranking"),
    ("evaluation", "Scores"),
    ("evaluation", "Task"),
    ("evaluation", "TaskComparison"),
    ("evaluation", "Timing"),
    ("evaluation", "choose"),
    ("evaluation", "comparison_as_dict"),
    ("evaluation", "confusion_matrix"),
    ("evaluation", "describe_adaptation"),
    ("evaluation", "holm"),
    ("evaluation", "read_entry"),
    ("evaluation", "score_dimension"),
    ("evaluation", "select_classes"),
    ("evaluation", "signed_rank_test"),
    ("evaluation", "splits"),
    ("evaluation", "standardise"),
    ("features", "BatchFeatureSet"),
    ("features", "ChallengeStyle"),
    ("features", "DESCRIPTORS"),
    ("features", "FeatureTable"),
    ("features", "OpenSmile"),
    ("features", "SequenceTable"),
    ("features", "Wide"),
    ("features", "describe"),
    ("corpora", "COLUMNS"),
    ("corpora", "CorpusCheck"),
    ("corpora", "UNLABELLED"),
    ("corpora", "synonyms"),
    ("corpora", "vocabularies"),
    ("classification", "SafeguardDecision"),
    ("dictionary", "LearnedDictionary"),
    ("dictionary", "MaskedStatistics"),
    ("dictionary", "Progress"),
    ("dictionary", "initial_dictionary"),
    ("dictionary", "update_ksvd"),
    ("deep", "SpeakerNetwork"),
    ("deep", "affect_of"),
    ("synthetic", "PHONEMES"),
    ("synthetic", "Prosody"),
    ("synthetic", "Recording"),
    ("synthetic", "SAMPLE_RATE"),
    ("synthetic", "Voice"),
    ("synthetic", "synthesise"),
    ("sparse_coding", "LassoPath"),
    ("sparse_coding", "PooledCodes"),
    ("sparse_coding", "SparseCodes"),
    ("mmd", "MMDResult"),
    ("mmd", "TwoSampleTest"),
    ("distributed", "ChunkedDictionary"),
    ("distributed", "Engine"),
    ("classification", "PriorBalance"),
    ("classification", "RidgeFit"),
    ("classification", "agreement_rise"),
    ("classification", "balance_prior"),
    ("classification", "class_targets"),
    ("classification", "class_weights"),
    ("classification", "group_tie_rise"),
    ("classification", "ridge"),
    ("classification", "view_columns"),
    ("evaluation", "LinearRecogniser"),
    ("evaluation", "Window"),
    ("evaluation", "C_GRID"),
    ("evaluation", "Choice"),
    ("evaluation", "ClassifierMethod"),
    ("evaluation", "FAMILIES"),
    ("evaluation", "GridMethod"),
    ("evaluation", "RULES"),
    ("evaluation", "SETTINGS"),
    ("evaluation", "Split"),
    ("evaluation", "TunedClassifier"),
    ("evaluation", "assert_disjoint"),
    ("evaluation", "check_folds"),
    ("evaluation", "common_classes"),
    ("evaluation", "frame_set"),
    ("evaluation", "score_confusion"),
    ("evaluation", "select"),
    ("evaluation", "speaker_objection"),
    ("evaluation", "tune"),
    ("evaluation", "with_grid"),
    ("recognition", "Journal"),
    ("recognition", "StateError"),
    ("recognition", "WHOLE"),
    ("recognition", "check_method"),
    ("recognition", "cut_long"),
    ("recognition", "joined"),
    ("recognition", "known_speakers"),
    ("recognition", "name_views"),
    ("recognition", "pack_state"),
    ("recognition", "unpack_state"),
    ("recognition", "usable_recordings"),
    ("evaluation", "CellStore"),
    ("evaluation", "ConfigError"),
    ("evaluation", "FrameCodes"),
    ("evaluation", "FrameCodeSet"),
    ("evaluation", "Tuning"),
    ("evaluation", "normalise"),
    ("evaluation", "speaker_folds"),
    ("evaluation", "available_methods"),
    ("evaluation", "unweighted_average_recall"),
    ("recognition", "FLAGS"),
    ("recognition", "AdaptedModel"),
    ("recognition", "Adjustment"),
    ("recognition", "Answers"),
    ("recognition", "Calibration"),
    ("recognition", "EstimatedShares"),
    ("recognition", "LabelledScore"),
    ("recognition", "LinearRecogniser"),
    ("recognition", "Novelty"),
    ("recognition", "RecordingAnswer"),
    ("recognition", "Window"),
    ("recognition", "fit_adjustment"),
    ("recognition", "fit_calibration"),
    ("recognition", "fit_novelty"),
    ("recognition", "estimate_shares"),
    ("recognition", "labels_needed"),
    ("recognition", "score_labelled"),
    ("reporting", "SummaryRow"),
    ("reporting", "WorkFolder"),
    ("reporting", "cells_csv"),
    ("reporting", "check_destination"),
    ("reporting", "count_notes"),
    ("reporting", "latex"),
    ("reporting", "markdown"),
    ("reporting", "notes"),
    ("reporting", "predictions_html"),
    ("reporting", "reserved"),
    ("reporting", "rich_tables"),
    ("reporting", "summarise"),
    ("reporting", "summary_as_dict"),
    ("reporting", "summary_caption"),
    ("reporting", "summary_table"),
    ("reporting", "timeline_svg"),
    ("reporting", "windows_csv"),
    ("corpora", "Scheme"),
    ("corpora", "vocabulary"),
    ("features", "Frames"),
    ("features", "Functionals"),
    ("audio", "EXTENSIONS"),
    ("audio", "content_hash"),
    ("audio", "find_files"),
    ("audio", "levels"),
    ("benchmarking", "KERNELS"),
    ("benchmarking", "Measurement"),
    ("benchmarking", "Report"),
    ("synthetic", "record"),
    ("transfer", "check_domains"),
    ("transfer", "domains_from_labels"),
    ("transfer", "labelled"),
]
RENAMED = [
    ("classification", "Rise", "PairedDifference"),
    ("transfer", "MeanCoupling", "MeanContrasts"),
    ("evaluation", "Cell", "RunResult"),
    ("evaluation", "CorpusCard", "CorpusSummary"),
    ("evaluation", "MethodCard", "MethodSummary"),
    ("evaluation", "Picture", "Projection"),
    ("evaluation", "measure", "measure_discrepancy"),
    ("evaluation", "overall", "aggregate_windows"),
    ("evaluation", "project", "project_2d"),
    ("evaluation", "take", "select_rows"),
]
MOVED = [
    ("evaluation", "recognition", "ModelError"),
    ("evaluation", "recognition", "fit_recogniser"),
    ("evaluation", "recognition", "load_model"),
    ("evaluation", "recognition", "recognise"),
    ("evaluation", "recognition", "save_model"),
]


@pytest.mark.parametrize(("package", "name"), FORMER)
def test_a_former_name_works_and_names_where_it_stays(package, name):
    if package == "deep":
        pytest.importorskip("torch", reason="the extra 'deep' is not installed")
    module = importlib.import_module(f"sparsetransfer.{package}")
    with pytest.warns(DeprecationWarning, match=f"{package}.{name} is internal") as warned:
        found = getattr(module, name)
    home = str(warned[0].message).split("stays in ")[1].split(",")[0]
    assert found is getattr(importlib.import_module(home), name)
    assert warned[0].filename == __file__
    assert name not in module.__all__


@pytest.mark.parametrize(("package", "name", "today"), RENAMED)
def test_a_renamed_internal_name_works_and_names_the_present_one(package, name, today):
    module = importlib.import_module(f"sparsetransfer.{package}")
    with pytest.warns(DeprecationWarning, match=f"{package}.{name} is internal.* as {today},") as w:
        found = getattr(module, name)
    home = str(w[0].message).split("stays in ")[1].split(" as ")[0]
    assert found is getattr(importlib.import_module(home), today)
    assert name not in module.__all__


def test_a_renamed_public_name_works_and_names_the_present_one():
    evaluation = importlib.import_module("sparsetransfer.evaluation")
    with pytest.warns(
        DeprecationWarning, match=r"evaluation\.Domain is now .*evaluation\.Dataset;"
    ):
        assert evaluation.Domain is evaluation.Dataset


@pytest.mark.parametrize(("package", "home", "name"), MOVED)
def test_a_moved_name_works_and_names_its_new_package(package, home, name):
    module = importlib.import_module(f"sparsetransfer.{package}")
    new = f"sparsetransfer.{home}.{name}"
    with pytest.warns(DeprecationWarning, match=f"sparsetransfer.{package}.{name} is now {new};"):
        found = getattr(module, name)
    assert found is getattr(importlib.import_module(f"sparsetransfer.{home}"), name)
    assert name not in module.__all__


def test_other_names_are_attribute_errors():
    find = former_names("sparsetransfer.mmd", {"old": "mmd.linear"})
    with pytest.raises(AttributeError, match="has no attribute"):
        find("new")
    assert not hasattr(sparsetransfer.evaluation, "nothing")
