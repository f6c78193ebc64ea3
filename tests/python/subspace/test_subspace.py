"""Subspace transformations: their equations by brute force, invariances, a peer, bad input."""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import loadmat
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsetransfer.classification import make_transfer_pipeline
from sparsetransfer.exceptions import DomainError, DomainWarning
from sparsetransfer.subspace import (
    CORAL,
    JointDistributionAdaptation,
    SubspaceAlignment,
    TransferComponentAnalysis,
)
from sparsetransfer.transfer import pack


@pytest.mark.filterwarnings("ignore::sparsetransfer.exceptions.DomainWarning")
@parametrize_with_checks(
    [
        CORAL(),
        CORAL(regularization=0.0),
        SubspaceAlignment(),
        TransferComponentAnalysis(),
        TransferComponentAnalysis(kernel="rbf", n_components=1),
        JointDistributionAdaptation(n_components=1),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def draw(n_source, n_target, n_features, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(n_features, n_features))
    source = rng.normal(size=(n_source, n_features)) @ mix + rng.normal(size=n_features)
    target = rng.normal(size=(n_target, n_features)) * rng.uniform(0.5, 3, n_features)
    domains = np.repeat([1, -1], [n_source, n_target])
    return np.vstack([source, target]), domains


# CORAL


@pytest.mark.parametrize("scale", [2.0**510, 2.0**535, 2.0**1010, 2.0**-510])
def test_coral_of_rows_whose_squares_overflow_is_that_of_small_rows(scale):
    X = np.random.default_rng(0).normal(size=(30, 4))
    domains = np.repeat([1, -1], 15)
    plain, scaled = (
        CORAL(regularization=0).fit_transform(rows, sample_domain=domains)
        for rows in (X, scale * X)
    )
    assert_allclose(scaled / scale, plain, rtol=1e-10, atol=1e-12)


def test_coral_gives_the_source_the_covariance_of_the_target():
    X, domains = draw(50, 60, 5)
    aligned = CORAL(regularization=0).fit_transform(X, sample_domain=domains)
    assert_allclose(np.cov(aligned[:50].T), np.cov(X[50:].T), atol=1e-10)
    assert_allclose(aligned[:50].mean(axis=0), X[50:].mean(axis=0), atol=1e-10)
    assert_array_equal(aligned[50:], X[50:])


def test_coral_follows_the_paper_for_regularised_covariances():
    X, domains = draw(7, 9, 12)
    aligned = CORAL(regularization=0.3).fit_transform(X, sample_domain=domains)
    first, second = np.cov(X[:7].T), np.cov(X[7:].T)
    power = scipy.linalg.fractional_matrix_power
    mapping = power(first + 0.3 * np.eye(12), -0.5) @ power(second + 0.3 * np.eye(12), 0.5)
    expected = (X[:7] - X[:7].mean(axis=0)) @ mapping + X[7:].mean(axis=0)
    assert_allclose(aligned[:7], expected.real, atol=1e-9)


def test_coral_on_singular_covariances_is_the_best_of_the_sources_rank():
    X, domains = draw(4, 40, 10)  # rank 3 against rank 10
    aligned = CORAL(regularization=0).fit_transform(X, sample_domain=domains)
    _, vectors = np.linalg.eigh(np.cov(X[4:].T))
    # It lies in the subspace of the target's three largest variances.
    assert_allclose(vectors[:, :-3].T @ np.cov(aligned[:4].T), 0, atol=1e-9)
    # The other way round: the target's rank is the smaller one.
    back = CORAL(regularization=0).fit_transform(X, sample_domain=-domains)
    assert np.isfinite(back).all()
    assert np.linalg.matrix_rank(np.cov(back[4:].T), tol=1e-8) == 3


# Subspace alignment


def test_subspace_alignment_follows_the_paper():
    X, domains = draw(30, 40, 6)
    aligned = SubspaceAlignment(3).fit_transform(X, sample_domain=domains)
    first, second = PCA(3).fit(X[:30]), PCA(3).fit(X[30:])
    expected = first.transform(X[:30]) @ first.components_ @ second.components_.T
    signs = np.sign((expected * aligned[:30]).sum(axis=0))
    assert_allclose(aligned[:30], expected * signs, atol=1e-9)
    assert_allclose(np.abs(aligned[30:]), np.abs(second.transform(X[30:])), atol=1e-9)


def test_subspace_alignment_of_equal_domains_is_pca():
    X, _ = draw(30, 10, 5)
    twice = np.vstack([X, X])
    aligned = SubspaceAlignment().fit_transform(twice, sample_domain=np.repeat([1, -1], len(X)))
    assert_allclose(aligned[: len(X)], aligned[len(X) :], atol=1e-9)
    assert_allclose(np.abs(aligned[: len(X)]), np.abs(PCA().fit_transform(X)), atol=1e-9)


# Transfer components


def published_components(F, M, count, regularization):
    """The eigenproblem with everything of size n written out; F is samples x unknowns."""
    n = len(F)
    centring = np.eye(n) - 1 / n
    left = F.T @ (M / np.linalg.norm(M)) @ F + regularization * np.eye(F.shape[1])
    values, vectors = scipy.linalg.eig(np.linalg.solve(left, F.T @ centring @ F))
    order = np.argsort(-values.real)[:count]
    W = vectors[:, order].real
    return F @ (W / np.linalg.norm(W, axis=0)), values.real[order]


def mmd_matrix(domains):
    e = np.where(domains > 0, 1 / (domains > 0).sum(), -1 / (domains < 0).sum())
    return np.outer(e, e)


def assert_same_up_to_signs_and_shift(got, expected, **tolerance):
    got, expected = got - got.mean(axis=0), expected - expected.mean(axis=0)
    signs = np.sign((got * expected).sum(axis=0))
    assert_allclose(got, expected * signs, **tolerance)


@pytest.mark.parametrize(("n_features", "kernel"), [(6, "linear"), (60, "linear"), (6, "rbf")])
def test_components_solve_the_published_eigenproblem(n_features, kernel):
    X, domains = draw(15, 20, n_features)
    model = TransferComponentAnalysis(4, regularization=0.7, kernel=kernel, gamma=None)
    got = model.fit_transform(X, sample_domain=domains)
    if kernel == "rbf":
        F = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=2) / n_features)
    else:
        F = X - X.mean(axis=0)
    expected, values = published_components(F, mmd_matrix(domains), 4, 0.7)
    assert_allclose(model.eigenvalues_, values, rtol=1e-8)
    assert_same_up_to_signs_and_shift(got, expected, atol=1e-7)


