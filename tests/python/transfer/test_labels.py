"""Missing labels in every container, and data frames, through every estimator and `pack`."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sparsetransfer import mmd, subspace
from sparsetransfer._labels import labelled
from sparsetransfer.classification import (
    BalancedRidge,
    LabelledOnly,
    MultiView,
    Safeguard,
    make_transfer_pipeline,
)
from sparsetransfer.evaluation import Dataset
from sparsetransfer.exceptions import CorpusError
from sparsetransfer.graph import nearest_neighbours
from sparsetransfer.transfer import (
    AKTLR,
    JDAR,
    TDLR,
    TSDSL,
    DomainMatching,
    DoSL,
    ImplicitDistributionAlignment,
    KernelTransferSparseCoding,
    LabelTerm,
    TransferNMF,
    TransferSparseCoding,
    TRaSL,
    pack,
)

NAMES = ["anger", "neutral"] * 10
DOMAINS = np.repeat([1, -1], 20)
RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(40, 4)))
X[:20:2] += 1

MASKED = {
    "None": [*NAMES, *[None] * 20],
    "nan in a list": [*NAMES, *[np.nan] * 20],
    "-1 in a list": [*NAMES, *[-1] * 20],
    "pandas object": pd.Series([*NAMES, *[pd.NA, np.nan, None, -1] * 5]),
    "pandas string": pd.Series([*NAMES, *[pd.NA] * 20], dtype="string"),
    "pandas category": pd.Series([*NAMES, *[None] * 20], dtype="category"),
    "masked array": np.ma.array(NAMES * 2, mask=DOMAINS < 0),
    "NumPy string": np.array([*NAMES, *[np.nan] * 20], np.dtypes.StringDType(na_object=np.nan)),
    "pandas Int64": pd.Series([*[0, 1] * 10, *[pd.NA] * 20], dtype="Int64"),
}
CODERS = {"n_components": 5, "max_iter": 5, "random_state": 0}
ESTIMATORS = [
    AKTLR(),
    DoSL(),
    ImplicitDistributionAlignment(),
    JDAR(),
    KernelTransferSparseCoding(**CODERS),
    TDLR(),
    TRaSL(),
    TSDSL(),
    TransferNMF(**CODERS),
    TransferSparseCoding(
        **CODERS, label_term=LabelTerm(0.5), matching=DomainMatching(conditional=1.0, n_rounds=1)
    ),
    subspace.CORAL(),
    subspace.JointDistributionAdaptation(2),
    subspace.SubspaceAlignment(2),
    subspace.TransferComponentAnalysis(2),
    LabelledOnly(LogisticRegression()),
    MultiView(),
    Safeguard(views=[2, 2], random_state=0),
    make_transfer_pipeline(StandardScaler(), TransferSparseCoding(**CODERS), LogisticRegression()),
]
CLASSIFIERS = [e for e in ESTIMATORS if hasattr(e, "predict")]


def answers(estimator, y, sample_domain, rows=X):
    options = {} if isinstance(estimator, LabelledOnly) else {"sample_domain": sample_domain}
    fitted = clone(estimator).fit(rows, y, **options)
    if not hasattr(fitted, "predict"):
        return np.asarray(fitted.transform(rows))
    assert len(fitted.classes_) == 2
    found = fitted.predict(rows)
    assert set(found) <= set(fitted.classes_)
    return np.asarray([0 if c in ("anger", 0) else 1 for c in found])


@pytest.fixture(scope="module", params=ESTIMATORS, ids=lambda e: type(e).__name__)
def answered(request):
    """An estimator and its answers to whole numbers, with domains and without."""
    y = np.repeat([0, -1], 20)
    y[1:20:2] = 1
    return request.param, answers(request.param, y, DOMAINS), answers(request.param, y, None)


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", MASKED)
def test_every_estimator_takes_every_missing_label(answered, kind):
    estimator, expected, without_domains = answered
    assert labelled(MASKED[kind]).tolist() == [True] * 20 + [False] * 20
    assert_array_equal(answers(estimator, MASKED[kind], DOMAINS), expected)
    # Without domains, the masked labels are the target.
    assert_array_equal(answers(estimator, MASKED[kind], None), without_domains)


@pytest.mark.parametrize("kind", MASKED)
def test_pack_and_supervised_classifiers_refuse_missing_labels(kind):
    y = MASKED[kind]
    source, packed, domains = pack(X[:20], y[:20], X[20:], y[20:])
    assert_array_equal(labelled(packed), domains > 0)
    with pytest.raises(ValueError, match="ys must be known"):
        pack(source, y, X)
    with pytest.raises(ValueError, match=r"20 missing|contains NaN|15 missing|either names or"):
        BalancedRidge().fit(X, y)
    if "Int64" not in kind:
        with pytest.raises(ValueError, match=r"must have a label|either names or"):
            mmd.class_weights(y, y)


def test_a_missing_emotion_or_speaker_is_no_word():
    rows = {"features": X[:2], "files": ["a", "b"], "feature_names": tuple("abcd")}
    rows |= {"name": "corpus", "feature_set": "f"}
    with pytest.raises(CorpusError, match="no label for b"):
        Dataset(labels=["anger", np.nan], speakers=["s", "t"], **rows)
    given = Dataset(labels=["anger", "fear"], speakers=pd.Series(["s", pd.NA]), **rows)
    assert given.speakers.tolist() == ["s", ""]


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize(
    "estimator", [*CLASSIFIERS, TSDSL(), subspace.JointDistributionAdaptation(2)]
)
def test_labels_of_plus_and_minus_one_are_refused_with_the_reason(estimator):
    y = np.where(np.arange(40) % 2, 1, -1)
    with pytest.raises(ValueError, match=r"-1.* unknown labels; rename a class that is called -1"):
        clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match="rename a class that is called -1"):
        answers(estimator, y, DOMAINS)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (np.array([*NAMES, *[np.nan] * 20]), "nan"),
        (np.array([*NAMES, *[-1] * 20]), "-1"),
        (np.array([*NAMES, *[-1.0] * 20]), "-1.0"),
        (
            np.ma.masked_array([*NAMES, *NAMES], [0] * 20 + [1] * 20).astype(object).filled("--"),
            "--",
        ),
        (np.array([*NAMES, *[np.nan] * 20]).astype("S32"), "nan"),
        (np.array([*NAMES, *["NaN"] * 20]), "NaN"),
        (np.array([*NAMES, *["NA"] * 20]), "NA"),
        ([*NAMES, *[""] * 20], ""),
        (np.array([*NAMES, *[None] * 20]).astype(str), "None"),
        (pd.Series([*NAMES, *[pd.NA] * 20], dtype="string").astype(object).map(str), "<NA>"),
    ],
)
def test_masks_that_became_texts_are_refused(column, text):
    reason = f"y holds the text '{text}'.*mask with None"
    for estimator in [*ESTIMATORS, *CLASSIFIERS, BalancedRidge()]:
        with pytest.raises(ValueError, match=reason):
            clone(estimator).fit(X, column)
    with pytest.raises(ValueError, match=reason):
        labelled(column)
    with pytest.raises(ValueError, match=f"holds the text '{text}'"):
        pack(X, NAMES * 2, X, column)
    with pytest.raises(ValueError, match=f"holds the text '{text}'"):
        mmd.class_weights(column, NAMES)


def test_nullable_domains():
    nullable = pd.Series(DOMAINS, dtype="Int64")
    y = MASKED["None"]
    assert_array_equal(answers(JDAR(), y, nullable), answers(JDAR(), y, DOMAINS))
    with pytest.raises(ValueError, match="sample_domain must consist of integers"):
        JDAR().fit(X, y, sample_domain=nullable.where(nullable > 0))


def test_names_beside_numbers_are_refused():
    with pytest.raises(ValueError, match="either names or numbers, got both: 'anger' and 3"):
        JDAR().fit(X, [*NAMES[:19], 3, *[None] * 20])


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_data_frames_give_the_answers_of_arrays_and_check_their_columns(estimator):
    source, target = pd.DataFrame(X[:20], columns=list("dcba")), pd.DataFrame(X[20:, ::-1])
    target.columns = list("abcd")
    frame, y, domains = pack(source, NAMES, target)
    assert list(frame.columns) == list("dcba")
    assert_array_equal(frame, X)
    assert_array_equal(
        answers(estimator, y, domains, frame), answers(estimator, y, domains, np.asarray(frame))
    )
    options = {} if isinstance(estimator, LabelledOnly) else {"sample_domain": domains}
    fitted = clone(estimator).fit(frame, y, **options)
    assert list(fitted.feature_names_in_) == list("dcba")
    act = fitted.predict if hasattr(fitted, "predict") else fitted.transform
    with pytest.raises(ValueError, match="feature names should match"):
        act(target)


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.ConvergenceWarning")
def test_pipelines_with_pandas_output():
    model = make_transfer_pipeline(StandardScaler(), subspace.CORAL(), LogisticRegression())
    plain = clone(model)
    model.set_output(transform="pandas")
    frame, y, domains = pack(pd.DataFrame(X[:20], columns=list("abcd")), NAMES, X[20:])
    assert isinstance(frame, np.ndarray)
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(40)[::-1])
    model.fit(frame, y, sample_domain=domains)
    assert_array_equal(model.predict(frame), plain.fit(X, y, sample_domain=domains).predict(X))


@pytest.mark.parametrize(
    "distance", [mmd.linear, mmd.gaussian, mmd.random_features, mmd.two_sample_test]
)
def test_columns_of_two_samples_are_matched_by_name(distance):
    names = list("abcd")
    source, target = (pd.DataFrame(part, columns=names) for part in np.split(X, 2))
    options = {} if distance in (mmd.linear, mmd.gaussian) else {"rng": 0}
    expected = distance(source, target, **options)
    found = distance(source, target[list("dbca")], **options)
    value = "statistic" if distance is mmd.two_sample_test else "value"
    assert getattr(found, value) == pytest.approx(getattr(expected, value), rel=1e-12)
    with pytest.raises(ValueError, match="same columns, each once; 2 stand in one only: a, z"):
        distance(source, target.rename(columns={"a": "z"}), **options)
    value, points = mmd.witness(target, source, target), target[list("dbca")]
    np.testing.assert_allclose(mmd.witness(points, source, points), value)
    found, expected = (nearest_neighbours(source, 2, query=part) for part in (points, target))
    np.testing.assert_array_equal(found[0], expected[0])
    with pytest.raises(ValueError, match="Xs and Xt must have the same columns"):
        pack(source, NAMES, target.rename(columns={"a": "z"}))
