import dataclasses

import numpy as np
import pytest

from sparsetransfer.evaluation.data.folds import assert_disjoint, check_folds, speaker_folds
from sparsetransfer.exceptions import CorpusError, DomainError


def test_folds_partition_rows_and_no_speaker_straddles(domains):
    labels, speakers = domains[0].labels, domains[0].speakers
    folds = speaker_folds(labels, speakers, n_folds=4, seed=0)
    assert len(folds) == 4
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested.tolist()) == list(range(len(labels)))
    for train, test in folds:
        assert not set(speakers[train]) & set(speakers[test])
        assert len(train) + len(test) == len(labels)


def test_a_speaker_on_both_sides_raises(domains):
    speakers = domains[0].speakers
    with pytest.raises(DomainError, match="fold 0: speakers on both sides: s0"):
        check_folds([(np.arange(10), np.arange(10, len(speakers)))], speakers)


def test_fewer_speakers_than_folds_and_rare_classes(make_domain):
    domain = make_domain("two", seed=0, n_speakers=2, per_class=2)
    folds = speaker_folds(domain.labels, domain.speakers, n_folds=5, seed=0)
    assert len(folds) == 2
    # more speakers than recordings of any class
    labels, speakers = np.array(list("aabbcc")), np.array(list("uvwuvw"))
    assert len(speaker_folds(labels, speakers, n_folds=5, seed=0)) == 2
    labels = np.array(["a", "b"] * 10 + ["c"])
    speakers = np.array([f"s{row // 3}" for row in range(21)])
    assert len(speaker_folds(labels, speakers, n_folds=5, seed=0)) == 5


def test_speakers_that_allow_no_folds_are_refused():
    labels = np.array(["a", "a", "b", "b"])
    with pytest.raises(CorpusError, match="at least two source speakers, got 1"):
        speaker_folds(labels, np.array(["s"] * 4), n_folds=2, seed=0)
    with pytest.raises(CorpusError, match="2 source recordings have no speaker"):
        speaker_folds(labels, np.array(["s", "", "t", ""]), n_folds=2, seed=0)
    with pytest.raises(CorpusError, match="got 2 recordings of 2 classes"):
        speaker_folds(np.array(["a", "b"]), np.array(["s", "t"]), n_folds=2, seed=0)
    with pytest.raises(CorpusError, match="every class needs several speakers"):
        speaker_folds(np.array(["a", "a"]), np.array(["s", "t"]), n_folds=2, seed=0)
    with pytest.raises(CorpusError, match="every class needs several speakers"):
        speaker_folds(labels, np.array(["s", "s", "t", "t"]), n_folds=2, seed=0)


def test_shared_speakers_are_refused_by_corpus_name(make_domain):
    source, same_name = make_domain("alpha", seed=1), make_domain("alpha", seed=2)
    with pytest.raises(DomainError, match="also in the source: alpha/s0"):
        assert_disjoint([source], same_name)
    assert_disjoint([source], make_domain("beta", seed=2))


def test_shared_audio_is_refused(make_domain):
    digests = np.array([f"a{row}" for row in range(90)])
    source = make_domain("alpha", seed=1, digests=digests)
    other = np.array([f"b{row}" for row in range(90)])
    assert_disjoint([source], make_domain("beta", seed=2, digests=other))
    other[5] = "a7"
    with pytest.raises(DomainError, match=r"alpha/007\.wav = beta/005\.wav"):
        assert_disjoint([source], make_domain("beta", seed=2, digests=other))


def test_one_recording_under_two_source_speakers_is_refused(make_domain):
    target = make_domain("beta", seed=2)
    digests = np.array([f"a{row}" for row in range(90)])
    digests[1] = digests[0]
    source = make_domain("alpha", seed=1, digests=digests)
    assert_disjoint([source], target)
    digests[89] = digests[0]
    with pytest.raises(DomainError, match="under two source speakers"):
        assert_disjoint([dataclasses.replace(source, digests=digests)], target)