def test_the_problem_is_no_larger_than_samples_or_features(monkeypatch):
    sizes = []
    eigh = scipy.linalg.eigh

    def watched(a, *args, **options):
        sizes.append(a.shape[0])
        return eigh(a, *args, **options)

    monkeypatch.setattr(scipy.linalg, "eigh", watched)
    for n_features in (5, 80):
        X, domains = draw(20, 20, n_features)
        TransferComponentAnalysis(2).fit(X, sample_domain=domains)
    assert sizes == [5, 40]


def test_components_bring_the_means_together():
    X, domains = draw(60, 60, 5)

    def distance(regularization):
        model = TransferComponentAnalysis(2, regularization=regularization)
        Z = model.fit_transform(X, sample_domain=domains)
        return np.linalg.norm(Z[:60].mean(axis=0) - Z[60:].mean(axis=0))

    assert distance(1e-3) < distance(1.0) < distance(1e6)


def test_components_ignore_duplication_of_the_samples():
    X, domains = draw(20, 30, 4)
    once = TransferComponentAnalysis(2, regularization=1e-3).fit(X, sample_domain=domains)
    twice = TransferComponentAnalysis(2, regularization=2e-3).fit(
        np.tile(X, (2, 1)), sample_domain=np.tile(domains, 2)
    )
    assert_allclose(twice.projection_, once.projection_, rtol=1e-8)


