import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from sparsetransfer.classification import (
    LabelledOnly,
    MultiView,
    Safeguard,
    SourceGroupKFold,
    known_label_scorer,
    make_transfer_pipeline,
)
from sparsetransfer.exceptions import DomainError
from sparsetransfer.subspace import CORAL
from sparsetransfer.transfer import JDAR, DoSL, pack


def two_domains(names):
    rng = np.random.default_rng(0)
    classes = np.tile([0, 1], 60)
    source, target = (
        rng.normal(size=(120, 8)) + 1.5 * classes[:, None] * np.eye(8)[0] + shift
        for shift in (0.0, 0.2)
    )
    return pack(source, np.asarray(names)[classes], target), np.asarray(names)[classes]


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("names", [[0, 1], ["anger", "neutral"], [0.0, 1.0]])
@pytest.mark.parametrize(
    "estimator",
    [
        DoSL(),
        JDAR(),
        LabelledOnly(LogisticRegression()),
        MultiView(),
        Safeguard(views=[4, 4]),
        make_transfer_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_score_leaves_out_what_is_masked(estimator, names):
    (X, y, domains), _ = two_domains(names)
    options = {} if isinstance(estimator, LabelledOnly) else {"sample_domain": domains}
    fitted = estimator.fit(X, y, **options)
    expected = accuracy_score(y[:120].astype(str), fitted.predict(X[:120]).astype(str))
    assert fitted.score(X, y) == expected
    weights = np.arange(240.0)
    if not hasattr(estimator, "steps"):
        weighted = fitted.score(X, y, sample_weight=weights)
        right = (y[:120] == fitted.predict(X[:120])).astype(float)
        assert weighted == pytest.approx(np.average(right, weights=weights[:120]))
    with pytest.raises(DomainError, match="no known label among 120 to score"):
        fitted.score(X[120:], y[120:])


@pytest.mark.parametrize("names", [[0, 1], ["anger", "neutral"]])
@pytest.mark.parametrize("scoring", [None, "balanced_accuracy", "f1_macro"])
def test_grid_search_over_packed_domains(names, scoring, routing):
    (X, y, domains), truth = two_domains(names)
    speakers = np.repeat(np.arange(24), 10)
    search = GridSearchCV(
        DoSL().set_fit_request(sample_domain=True),
        {"mmd": [0.0, 1.0]},
        cv=SourceGroupKFold(4),
        scoring=scoring,
        error_score="raise",
    ).fit(X, y, sample_domain=domains, groups=speakers)
    assert search.best_score_ > 0.65
    assert np.mean(search.predict(X[120:]) == truth) > 0.65


@pytest.mark.parametrize("names", [[0, 1], ["anger", "neutral"]])
@pytest.mark.parametrize("scoring", [None, "accuracy", "balanced_accuracy"])
def test_any_splitter_with_a_scorer_of_known_labels(names, scoring, routing):
    (X, y, domains), _ = two_domains(names)
    scores = cross_val_score(
        DoSL().set_fit_request(sample_domain=True),
        X,
        y,
        cv=KFold(3, shuffle=True, random_state=0),
        scoring=scoring and known_label_scorer(scoring),
        params={"sample_domain": domains},
        n_jobs=1,
        error_score="raise",
    )
    assert scores.min() > 0.65
    fitted = DoSL().fit(X, y, sample_domain=domains)
    scorer = pickle.loads(pickle.dumps(known_label_scorer("f1_macro")))
    expected = get_scorer("f1_macro")(fitted, X[:120], np.array(y[:120].tolist()))
    assert scorer(fitted, X, y) == expected
    with pytest.raises(DomainError, match="no known label among 120 to score"):
        scorer(fitted, X[120:], y[120:])


def test_pipelines_are_searched(routing):
    (X, y, domains), _ = two_domains(["anger", "neutral"])
    model = make_transfer_pipeline(
        CORAL(),
        LogisticRegression(),
    )
    scores = cross_val_score(
        model, X, y, cv=SourceGroupKFold(3), params={"sample_domain": domains}, error_score="raise"
    )
    assert scores.mean() > 0.65


def test_pipelines_without_a_step_for_domains_are_fitted_with_domains(routing):
    (X, y, domains), _ = two_domains(["anger", "neutral"])
    plain = make_transfer_pipeline(StandardScaler(), LogisticRegression())
    assert plain.fit(X, y, sample_domain=domains).score(X, y) > 0.65
    model = Safeguard(plain, make_transfer_pipeline(CORAL(), LogisticRegression()), views=[4, 4])
    assert model.fit(X, y, sample_domain=domains).score(X, y) > 0.65


def test_folds_hold_out_speakers_of_the_source_only():
    (X, y, domains), _ = two_domains(["anger", "neutral"])
    speakers = np.repeat(np.arange(12), 20)
    tested = []
    for train, test in SourceGroupKFold(3).split(X, y, speakers):
        assert (domains[test] > 0).all()
        assert not set(speakers[test]) & set(speakers[train])
        assert set(np.flatnonzero(domains < 0)) <= set(train)
        assert len(train) + len(test) == len(X)
        tested += test.tolist()
    assert sorted(tested) == list(range(120))
    alone = list(SourceGroupKFold(3).split(X, y))
    assert [len(test) for _, test in alone] == [40, 40, 40]
    with pytest.raises(ValueError, match="n_splits=7 members with labels, got 6"):
        next(SourceGroupKFold(7).split(X, y, speakers))
    with pytest.raises(DomainError, match="no known label"):
        next(SourceGroupKFold(3).split(X[120:], y[120:]))
    # Speakers of the target may be unknown, those of labelled rows may not.
    names = [f"s{number}" if number < 6 else None for number in speakers]
    assert len(list(SourceGroupKFold(3).split(X, y, names))) == 3
    for missing in (None, np.nan, pd.NA):
        with pytest.raises(ValueError, match="groups must have a group for every labelled row"):
            next(SourceGroupKFold(3).split(X, y, [missing, *names[1:]]))
