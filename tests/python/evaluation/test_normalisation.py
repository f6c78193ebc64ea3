import dataclasses

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler, StandardScaler

from sparsetransfer.evaluation import Dataset
from sparsetransfer.evaluation.data.normalisation import normalise, speaker_doubt, speaker_objection
from sparsetransfer.exceptions import DomainError


@pytest.fixture
def confounded(make_domain):
    """Return a corpus in which every speaker occurs with one class only."""
    domain = make_domain("gamma", seed=7)
    speakers = np.array([f"{label}-{n % 2}" for n, label in enumerate(domain.labels)])
    return dataclasses.replace(domain, speakers=speakers)


def values(domains, scope):
    sources, target, objections = normalise(domains[:1], domains[1], scope, n_classes=3)
    return sources[0][0], target[0], objections


def test_per_corpus_equals_scikit_learn(domains):
    source, target, _ = values(domains, "corpus")
    for rows, domain in ((source, domains[0]), (target, domains[1])):
        np.testing.assert_allclose(rows, StandardScaler().fit_transform(domain.features))


def test_robust_equals_scikit_learn(domains):
    source, target, _ = values(domains, "robust")
    for rows, domain in ((source, domains[0]), (target, domains[1])):
        peer = RobustScaler(unit_variance=True).fit_transform(domain.features)
        np.testing.assert_allclose(rows, peer)


def test_by_the_source_equals_scikit_learn(domains):
    source, target, _ = values(domains, "source")
    scaler = StandardScaler().fit(domains[0].features)
    np.testing.assert_allclose(source, scaler.transform(domains[0].features))
    np.testing.assert_allclose(target, scaler.transform(domains[1].features))


def test_per_speaker_equals_scikit_learn(domains):
    source, target, objections = values(domains, "speaker")
    assert not objections
    for rows, domain in ((source, domains[0]), (target, domains[1])):
        for speaker in set(domain.speakers.tolist()):
            mine = domain.speakers == speaker
            peer = StandardScaler().fit_transform(domain.features[mine])
            np.testing.assert_allclose(rows[mine], peer)


def test_a_rare_speaker_takes_the_figures_of_the_corpus(domains):
    speakers = np.array(domains[1].speakers)
    speakers[:5] = "rare"
    target = dataclasses.replace(domains[1], speakers=speakers)
    _, rows, _ = values((domains[0], target), "speaker")
    peer = StandardScaler().fit_transform(target.features)
    np.testing.assert_allclose(rows[:5], peer[:5])
    assert abs(rows[5:] - peer[5:]).max() > 0.1


def test_speakers_of_one_class_are_refused_in_a_source(domains, confounded):
    with pytest.raises(DomainError, match="6 of 6 speakers occur with one class only"):
        values((confounded, domains[1]), "speaker")
    source, target, objections = values((confounded, domains[1]), "speaker-or-corpus")
    np.testing.assert_allclose(source, StandardScaler().fit_transform(confounded.features))
    assert list(objections) == ["gamma"]
    per_speaker = values(domains, "speaker")[1]
    np.testing.assert_array_equal(target, per_speaker)


def test_labels_of_a_target_decide_nothing(domains, confounded):
    """Many recordings per speaker: only the labels could tell, and they are not looked at."""
    rng = np.random.default_rng(0)
    for labels in (confounded.labels, rng.permutation(confounded.labels)):
        target = dataclasses.replace(confounded, labels=labels)
        assert not values((domains[0], target), "speaker")[2]
        assert speaker_objection(target, 3, labelled=False) == ""


def test_few_recordings_per_speaker_are_refused_without_labels(domains):
    speakers = np.array([f"s{row // 4}" for row in range(len(domains[1]))])
    target = dataclasses.replace(domains[1], speakers=speakers)
    with pytest.raises(DomainError, match="23 of 23 speakers have fewer than 6 recordings"):
        values((domains[0], target), "speaker")


def test_unknown_speakers_are_refused(domains):
    target = dataclasses.replace(domains[1], speakers=np.full(len(domains[1]), ""))
    with pytest.raises(DomainError, match="90 recordings have no speaker"):
        values((domains[0], target), "speaker")


@pytest.mark.parametrize("scope", ["corpus", "speaker", "robust", "source"])
def test_constant_columns_become_zero_and_views_follow(domains, scope):
    def widen(domain: Dataset) -> Dataset:
        constant = np.full((len(domain), 2), 0.1)
        return dataclasses.replace(domain, views={"flat": constant})

    sources, target, _ = normalise([widen(domains[0])], widen(domains[1]), scope, n_classes=3)
    assert not sources[0][1].any()
    assert not target[1].any()


def test_single_speakers_of_one_class_are_named_in_a_source(domains, confounded):
    """Fewer than half of the speakers: not refused, but the report says whom it concerns."""
    assert speaker_doubt(domains[0], 3) == ""
    labels = domains[0].labels.copy()
    speakers = domains[0].speakers
    first = min(set(speakers.tolist()))
    labels[speakers == first] = labels[0]
    source = dataclasses.replace(domains[0], labels=labels)
    assert speaker_objection(source, 3, labelled=True) == ""
    doubt = speaker_doubt(source, 3)
    assert first in doubt
    assert f"{(speakers == first).sum()} of {len(source)} recordings" in doubt
    # Who has too few recordings for a mean of their own keeps the emotion.
    rare = dataclasses.replace(
        confounded, speakers=np.array([f"{label}-{n}" for n, label in enumerate(confounded.labels)])
    )
    assert speaker_doubt(rare, 3) == ""