def test_jda_with_one_round_is_tca():
    X, domains = draw(20, 30, 4)
    y = np.arange(50) % 3
    jda = JointDistributionAdaptation(2, max_iter=1).fit(X, y, sample_domain=domains)
    tca = TransferComponentAnalysis(2).fit(X, sample_domain=domains)
    assert_array_equal(jda.projection_, tca.projection_)


def test_jda_solves_the_published_problem_for_its_own_pseudo_labels():
    X, domains = draw(25, 30, 4, seed=3)
    y = np.arange(55) % 3
    X[:, 0] += 8 * y
    model = JointDistributionAdaptation(3, max_iter=50).fit(X, y, sample_domain=domains)
    assert model.changes_[-1] == 0  # settled: the last problem used the labels that it gave
    M = mmd_matrix(domains)
    for label in range(3):
        e = np.zeros(55)
        e[:25][y[:25] == label] = 1 / (y[:25] == label).sum()
        chosen = model.pseudo_labels_ == label
        assert chosen.any()
        e[25:][chosen] = -1 / chosen.sum()
        M += np.outer(e, e)
    expected, values = published_components(X - X.mean(axis=0), M, 3, 1.0)
    assert_allclose(model.eigenvalues_, values, rtol=1e-8)
    assert_same_up_to_signs_and_shift(model.transform(X), expected, atol=1e-7)


def test_jda_never_reads_target_labels():
    X, domains = draw(25, 30, 4)
    y = np.arange(55) % 3
    masked = np.where(domains > 0, y, -1)
    wrong = np.where(domains > 0, y, 7)
    fitted = [
        JointDistributionAdaptation(2).fit(X, labels, sample_domain=domains).projection_
        for labels in (y, masked, wrong)
    ]
    assert_array_equal(fitted[0], fitted[1])
    assert_array_equal(fitted[0], fitted[2])


# All of them

ALL = [
    pytest.param(CORAL(), id="CORAL"),
    pytest.param(SubspaceAlignment(3), id="SA"),
    pytest.param(TransferComponentAnalysis(3), id="TCA"),
    pytest.param(
        TransferComponentAnalysis(3, kernel="rbf", gamma=0.01, regularization=1e-3), id="TCA-rbf"
    ),
    pytest.param(JointDistributionAdaptation(3), id="JDA"),
]


def planted_shift(seed=0):
    """Two classes apart in one direction; the target is moved and stretched in others."""
    rng = np.random.default_rng(seed)
    labels = np.arange(80) % 2
    X = rng.normal(size=(160, 6))
    X[:, 0] = np.tile(labels, 2) * 4 - 2 + 0.6 * X[:, 0]
    X[:80, 1] += 3.0 * labels  # a cue that misleads: it holds in the source only
    X[80:] += np.array([0, 6, 4, 0, 0, 0])
    return X[:80], labels, X[80:], labels


@pytest.mark.parametrize("model", ALL)
def test_each_helps_against_a_planted_shift(model):
    Xs, ys, Xt, yt = planted_shift()
    X, y, domains = pack(Xs, ys, Xt)
    alone = LogisticRegression(C=0.1).fit(Xs, ys).score(Xt, yt)
    with_transfer = make_transfer_pipeline(clone(model), LogisticRegression(C=10.0))
    with_transfer.fit(X, y, sample_domain=domains)
    assert with_transfer.score(Xt, yt) > alone + 0.1


@pytest.mark.parametrize("model", ALL)
def test_masked_labels_stand_for_the_target(model):
    X, domains = draw(20, 20, 5)
    y = np.where(domains > 0, np.arange(40) % 2, -1)
    assert_array_equal(
        clone(model).fit_transform(X, y),
        clone(model).fit_transform(X, y, sample_domain=domains),
    )


