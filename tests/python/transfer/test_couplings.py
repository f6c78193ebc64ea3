"""Mean couplings against brute-force MMD matrices, and what the codes do under them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsetransfer import mmd
from sparsetransfer.exceptions import DomainError, DomainWarning
from sparsetransfer.transfer import (
    TransferSparseCoding,
    couple_classes,
    couple_domains,
    transfer_encode,
    transfer_learn,
)
from sparsetransfer.transfer.couplings import MeanContrasts

DOMAINS = np.array([1, 1, 1, 2, 2, 2, 2, -1, -1, -3, -3, -3])
LABELS = np.array([0, 1, 1, 0, 0, 1, 2, 0, 1, 1, 1, 0])
from sparsetransfer.transfer.estimator.options import grouped


def codes_of(n, k=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, k))


def matrix(coupling, strength=1.0):
    """M, entry by entry from the definition."""
    n, scale = coupling.n_samples, strength / np.sum(coupling.pooled**2)
    M = np.zeros((n, n))
    for m, weight in zip(coupling.columns.T, coupling.weights, strict=True):
        for i in range(n):
            for j in range(n):
                M[i, j] += scale * weight * m[i] * m[j]
    return M


def published_matrix(domains, members=None):
    """The entries 1/n_s^2, 1/n_t^2 and -1/(n_s n_t) of the papers, zero for outsiders."""
    members = np.ones(len(domains), bool) if members is None else members
    n_s, n_t = ((domains > 0) & members).sum(), ((domains < 0) & members).sum()
    M = np.zeros((len(domains), len(domains)))
    for i in np.flatnonzero(members):
        for j in np.flatnonzero(members):
            same = (domains[i] > 0) == (domains[j] > 0)
            one = n_s if domains[i] > 0 else n_t
            M[i, j] = 1 / one**2 if same else -1 / (n_s * n_t)
    return M


def test_the_marginal_matrix_is_that_of_the_papers():
    coupling = couple_domains(DOMAINS)
    scale = np.sum(coupling.pooled**2)
    assert scale == pytest.approx(1 / 7 + 1 / 5)
    E = coupling.factor(3.0)
    assert E.shape == (12, 1)
    assert_allclose(E @ E.T, 3.0 / scale * published_matrix(DOMAINS), atol=1e-15)
    # Its trace against codes is the linear MMD between them.
    S = codes_of(12)
    value = mmd.linear(S[DOMAINS > 0], S[DOMAINS < 0]).value
    assert np.trace(S.T @ E @ E.T @ S) == pytest.approx(3.0 / scale * value)


def test_the_conditional_matrix_is_that_of_joint_distribution_adaptation():
    coupling = couple_domains(DOMAINS) + couple_classes(DOMAINS, LABELS)
    expected = published_matrix(DOMAINS)
    for label in (0, 1):  # class 2 has no target sample
        expected = expected + published_matrix(DOMAINS, label == LABELS)
    E = coupling.factor(1.0)
    assert E.shape == (12, 3)
    assert_allclose(E @ E.T * np.sum(coupling.pooled**2), expected, atol=1e-14)
    # Contrasts of classes do not meet; each meets the marginal one by 1/n_s + 1/n_t.
    products = coupling.columns.T @ coupling.columns
    assert products[1, 2] == 0
    assert_allclose(products[0, 1:], 1 / 7 + 1 / 5)


@pytest.mark.parametrize("contrast", ["pooled", "pairs", "all"])
def test_the_factor_gives_the_sum_of_all_terms(contrast):
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2, size=12)
    options = {"domain_pairing": contrast, "sample_weight": weight}
    coupling = couple_domains(DOMAINS, **options) + 0.7 * couple_classes(
        DOMAINS, LABELS, class_weight=[1.0, 2.0, 0.5], **options
    )
    E = coupling.factor(2.5)
    M = matrix(coupling, 2.5)
    assert_allclose(E @ E.T, M, atol=1e-14)
    assert E.shape[1] == np.linalg.matrix_rank(M)
    assert_allclose(M.sum(axis=0), 0, atol=1e-14)  # a common shift of all codes is free


def test_pairs_and_all_are_means_of_squared_distances():
    S = codes_of(12)
    means = {p: S[p == DOMAINS].mean(axis=0) for p in (1, 2, -1, -3)}

    def distance(p, q):
        return np.sum((means[p] - means[q]) ** 2)

    def value(contrast):
        coupling = couple_domains(DOMAINS, domain_pairing=contrast)
        return np.sum(coupling.weights @ coupling.differences(S) ** 2)

    assert value("pairs") == pytest.approx(
        np.mean([distance(p, q) for p in (1, 2) for q in (-1, -3)])
    )
    every = list(means)
    pairs = [(p, q) for i, p in enumerate(every) for q in every[i + 1 :]]
    assert value("all") == pytest.approx(np.mean([distance(p, q) for p, q in pairs]))
    centre = np.mean(list(means.values()), axis=0)
    to_centre = sum(np.sum((mean - centre) ** 2) for mean in means.values())
    assert value("all") == pytest.approx(2 / 3 * to_centre)


def test_with_one_source_and_one_target_all_contrasts_are_the_same():
    signs = np.sign(DOMAINS)
    pooled = couple_domains(signs)
    for contrast in ("pairs", "all"):
        other = couple_domains(signs, domain_pairing=contrast)
        assert_array_equal(other.columns, pooled.columns)
        assert_array_equal(other.weights, pooled.weights)


def test_one_hot_probabilities_are_labels():
    soft = (LABELS[DOMAINS < 0, None] == np.arange(3)).astype(float)
    masked = np.where(DOMAINS > 0, LABELS, -1)
    hard = couple_classes(DOMAINS, LABELS)
    same = couple_classes(DOMAINS, masked, target_probabilities=soft)
    assert_allclose(same.columns, hard.columns)
    # With probabilities the target's labels are not even read.
    assert_array_equal(
        couple_classes(DOMAINS, LABELS, target_probabilities=soft).columns, same.columns
    )


def test_soft_labels_weigh_within_the_class_means():
    rng = np.random.default_rng(2)
    soft = rng.dirichlet([1, 1, 1], size=5)
    S = codes_of(12)
    coupling = couple_classes(DOMAINS, LABELS, target_probabilities=soft)
    for difference, label in zip(coupling.differences(S), range(3), strict=True):
        source = S[(DOMAINS > 0) & (label == LABELS)].mean(axis=0)
        target = soft[:, label] @ S[DOMAINS < 0] / soft[:, label].sum()
        assert_allclose(difference, source - target, atol=1e-14)


def test_string_labels_with_masked_targets():
    names = np.array(["a", "b", "c"], dtype=object)[LABELS]
    coupling = couple_classes(DOMAINS, names)
    assert_array_equal(coupling.columns, couple_classes(DOMAINS, LABELS).columns)
    names[-1] = None
    assert not couple_classes(DOMAINS, names).columns[-1].any()


def test_a_weight_counts_as_repetition():
    repeats = np.array([1, 2, 1, 3, 1, 1, 2, 1, 2, 1, 1, 1])
    weighted = couple_domains(DOMAINS, sample_weight=repeats)
    repeated = couple_domains(np.repeat(DOMAINS, repeats))
    S = codes_of(12)
    assert_allclose(weighted.differences(S), repeated.differences(np.repeat(S, repeats, axis=0)))


def test_zero_strengths_leave_no_columns():
    coupling = couple_domains(DOMAINS)
    assert coupling.factor(0.0).shape == (12, 0)
    assert (0.0 * coupling).factor(5.0).shape == (12, 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: couple_domains(DOMAINS, domain_pairing="none"),
            ValueError,
            "domain_pairing must be one of",
        ),
        (lambda: couple_domains(np.ones(3, int)), DomainError, "no target sample"),
        (
            lambda: couple_domains(DOMAINS, sample_weight=np.zeros(12)),
            ValueError,
            "sample_weight must be positive",
        ),
        (lambda: couple_classes(DOMAINS, LABELS[:3]), ValueError, "labels must have shape"),
        (
            lambda: couple_classes([1, 1, -1], [0, 0, 1]),
            DomainError,
            "no class occurs in both source and target",
        ),
        (
            lambda: couple_classes(DOMAINS, LABELS, target_probabilities=np.ones((2, 3))),
            ValueError,
            "target_probabilities must have 5 rows, got 2",
        ),
        (
            lambda: couple_classes(DOMAINS, LABELS, target_probabilities=-np.ones((5, 3))),
            ValueError,
            "must not be negative",
        ),
        (
            lambda: couple_classes(DOMAINS, LABELS, class_weight=[1.0]),
            ValueError,
            "class_weight must have 3 entries",
        ),
        (
            lambda: couple_domains(DOMAINS) + couple_domains(-DOMAINS),
            ValueError,
            "same domains and sample weights",
        ),
        (lambda: -1.0 * couple_domains(DOMAINS), ValueError, "factor must be at least 0"),
        (
            lambda: MeanContrasts(np.ones((3, 1)), np.ones(2), np.ones(3)),
            ValueError,
            "weights must have 1 entries",
        ),
        (
            lambda: MeanContrasts(np.ones((3, 1)), np.ones(1), np.zeros(3)),
            ValueError,
            "pooled must not be zero",
        ),
    ],
)
def test_bad_couplings_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.fixture(scope="module")
def signals():
    rng = np.random.default_rng(5)
    domains = np.repeat([1, 2, -1, -2], [30, 25, 35, 20])
    labels = rng.integers(3, size=110)
    centres = rng.normal(size=(3, 12))
    shifts = {number: 0.5 * rng.normal(size=12) for number in (1, 2, -1, -2)}
    X = centres[labels] + 0.4 * rng.normal(size=(110, 12)) + [shifts[p] for p in domains]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D = rng.normal(size=(16, 12))
    return X, D / np.linalg.norm(D, axis=1, keepdims=True), domains, labels


@pytest.mark.parametrize("strength", [1.0, 60.0, 600.0])
@pytest.mark.parametrize("contrast", ["pooled", "pairs", "all"])
def test_codes_of_every_coupling_are_certified(signals, contrast, strength):
    X, D, domains, labels = signals
    coupling = couple_domains(domains, domain_pairing=contrast) + couple_classes(
        domains, labels, domain_pairing=contrast
    )
    result = transfer_encode(X, D, coupling=coupling, alpha=0.05, mmd=strength, kkt_tol=1e-9)
    S, M = result.codes, matrix(coupling, strength)
    value = 0.5 * np.sum((X - S @ D) ** 2) + 0.5 * np.trace(S.T @ M @ S) + 0.05 * np.abs(S).sum()
    assert_allclose(result.objective, value, rtol=1e-12)
    gradient = (S @ D - X) @ D.T + M @ S
    violation = np.where(
        S != 0, np.abs(gradient + 0.05 * np.sign(S)), np.maximum(np.abs(gradient) - 0.05, 0)
    )
    assert violation.max() <= 1.01e-9 * 0.05
    assert_allclose(result.mean_difference, coupling.pooled @ S, atol=1e-14)


@pytest.mark.filterwarnings("ignore:the alternation stopped")
def test_learning_under_a_conditional_coupling_is_monotone(signals):
    X, D, domains, labels = signals
    coupling = couple_domains(domains) + couple_classes(domains, labels)
    result = transfer_learn(X, D, coupling=coupling, alpha=0.05, max_iter=20)
    assert (np.diff(result.history) <= 1e-10 * result.history[0]).all()
    assert result.codes.converged


def test_sample_domain_is_the_pooled_coupling(signals):
    X, D, domains, _ = signals
    first = transfer_encode(X, D, domains, alpha=0.05)
    second = transfer_encode(X, D, coupling=couple_domains(domains), alpha=0.05)
    assert_array_equal(first.codes, second.codes)
    with pytest.raises(ValueError, match="sample_domain or coupling, not both"):
        transfer_encode(X, D, domains, coupling=couple_domains(domains))
    with pytest.raises(ValueError, match="coupling must be one of 110 samples, got one of 12"):
        transfer_encode(X, D, coupling=couple_domains(DOMAINS))


def coder(**options):
    flat = {"n_components": 16, "alpha": 0.05, "random_state": 0, "kkt_tol": 1e-9, **options}
    return TransferSparseCoding(**grouped(flat))


@pytest.mark.parametrize("contrast", ["pairs", "all"])
def test_estimator_pulls_every_domain_its_own_way(signals, contrast):
    X, _, domains, _ = signals
    model = coder(contrast=contrast, l2=0.01).fit(X, sample_domain=domains)
    again = model.transform(X, sample_domain=domains)
    assert_allclose(again, model.codes_, atol=2e-6)
    # A new domain is pulled as its side is on average.
    new = model.transform(X[-1:], sample_domain=[-7])
    assert_array_equal(new, model.transform(X[-1:]))


def test_estimator_with_given_pseudo_labels_is_the_function(signals):
    X, _, domains, labels = signals
    given = coder(conditional=0.5, dict_init=X[:16]).fit(
        X, labels, sample_domain=domains, pseudo_labels=labels
    )
    coupling = couple_domains(domains) + 0.5 * couple_classes(domains, labels)
    expected = transfer_learn(X, X[:16], coupling=coupling, alpha=0.05, kkt_tol=1e-9)
    assert_array_equal(given.codes_, expected.codes.codes)
    assert_array_equal(given.pseudo_labels_, labels[domains < 0])
    soft = (labels[:, None] == np.arange(3)).astype(float)
    same = coder(conditional=0.5, dict_init=X[:16]).fit(
        X, labels, sample_domain=domains, pseudo_labels=soft
    )
    assert_array_equal(same.codes_, given.codes_)


@pytest.mark.parametrize("soft", [False, True])
def test_estimated_pseudo_labels_never_see_the_targets(signals, soft):
    X, _, domains, labels = signals
    masked = np.where(domains > 0, labels, -1)
    options = {"conditional": 1.0, "n_rounds": 2, "soft_labels": soft, "class_weight": "prior"}
    model = coder(**options).fit(X, masked, sample_domain=domains)
    known = coder(**options).fit(X, labels, sample_domain=domains)
    assert_array_equal(model.codes_, known.codes_)
    assert np.mean(model.pseudo_labels_ == labels[domains < 0]) > 0.5
    names = np.array(["a", "b", "c"], dtype=object)[labels]
    names[domains < 0] = None
    named = coder(**options).fit(X, names, sample_domain=domains)
    assert_array_equal(named.codes_, model.codes_)


def test_conditional_terms_need_labels_of_both(signals):
    X, _, domains, labels = signals
    with pytest.raises(ValueError, match="needs pseudo_labels of the target, or n_rounds > 0"):
        coder(conditional=1.0).fit(X, labels, sample_domain=domains)
    with pytest.raises(ValueError, match="needs y with a label per source sample"):
        coder(conditional=1.0, n_rounds=1).fit(X, sample_domain=domains)
    with pytest.raises(ValueError, match="needs labels of source samples"):
        coder(conditional=1.0, n_rounds=1).fit(X, np.full(110, -1), sample_domain=domains)
    with pytest.raises(ValueError, match="pseudo_labels must have one entry per sample"):
        coder(conditional=1.0).fit(X, labels, sample_domain=domains, pseudo_labels=[1])
    with pytest.raises(ValueError, match="class_weight must be None or 'prior'"):
        coder(conditional=1.0, n_rounds=1, class_weight="balanced").fit(
            X, labels, sample_domain=domains
        )
    with pytest.warns(DomainWarning, match="MMD term is zero"):
        coder(conditional=1.0, n_rounds=1).fit(X, labels)
