import dataclasses

import numpy as np
import pytest

from sparsetransfer.evaluation.data.dataset import common_classes, select_classes, select_rows
from sparsetransfer.exceptions import CorpusError


def test_not_a_number_is_refused_with_its_file(domains):
    features = np.array(domains[0].features)
    features[7, 2] = np.nan
    with pytest.raises(CorpusError, match=r"alpha.*NaN.*007\.wav"):
        dataclasses.replace(domains[0], features=features)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array(["anger"])}, "labels must have one entry"),
        ({"features": np.zeros((0, 3))}, "at least one row"),
        ({"feature_names": ("one",)}, "1 feature names for 8 columns"),
        ({"files": np.array(["same"] * 90)}, "more than once: same"),
    ],
)
def test_inconsistent_columns_are_refused(domains, change, message):
    with pytest.raises(CorpusError, match=message):
        dataclasses.replace(domains[0], **change)


def test_domain_does_not_follow_later_changes_of_its_input(domains):
    features = np.array(domains[0].features)
    copy = dataclasses.replace(domains[0], features=features)
    features[:] = 0
    assert copy.features.any()
    with pytest.raises(ValueError, match="read-only"):
        copy.features[0] = 0


def test_selecting_classes_counts_the_rest(domains):
    chosen = select_classes(domains[0], ["anger", "sadness"])
    assert chosen.counts() == {"anger": 30, "sadness": 30}
    assert dict(chosen.dropped) == {"class 'neutral' not asked for": 30}
    with pytest.raises(CorpusError, match="none of the classes joy"):
        select_classes(domains[0], ["joy"])


def test_common_classes(domains):
    assert common_classes(domains) == ("anger", "neutral", "sadness")
    one = select_classes(domains[1], ["anger"])
    with pytest.raises(CorpusError, match=r"at least two classes.*found anger"):
        common_classes([domains[0], one])


def frames(count, *, bands=4, fill=0.0):
    return tuple(
        np.full((3 + number % 5, bands), fill, dtype=np.float32) for number in range(count)
    )


def test_spectrograms_stay_with_their_rows(domains):
    parts = tuple(part + number for number, part in enumerate(frames(90)))
    domain = dataclasses.replace(domains[0], spectrograms=parts, spectrogram_set="flat-1")
    chosen = select_rows(domain, np.array([7, 3]))
    assert [float(part[0, 0]) for part in chosen.spectrograms] == [7.0, 3.0]
    assert select_rows(domains[0], np.array([7, 3])).spectrograms == ()
    assert domain.fingerprint == domains[0].fingerprint
    assert domain.spectrogram_fingerprint != chosen.spectrogram_fingerprint


@pytest.mark.parametrize(
    ("parts", "name", "message"),
    [
        (frames(89), "flat-1", "89 spectrograms named 'flat-1' for 90 rows"),
        (frames(90), "", "expected a name and one per row"),
        ((*frames(89), np.zeros((3, 5))), "flat-1", "the same bands"),
        ((*frames(89), np.zeros(4)), "flat-1", r"shape \(n_frames, n_bands\)"),
        ((*frames(89), np.zeros((0, 4))), "flat-1", r"got .*\(0, 4\)"),
        (frames(90, fill=np.nan), "flat-1", r"90 recordings: 000\.wav"),
    ],
)
def test_unusable_spectrograms_are_refused(domains, parts, name, message):
    with pytest.raises(CorpusError, match=message):
        dataclasses.replace(domains[0], spectrograms=parts, spectrogram_set=name)