@pytest.mark.parametrize("model", ALL)
def test_constant_and_duplicate_features_do_no_harm(model):
    X, domains = draw(12, 12, 5)
    X[:, 1] = 2.0
    X[:, 2] = X[:, 0]
    y = np.arange(24) % 2
    transformed = clone(model).fit_transform(X, y, sample_domain=domains)
    assert np.isfinite(transformed).all()


@pytest.mark.parametrize("model", ALL)
def test_precision_is_kept_and_domains_are_checked(model):
    X, domains = draw(20, 20, 5)
    y = np.arange(40) % 2
    fitted = clone(model).fit(X.astype(np.float32), y, sample_domain=domains)
    assert fitted.transform(X.astype(np.float32)).dtype == np.float32
    with pytest.raises(DomainError, match="no target sample"):
        clone(model).fit(X, y, sample_domain=np.ones(40, int))
    with pytest.raises(ValueError, match="sample_domain must have shape"):
        fitted.transform(X.astype(np.float32), sample_domain=[1])
    with pytest.warns(DomainWarning, match="aligns nothing"):
        clone(model).fit(X, y)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (CORAL(regularization=-1), "regularization must be at least 0"),
        (SubspaceAlignment(6), "n_components must be at most 5"),
        (TransferComponentAnalysis(6), "n_components must be at most 5"),
        (TransferComponentAnalysis(regularization=0), "regularization must be greater than 0"),
        (TransferComponentAnalysis(kernel="poly"), "kernel must be one of linear, rbf, got 'poly'"),
        (TransferComponentAnalysis(kernel="rbf", gamma=-1.0), "gamma must be"),
        (JointDistributionAdaptation(max_iter=0), "max_iter must be at least 1"),
    ],
)
def test_bad_parameters_are_named(model, message):
    X, domains = draw(20, 20, 5)
    with pytest.raises(ValueError, match=message):
        model.fit(X, np.arange(40) % 2, sample_domain=domains)


def test_source_labels_must_be_known():
    X, domains = draw(20, 20, 5)
    with pytest.raises(DomainError, match="20 source samples have no label"):
        JointDistributionAdaptation().fit(X, np.full(40, -1), sample_domain=domains)
    with pytest.raises(ValueError, match="X has 40 samples, y has 3 labels"):
        JointDistributionAdaptation().fit(X, [0, 1, 0], sample_domain=domains)


@pytest.mark.parametrize(
    ("file", "published"),
    [
        ("USPS_vs_MNIST.mat", 59.65),
        ("MNIST_vs_USPS.mat", 67.28),
    ],
)
def test_jda_is_not_below_its_published_accuracies_on_digits(file, published):
    folder = os.environ.get("SPARSETRANSFER_DATA")
    if folder is None:
        pytest.skip("SPARSETRANSFER_DATA does not name a folder with benchmarks/*.mat")
    table = loadmat(Path(folder) / "benchmarks" / file)
    X = normalize(np.vstack([table["X_src"].T, table["X_tar"].T]).astype(float))
    y = table["Y_src"].ravel().astype(int)
    domains = np.repeat([1, -1], [len(y), len(X) - len(y)])
    labels = np.concatenate([y, np.full(len(X) - len(y), -1)])
    model = JointDistributionAdaptation(100, regularization=0.1, max_iter=5)
    model.fit(X, labels, sample_domain=domains)
    # Samples are centred here, and the domains do not weigh as much as all classes together.
    assert 100 * np.mean(model.pseudo_labels_ == table["Y_tar"].ravel()) > published - 1


# A peer at its own scale


@pytest.fixture(scope="module")
def skada():
    # Importing it changes scikit-learn's configuration for the whole process.
    with sklearn.config_context():
        return pytest.importorskip("skada", reason="skada is not installed: only compared with")


