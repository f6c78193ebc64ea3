import dataclasses

import numpy as np
import pytest

from sparsetransfer.evaluation import common_classes, select_classes
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
