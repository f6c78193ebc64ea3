"""Every estimator on arrays that NumPy or scikit-learn would misread, and of sizes at the limits."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from sparsetransfer import classification, dictionary, sparse_coding, subspace, transfer
from sparsetransfer.exceptions import ConvergenceWarning, DomainWarning

ROWS = np.abs(np.random.default_rng(0).normal(size=(24, 5)))
LABELS = np.array(["a", "b", "c"] * 4 + [None] * 12, dtype=object)
DOMAINS = np.repeat([1, -1], 12)
BRIEF = {"n_components": 3, "max_iter": 2, "random_state": 0}

ALIGNED = {
    "CORAL": subspace.CORAL(),
    "JDA": subspace.JointDistributionAdaptation(2),
    "SubspaceAlignment": subspace.SubspaceAlignment(2),
    "TCA": subspace.TransferComponentAnalysis(2),
    "AKTLR": transfer.AKTLR(),
    "DoSL": transfer.DoSL(),
    "IDA": transfer.ImplicitDistributionAlignment(max_iter=2),
    "JDAR": transfer.JDAR(),
    "KernelTransferSparseCoding": transfer.KernelTransferSparseCoding(
        2, max_iter=1, random_state=0
    ),
    "TDLR": transfer.TDLR(max_iter=2),
    "TRaSL": transfer.TRaSL(),
    "TSDSL": transfer.TSDSL(),
    "TransferNMF": transfer.TransferNMF(**BRIEF),
    "TransferSparseCoding": transfer.TransferSparseCoding(**BRIEF),
    "MultiView": classification.MultiView(),
    "Safeguard": classification.Safeguard(),
}
OTHERS = {
    "SparseCoder": sparse_coding.SparseCoder(np.eye(5), transform_alpha=0.1),
    "DictionaryLearning": dictionary.DictionaryLearning(**BRIEF),
    "MiniBatch": dictionary.MiniBatchDictionaryLearning(**BRIEF),
}
ESTIMATORS = {**ALIGNED, **OTHERS, "BalancedRidge": classification.BalancedRidge()}
# Sizes of float64 and float32 whose squares overflow or underflow, and their neighbours.
SIZES = {
    np.float64: (1e8, 1e150, 1e160, 1e300, 1e-20, 1e-150, 1e-160, 1e-300, 1e-312),
    np.float32: (1e15, 1e25, 1e37, 1e-25, 1e-42),
}


@pytest.fixture(autouse=True)
def unfinished_is_fine():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DomainWarning)
        yield


def fitted(name, rows):
    model = ESTIMATORS[name]
    if name in ALIGNED:
        return model.fit(rows, LABELS, sample_domain=DOMAINS)
    return model.fit(rows, ["a", "b", "c"] * 8)


def answer(name, rows):
    model = fitted(name, rows)
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.transform(rows)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_would_be_misread_is_refused(name):
    masked = np.ma.masked_array(ROWS, np.arange(120).reshape(24, 5) == 7)
    with pytest.raises(ValueError, match="X has masked entries"):
        fitted(name, masked)
    dates = pd.DataFrame(ROWS, columns=list("abcde")).assign(b=pd.Timestamp("2020"))
    records = np.zeros((24, 5), [("a", float)])
    for rows in (dates, ROWS.astype("M8[s]"), ROWS.astype("m8[s]"), records):
        with pytest.raises(TypeError, match="X must consist of numbers, got dtype"):
            fitted(name, rows)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_layout_in_memory_changes_no_bit(name):
    wanted = answer(name, ROWS)
    apart = np.repeat(np.repeat(ROWS, 2, axis=0), 3, axis=1)[::2, ::3]
    for rows in (np.asfortranarray(ROWS), apart, ROWS.astype(">f8"), pd.DataFrame(ROWS)):
        np.testing.assert_array_equal(answer(name, rows), wanted)


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_rows_of_any_size_have_a_finite_answer_or_are_refused_with_a_remedy(name, dtype):
    for size in SIZES[dtype]:
        rows = (ROWS * size).astype(dtype)
        try:  # warnings are errors: an overflow that nobody checks fails
            complaint = "" if np.isfinite(answer(name, rows)).all() else "not finite"
        except (ValueError, ArithmeticError) as error:
            complaint = str(error)
        assert re.search("^$|scale|divide|bandwidths", complaint), (size, complaint)


def test_new_rows_whose_scores_overflow_are_refused():
    for name in ("AKTLR", "JDAR", "BalancedRidge"):
        model = fitted(name, 1e-5 * ROWS)
        shares = model.predict_proba(1e150 * ROWS)
        assert shares.min() >= 0
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        with pytest.raises(ArithmeticError, match="scores of X overflow"):
            model.predict_proba(np.full((1, 5), 1.7e308))