@pytest.mark.filterwarnings("ignore")
def test_coral_agrees_with_skada(skada):
    X, domains = draw(30, 40, 5)
    X[:30] -= X[:30].mean(axis=0)  # it leaves the means alone
    X[30:] -= X[30:].mean(axis=0)
    peer = skada.CORALAdapter(reg=None, assume_centered=True)
    expected = np.asarray(peer.fit_transform(X, sample_domain=domains))
    ours = CORAL(regularization=0).fit_transform(X, sample_domain=domains)
    # It divides by n, not by n - 1.
    assert_allclose(ours[:30] * np.sqrt(30 / 29 * 39 / 40), expected[:30], atol=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_alignment_agrees_with_skada(skada):
    X, domains = draw(30, 40, 5)
    peer = skada.SubspaceAlignmentAdapter(n_components=3)
    expected = np.asarray(peer.fit_transform(X, sample_domain=domains))
    got = SubspaceAlignment(3).fit_transform(X, sample_domain=domains)
    assert_allclose(np.abs(got), np.abs(expected), atol=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_components_agree_with_skada(skada):
    X, domains = draw(30, 40, 5)
    # It takes eigenvectors of a matrix that is symmetric for small mu only, as if it always were.
    mu = 1e-9
    peer = skada.TransferComponentAnalysisAdapter(kernel="rbf", n_components=3, mu=mu)
    expected = np.asarray(peer.fit_transform(X, sample_domain=domains))
    strength = 1 / (mu * (1 / 30 + 1 / 40))
    model = TransferComponentAnalysis(3, kernel="rbf", regularization=strength)
    got = model.fit_transform(X, sample_domain=domains)
    correlation = np.corrcoef(got.T, expected.T)[:3, 3:]
    assert_allclose(np.abs(np.diag(correlation)), 1, atol=1e-7)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6, 1e8, 1e12, 1e100])
def test_mean_matching_at_any_scale(scale, offset, kernel):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 10)), rng.normal(0.5, size=(50, 10))])
    domains = np.repeat([1, -1], [60, 50])
    y = np.arange(110) % 3
    regularization = scale**2 if kernel == "linear" else 1.0
    gamma = 0.1 / scale**2
    if gamma == 0 or not np.isfinite(regularization):
        pytest.skip("the parameters themselves are no numbers")
    for make in (TransferComponentAnalysis, JointDistributionAdaptation):
        plain = make(3, kernel=kernel, gamma=0.1).fit(X, y, sample_domain=domains)
        large = make(3, kernel=kernel, gamma=gamma, regularization=regularization)
        large.fit(scale * (X + offset), y, sample_domain=domains)
        # Ten digits of the samples are left at the offset.
        np.testing.assert_allclose(large.projection_, plain.projection_, atol=1e-5)
        np.testing.assert_allclose(large.eigenvalues_, plain.eigenvalues_, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e6, 1e8, 1e12])
