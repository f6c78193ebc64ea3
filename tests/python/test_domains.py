"""Source, target and unlabelled samples are told apart in one place, with one set of errors."""

from pathlib import Path

import numpy as np
import pytest

import sparsetransfer
from sparsetransfer._domains import (
    check_domains,
    new_domains,
    read_source_labels,
    resolve_domains,
)
from sparsetransfer.classification import MultiView, Safeguard
from sparsetransfer.exceptions import DomainError, DomainWarning
from sparsetransfer.subspace import CORAL, JointDistributionAdaptation
from sparsetransfer.transfer import (
    TSDSL,
    DoSL,
    ImplicitDistributionAlignment,
    KernelTransferSparseCoding,
    TransferSparseCoding,
)

X = np.random.default_rng(0).normal(size=(8, 3))
LABELS = np.array([0, 1, 0, 1, -1, -1, -1, -1])


def deep(name):
    def make():
        pytest.importorskip("torch")
        return getattr(sparsetransfer.deep, name)(max_epochs=1)

    make.__name__ = name
    return make


CLASSIFIERS = [DoSL, ImplicitDistributionAlignment, MultiView, Safeguard, deep("DIDAN")]
LEARN_FROM_LABELS = [*CLASSIFIERS, TSDSL, JointDistributionAdaptation]
TWO_DOMAINS = [
    *LEARN_FROM_LABELS,
    CORAL,
    TransferSparseCoding,
    KernelTransferSparseCoding,
    deep("MetricAutoencoder"),
]


@pytest.mark.parametrize("make", TWO_DOMAINS)
@pytest.mark.parametrize(
    ("y", "domains", "kind", "message"),
    [
        (LABELS, [1, 1, -1], ValueError, r"sample_domain must have shape \(8,\), got \(3,\)"),
        (LABELS, [1.5, 1, 1, 1, -1, -1, -1, -1], ValueError, "must consist of integers"),
        (LABELS, [0, 1, 1, 1, -1, -1, -1, -1], DomainError, "must be positive .* got 0"),
        (LABELS, np.ones(8, int), DomainError, "no target sample"),
        (LABELS, -np.ones(8, int), DomainError, "no source sample"),
        (LABELS[1:], None, ValueError, "X has 8 samples, y has 7 labels"),
    ],
)
def test_every_estimator_of_two_domains_raises_the_same_errors(make, y, domains, kind, message):
    with pytest.raises(kind, match=message):
        make().fit(X, y, sample_domain=domains)


@pytest.mark.parametrize("make", LEARN_FROM_LABELS)
def test_labels_are_required_by_the_same_error(make):
    estimator = make()
    message = f"{type(estimator).__name__} requires y to be passed, but the target y is None"
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, None, sample_domain=np.sign(LABELS + 0.5).astype(int))


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_targets_of_a_regression_are_no_classes(make):
    with pytest.raises(ValueError, match="Unknown label type"):
        make().fit(X, np.linspace(0.1, 0.9, 8), sample_domain=[1, 1, 1, 1, -1, -1, -1, -1])


def test_given_domains_come_before_masked_labels():
    given = np.array([2, 2, 1, 1, -3, -3, -1, -1])
    assert resolve_domains(LABELS[::-1], given, 8).tolist() == given.tolist()
    assert resolve_domains(LABELS, None, 8).tolist() == [1, 1, 1, 1, -1, -1, -1, -1]


@pytest.mark.parametrize("y", [None, np.arange(8), np.zeros((8, 2))])
def test_one_domain_is_none_and_its_meaning_is_said_on_request(y):
    assert resolve_domains(y, None, 8) is None
    with pytest.warns(DomainWarning, match="one domain: nothing moves; give sample_domain"):
        assert resolve_domains(y, None, 8, alone="nothing moves") is None


def test_labels_of_the_target_are_not_read():
    domains = np.array([1, 1, 1, -1, -1, -1])
    for target in ([7, 7, 7], [-1, -1, -1]):
        read = read_source_labels([3, 5, 3, *target], domains, 6, "Model")
        assert read.classes.tolist() == [3, 5]
        assert read.codes.tolist() == [0, 1, 0]
        assert read.known.tolist() == [True, True, True, False, False, False]


def test_unknown_labels_of_the_source_are_an_error_unless_some_may_be():
    y, domains = [3, -1, 5, -1], [1, 1, 1, -1]
    with pytest.raises(DomainError, match="1 source samples have no label"):
        read_source_labels(y, domains, 4, "Model")
    read = read_source_labels(y, domains, 4, "Model", partly=True)
    assert read.known.tolist() == [True, False, True, False]
    assert read.codes.tolist() == [0, 1]
    with pytest.raises(DomainError, match="no known label of a source sample"):
        read_source_labels([-1, -1, 5], [1, 1, -1], 3, "Model", partly=True)


def test_nobody_else_reads_domains_out_of_masked_labels():
    package = Path(sparsetransfer.__file__).parent
    readers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "domains_from_labels" in path.read_text(encoding="utf-8")
    ]
    assert sorted(readers) == ["_domains.py", "transfer/__init__.py"]


def test_a_masked_domain_is_refused():
    masked = np.ma.masked_array([1, 1, -1], [False, True, False])
    for check in (check_domains, new_domains):
        with pytest.raises(ValueError, match="sample_domain has masked entries"):
            check(masked, 3)
        np.testing.assert_array_equal(check(np.ma.masked_array([1, 1, -1]), 3), [1, 1, -1])
