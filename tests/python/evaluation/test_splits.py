import dataclasses

import numpy as np
import pytest

from sparsetransfer.evaluation import (
    LeaveOneCorpusOut,
    LeaveOneSpeakerOut,
    OrderedPairs,
    SourceToTarget,
    SpeakerKFold,
    make_methods,
    run,
)
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.protocol.splits import splits
from sparsetransfer.exceptions import CorpusError, DomainError

PLAIN = ("majority", "svm")


def folds(domains, protocol, seed=0):
    known = {domain.name: domain for domain in domains}
    return [list(splits(task, known, protocol, seed)) for task in protocol.design.tasks()]


def test_one_fold_per_speaker_covers_every_row_once(domains, protocol):
    protocol = dataclasses.replace(protocol, design=LeaveOneSpeakerOut(("alpha",)))
    (parts,) = folds(domains[:1], protocol)
    assert len(parts) == 5
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows) == list(range(len(domains[0])))
    whole = standardise(domains[0].features)
    for part in parts:
        assert not set(part.source.speakers) & set(part.target.speakers)
        assert len(set(part.target.speakers)) == 1
        # Normalised over the whole corpus: a fold alone would be normalised per speaker.
        np.testing.assert_array_equal(part.target.features, whole[part.rows])


@pytest.mark.parametrize("scope", ["speaker", "source", "speaker-or-corpus"])
def test_other_scopes_within_a_corpus(domains, protocol, scope):
    design = SpeakerKFold(("alpha",), n_folds=2)
    protocol = dataclasses.replace(protocol, design=design, normalisation=scope)
    (parts,) = folds(domains[:1], protocol)
    assert len(parts) == 2
    for part in parts:
        if scope == "source":
            np.testing.assert_allclose(part.source.features.mean(0), 0, atol=1e-12)
            assert abs(part.target.features.mean(0)).max() > 0.01
        else:
            one = part.target.speakers == part.target.speakers[0]
            np.testing.assert_allclose(part.target.features[one].mean(0), 0, atol=1e-12)


def test_folds_of_speakers_are_pooled_into_one_cell(domains, protocol):
    protocol = dataclasses.replace(protocol, design=SpeakerKFold(("alpha", "beta"), n_folds=3))
    study = run(domains, make_methods(PLAIN), protocol)
    assert [cell.task for cell in study.cells[::2]] == [t.name for t in study.tasks]
    svm = study.cell(study.tasks[0].name, "svm")
    assert svm.scores.confusion.sum() == len(domains[0])
    assert len(svm.diagnostics["folds"]) == 3
    assert svm.scores.uar > 0.7


def test_pairs_and_corpora_left_out(domains, protocol, make_domain):
    three = (*domains, make_domain("gamma", seed=3, shift=-2.0))
    names = tuple(domain.name for domain in three)
    for design, count, sources in (
        (OrderedPairs(names), 6, 90),
        (LeaveOneCorpusOut(names), 3, 180),
    ):
        every = folds(three, dataclasses.replace(protocol, design=design))
        assert len(every) == count
        assert all(len(part.source) == sources for (part,) in every)


def test_speaker_in_source_and_target_is_refused(domains, protocol, make_domain):
    same = dataclasses.replace(make_domain("beta", seed=4), name="alpha")
    known = {"alpha": domains[0], "beta": same}
    with pytest.raises(DomainError, match="also in the source"):
        list(splits(protocol.design.tasks()[0], known, protocol, 0))


def test_duplicate_audio_under_two_speakers_is_refused_within_a_corpus(domains, protocol):
    digests = np.array([f"{row}" for row in range(len(domains[0]))])
    digests[-1] = digests[0]
    twin = dataclasses.replace(domains[0], digests=digests)
    protocol = dataclasses.replace(protocol, design=LeaveOneSpeakerOut(("alpha",)))
    with pytest.raises(DomainError, match="the same audio"):
        folds([twin], protocol)


def test_speakers_must_be_known_and_enough(domains, protocol):
    protocol = dataclasses.replace(protocol, design=LeaveOneSpeakerOut(("alpha",)))
    unknown = dataclasses.replace(domains[0], speakers=np.full(len(domains[0]), ""))
    with pytest.raises(CorpusError, match="must be known"):
        folds([unknown], protocol)
    two = np.where(domains[0].speakers == "s0", "s0", "s1")
    with pytest.raises(CorpusError, match="fewer than three speakers"):
        folds([dataclasses.replace(domains[0], speakers=two)], protocol)


def test_fallback_to_the_corpus_is_remarked(domains, protocol):
    speakers = np.array([f"s{row // 4}" for row in range(len(domains[1]))])
    target = dataclasses.replace(domains[1], speakers=speakers)
    protocol = dataclasses.replace(protocol, normalisation="speaker-or-corpus")
    study = run([domains[0], target], make_methods(["majority"]), protocol)
    assert "beta is normalised per corpus" in study.remarks["alpha → beta"][0]


def test_inductive_setting_lets_no_target_row_touch_another(domains, protocol):
    """Half of the target gets the predictions it gets in the whole."""
    protocol = dataclasses.replace(
        protocol,
        setting="inductive",
        normalisation="source",
        design=SourceToTarget(("alpha",), ("beta",)),
    )
    methods = make_methods(["svm", "ridge"])
    whole = run(domains, methods, protocol)
    from sparsetransfer.evaluation.data.dataset import select_rows

    half = np.arange(0, len(domains[1]), 2)
    part = run([domains[0], select_rows(domains[1], half)], methods, protocol)
    for one, two in zip(whole.cells, part.cells, strict=True):
        assert np.array(one.predictions)[half].tolist() == list(two.predictions)
    with pytest.raises(ValueError, match="excludes sparse-coding"):
        run(domains, make_methods(["svm", "sparse-coding"]), protocol)