def test_mean_matching_of_large_numbers_keeps_its_ridge(scale):
    """Where the ridge vanishes beside the samples, matched means are equal and the rest is PCA."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 10)), rng.normal(0.5, size=(50, 10))])
    domains = np.repeat([1, -1], [60, 50])
    model = TransferComponentAnalysis(3)
    Z = model.fit_transform(scale * X, sample_domain=domains) / scale
    difference = X[:60].mean(axis=0) - X[60:].mean(axis=0)
    across = np.eye(10) - np.outer(difference, difference) / (difference @ difference)
    rest = (X - X.mean(axis=0)) @ across
    _, lengths, _ = np.linalg.svd(rest, full_matrices=False)
    np.testing.assert_allclose(np.sqrt(model.eigenvalues_) / scale, lengths[:3], rtol=1e-6)
    assert np.abs(Z[:60].mean(axis=0) - Z[60:].mean(axis=0)).max() < 1e-8


@pytest.mark.parametrize("scale", [1e200, 1e-9])
def test_numbers_beyond_every_ridge_are_refused_by_name(scale):
    X = scale * np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match=r"X must .*StandardScaler"):
        TransferComponentAnalysis(2).fit(X, sample_domain=np.repeat([1, -1], 10))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-9, 1e9])
@pytest.mark.parametrize("make", [TransferComponentAnalysis, JointDistributionAdaptation])
def test_a_kernel_that_tells_nothing_about_the_samples_is_refused(make, scale, dtype):
    X = (scale * np.random.default_rng(0).normal(size=(20, 3))).astype(dtype)
    with pytest.raises(
        ValueError, match=r"gamma=0.333 does not fit the scale of X.*StandardScaler"
    ):
        make(2, kernel="rbf").fit(X, np.arange(20) % 2, sample_domain=np.repeat([1, -1], 10))


def test_equal_eigenvalues_give_as_many_components_as_asked_for():
    """Of samples that a kernel hardly relates all directions are alike; LAPACK returns some."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 6)), rng.normal(0.5, size=(50, 6))])
    domains, y = np.repeat([1, -1], [60, 50]), np.arange(110) % 3
    squared = np.sort(((X[:, None] - X[None]) ** 2).sum(axis=2), axis=None)[110]
    for weakest in (1e-14, 1e-12, 1e-8):
        model = JointDistributionAdaptation(3, kernel="rbf", gamma=-np.log(weakest) / squared)
        assert model.fit_transform(X, y, sample_domain=domains).shape == (110, 3)


@pytest.mark.parametrize("scale", [1e8, 1e15])
def test_coral_in_single_precision_at_any_scale(scale):
    X, domains = draw(80, 60, 5)
    plain = CORAL(regularization=0.0).fit_transform(X, sample_domain=domains)
    single = (scale * X).astype(np.float32)
    large = CORAL().fit_transform(single, sample_domain=domains)
    assert large.dtype == np.float32
    np.testing.assert_allclose(large / scale, plain, atol=1e-5 * abs(plain).max())


def test_a_ridge_that_hides_both_covariances_is_refused():
    X, domains = draw(80, 60, 5)
    with pytest.raises(ValueError, match="regularization=1 hides the covariances of X"):
        CORAL().fit(1e-9 * X, sample_domain=domains)
    CORAL(0.0).fit(1e-9 * X, sample_domain=domains)
    CORAL().fit(np.ones((140, 2)), sample_domain=domains)


def test_other_methods_at_large_offsets_and_scales():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 6)), 2 * rng.normal(0.5, size=(50, 6))])
    domains = np.repeat([1, -1], [60, 50])
    for make in (lambda r: CORAL(r), lambda _: SubspaceAlignment(3)):
        plain = make(1.0).fit_transform(X, sample_domain=domains)
        for scale in (1e-8, 1e8, 1e100):
            large = make(scale**2).fit_transform(scale * (X + 1e5), sample_domain=domains)
            offset = 0 if large.shape[1] == 3 else 1e5
            np.testing.assert_allclose(large / scale - offset, plain, atol=1e-6)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_alignment_of_subspaces_is_that_of_any_size(size):
    rng = np.random.default_rng(0)
    X, domains = rng.normal(size=(20, 4)), np.repeat([1, -1], 10)
    size = 2.0 ** round(np.log2(size))
    plain = SubspaceAlignment(2).fit_transform(X, sample_domain=domains)
    assert_allclose(
        SubspaceAlignment(2).fit_transform(size * X, sample_domain=domains), size * plain
    )


def test_a_domain_without_spread_has_no_subspace():
    X, domains = np.random.default_rng(0).normal(size=(20, 4)), np.repeat([1, -1], 10)
    for sign, name in ((1, "source"), (-1, "target")):
        equal = np.where((domains == sign)[:, None], 3.0, X)
        with pytest.raises(ValueError, match=f"all {name} samples are equal"):
            SubspaceAlignment(2).fit(equal, sample_domain=domains)
