"""Pooled sparse codes of sequences: against NumPy and `lasso`, invariances, bad sequences, files."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sparsetransfer.exceptions import DomainError
from sparsetransfer.mmd import linear
from sparsetransfer.sparse_coding import lasso
from sparsetransfer.transfer import PooledSparseCoder

DOMAINS = np.array([1, 1, 1, 2, 2, -1, -1, -1])


def sequences(seed=0, dtype=np.float64, n_features=10):
    """Sequences of three domains that differ in offset and scale, of several lengths."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(6, n_features))
    shift = {1: 0.0, 2: 5.0, -1: -3.0}
    return [
        (
            (1 + abs(int(domain))) * rng.normal(size=(length, 6)) @ mixing
            + shift[int(domain)]
            + 0.1 * rng.normal(size=(length, n_features))
        ).astype(dtype)
        for domain, length in zip(DOMAINS, (60, 1, 45, 80, 33, 71, 2, 50), strict=True)
    ]


def coder(**changes):
    return PooledSparseCoder(**({"n_components": 20, "n_whitened": 5, "random_state": 0} | changes))


def by_hand(fitted, frames, place, number=0):
    """The columns of one sequence out of the definitions, in float64."""
    standard = (frames - fitted.means_[place]) / fitted.scales_[place]
    white = standard @ fitted.whitening_
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    codes = lasso(white, fitted.components_[number].astype(np.float64), fitted.alpha).codes
    pooled = {
        "mean": lambda part: part.mean(axis=0),
        "rms": lambda part: np.sqrt((part**2).mean(axis=0)),
        "max": lambda part: part.max(axis=0),
    }
    parts = (np.maximum(codes, 0), np.maximum(-codes, 0)) if fitted.split_sign else (np.abs(codes),)
    columns = [pooled[name](part) for name in fitted.pooling for part in parts]
    return np.concatenate(columns) ** fitted.power


@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-7), (np.float32, 5e-3)])
@pytest.mark.parametrize("split_sign", [True, False])
def test_columns_follow_from_the_definitions(dtype, atol, split_sign):
    X = sequences(dtype=dtype)
    fitted = coder(pooling=("max", "mean", "rms"), split_sign=split_sign, n_dictionaries=2)
    codes = fitted.fit_transform(X, sample_domain=DOMAINS)
    assert codes.dtype == dtype
    assert fitted.view_widths_ == [3 * (2 if split_sign else 1) * 20] * 2
    assert codes.shape == (8, sum(fitted.view_widths_))
    assert fitted.get_feature_names_out().shape == (codes.shape[1],)
    places = np.searchsorted(fitted.domains_, DOMAINS)
    for row, frames, place in zip(codes, X, places, strict=True):
        expected = [by_hand(fitted, frames.astype(np.float64), place, i) for i in range(2)]
        np.testing.assert_allclose(row, np.concatenate(expected), atol=atol)


def test_standardisation_is_that_of_the_domain():
    X = sequences()
    fitted = coder().fit(X, sample_domain=DOMAINS)
    assert fitted.domains_.tolist() == [-1, 1, 2]
    for place, domain in enumerate(fitted.domains_):
        frames = np.concatenate([x for x, d in zip(X, DOMAINS, strict=True) if d == domain])
        np.testing.assert_allclose(fitted.means_[place], frames.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(fitted.scales_[place], frames.std(axis=0), rtol=1e-12)


def moved(by, offset):
    return [
        x * by + offset if domain == 2 else x
        for x, domain in zip(sequences(), DOMAINS, strict=True)
    ]


def test_a_change_of_scale_of_one_domain_changes_no_bit():
    """Powers of two are exact, so that the frames are those of before to the last bit."""
    first = coder().fit_transform(sequences(), sample_domain=DOMAINS)
    second = coder().fit_transform(moved(2.0 ** np.arange(-3, 7), 0), sample_domain=DOMAINS)
    np.testing.assert_array_equal(first, second)


def test_a_change_of_scale_and_offset_of_one_domain_changes_nothing():
    """Up to rounding, to which learning is not continuous: both code in the same dictionary."""
    X = moved(np.linspace(1, 9, 10), 7)
    first, second = (coder().fit(each, sample_domain=DOMAINS) for each in (sequences(), X))
    np.testing.assert_allclose(first.whitening_, second.whitening_, atol=1e-12)
    second.components_ = first.components_
    np.testing.assert_allclose(
        first.transform(sequences(), sample_domain=DOMAINS),
        second.transform(X, sample_domain=DOMAINS),
        atol=1e-6,
    )


def test_the_order_of_frames_changes_nothing():
    X = sequences()
    fitted = coder().fit(X, sample_domain=DOMAINS)
    backwards = [frames[::-1] for frames in X]
    np.testing.assert_allclose(
        fitted.transform(X, sample_domain=DOMAINS),
        fitted.transform(backwards, sample_domain=DOMAINS),
        atol=1e-12,
    )


def test_rows_do_not_depend_on_other_sequences_and_bits_not_on_threads():
    X = sequences()
    fitted = coder(n_jobs=1).fit(X, sample_domain=DOMAINS)
    together = fitted.transform(X, sample_domain=DOMAINS)
    alone = [
        fitted.transform([frames], sample_domain=[domain])
        for frames, domain in zip(X, DOMAINS, strict=True)
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-12)
    threaded = coder(n_jobs=3).fit(X, sample_domain=DOMAINS)
    assert np.array_equal(threaded.transform(X, sample_domain=DOMAINS), together)


def test_labels_never_matter_but_masks_tell_the_target():
    X = sequences()
    y = np.where(DOMAINS < 0, -1, 3)
    by_mask = coder().fit_transform(X, y)
    by_domain = coder().fit_transform(X, sample_domain=np.where(DOMAINS < 0, -1, 1))
    assert np.array_equal(by_mask, by_domain)
    other = coder().fit_transform(X, y[::-1], sample_domain=np.where(DOMAINS < 0, -1, 1))
    assert np.array_equal(other, by_domain)


def test_sequences_may_lie_in_files(tmp_path):
    class Files:
        def __init__(self, arrays):
            self.paths = [tmp_path / f"{i}.npy" for i in range(len(arrays))]
            for path, array in zip(self.paths, arrays, strict=True):
                np.save(path, array)

        def __len__(self):
            return len(self.paths)

        def __getitem__(self, index):
            return np.load(self.paths[index], mmap_mode="r")

    X = sequences()
    expected = coder().fit_transform(X, sample_domain=DOMAINS)
    assert np.array_equal(coder().fit_transform(Files(X), sample_domain=DOMAINS), expected)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((0, 10)), r"X\[4\] must have at least 1 sample"),
        (np.zeros((5, 9)), r"X\[4\] must have 10 features, got 9"),
        (np.full((5, 10), np.nan), r"X\[4\]"),
        (np.zeros(10), r"X\[4\] must be a 2-D array"),
    ],
)
def test_bad_sequences_are_named_and_leave_a_fitted_coder_as_it_was(bad, message):
    X = sequences()
    spoiled = [*X[:4], bad, *X[5:]]
    with pytest.raises(ValueError, match=message):
        coder().fit(spoiled, sample_domain=DOMAINS)
    fitted = coder().partial_fit(X, sample_domain=DOMAINS)
    expected = fitted.transform(X, sample_domain=DOMAINS)
    with pytest.raises(ValueError, match=message):
        fitted.transform(spoiled, sample_domain=DOMAINS)
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(spoiled, sample_domain=DOMAINS)
    assert np.array_equal(fitted.transform(X, sample_domain=DOMAINS), expected)


def test_silence_is_coded_and_frames_at_the_mean_have_no_code():
    X = sequences()
    X[3] = np.full((40, 10), -20.0)  # constant frames in a domain with others
    fitted = coder()
    codes = fitted.fit_transform(X, sample_domain=DOMAINS)
    assert np.isfinite(codes).all()
    at_mean = np.repeat(fitted.means_[:1], 4, axis=0)
    assert not fitted.transform([at_mean], sample_domain=[-1]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_is_ignored(dtype):
    X = sequences(dtype=dtype)
    constant = [np.column_stack([x, np.full(len(x), 0.1, dtype)]) for x in X]
    fitted = coder().fit(constant, sample_domain=DOMAINS)
    assert (fitted.scales_[:, -1] == 1).all()
    np.testing.assert_allclose(fitted.whitening_[-1], 0, atol=1e-6)


def test_nothing_but_silence_is_refused():
    with pytest.raises(ValueError, match="all frames of a domain are equal"):
        coder().fit([np.ones((9, 4)), np.zeros((5, 4))], sample_domain=[1, -1])
    with pytest.raises(ValueError, match="X must have at least one sequence"):
        coder().fit([])
    X = sequences()
    with pytest.raises(OverflowError, match="squares of frames overflow"):
        coder().fit([1e200 * x for x in X], sample_domain=DOMAINS)
    legacy = (coder(random_state=np.random.RandomState(3)).fit(X, DOMAINS) for _ in range(2))
    assert len({each.components_.tobytes() for each in legacy}) == 1
    with pytest.raises(TypeError, match=r"random_state must be an integer .* got 'x'"):
        coder(random_state="x").fit(X, sample_domain=DOMAINS)


def test_domains_that_were_not_fitted_are_refused():
    X = sequences()
    fitted = coder().fit(X, sample_domain=DOMAINS)
    with pytest.raises(DomainError, match=r"not fitted: \[-7, 4\]"):
        fitted.transform(X[:2], sample_domain=[4, -7])
    target = fitted.transform(X[5:])
    assert np.array_equal(target, fitted.transform(X[5:], sample_domain=[-1, -1, -1]))
    with pytest.raises(NotFittedError):
        coder().transform(X)
    two = coder().fit(X, sample_domain=np.where(DOMAINS == 2, -2, DOMAINS))
    with pytest.raises(DomainError, match="2 targets were fitted"):
        two.transform(X)


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.0},
        {"power": 0.0},
        {"power": 1.5},
        {"pooling": ("median",)},
        {"n_components": 0},
        {"n_whitened": 0},
        {"n_dictionaries": 0},
        {"max_frames": 0},
    ],
)
def test_parameters_are_checked(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        coder(**change).fit(sequences(), sample_domain=DOMAINS)


def test_dask_arrays_are_sequences_and_workers_code_them_alike():
    array = pytest.importorskip("dask.array")
    X = sequences()
    lazy = [array.from_array(x, chunks=(7, x.shape[1])) for x in X]
    fitted = coder().fit(X, sample_domain=DOMAINS)
    other = coder().fit(lazy, sample_domain=DOMAINS)
    np.testing.assert_array_equal(fitted.components_, other.components_)
    streamed, lazily = coder(), coder()
    for part in (slice(0, 5), slice(5, 8)):
        streamed.partial_fit(X[part], sample_domain=DOMAINS[part])
        lazily.partial_fit(lazy[part], sample_domain=DOMAINS[part])
    np.testing.assert_array_equal(streamed.components_, lazily.components_)
    sent = pickle.loads(pickle.dumps(fitted))
    rows = np.vstack(
        [sent.transform(lazy[i : i + 2], sample_domain=DOMAINS[i : i + 2]) for i in (0, 2, 4, 6)]
    )
    np.testing.assert_array_equal(rows, fitted.transform(X, sample_domain=DOMAINS))


def test_dictionaries_differ_and_the_seed_decides():
    X = sequences()
    fitted = coder(n_dictionaries=2).fit(X, sample_domain=DOMAINS)
    assert not np.allclose(*fitted.components_)
    again = clone(fitted).fit(X, sample_domain=DOMAINS)
    assert np.array_equal(again.components_, fitted.components_)
    other = coder(random_state=1).fit(X, sample_domain=DOMAINS)
    assert not np.allclose(other.components_[0], fitted.components_[0])


def test_codes_standardised_per_domain_leave_a_linear_mmd_nothing():
    """Why the coder has no term of the means: what is left between the domains are second moments."""
    rows = coder().fit_transform(sequences(), sample_domain=DOMAINS)
    source, target = (
        (part - part.mean(axis=0)) / np.where(part.std(axis=0) > 1e-12, part.std(axis=0), 1.0)
        for part in (rows[DOMAINS > 0], rows[DOMAINS < 0])
    )
    assert linear(rows[DOMAINS > 0], rows[DOMAINS < 0]).value > 1e-3
    assert linear(source, target).value < 1e-24
    covariances = [part.T @ part / len(part) for part in (source, target)]
    assert np.linalg.norm(covariances[0] - covariances[1]) > 1.0


def test_few_frames_are_drawn_equally_from_the_domains():
    X = sequences()
    fitted = coder(max_frames=30, n_components=5).fit(X, sample_domain=DOMAINS)
    rng = np.random.default_rng(0)
    lengths = np.array([len(x) for x in X])
    frames = fitted._gather(X, DOMAINS, lengths, rng)
    assert frames.shape == (30, fitted.whitening_.shape[1])


def test_partial_fit_runs_on_all_moments_and_improves_the_dictionary():
    X = sequences()
    streamed = coder()
    for _ in range(3):
        streamed.partial_fit(X, sample_domain=DOMAINS)
    whole = coder().fit(X, sample_domain=DOMAINS)
    np.testing.assert_allclose(streamed.means_, whole.means_, rtol=1e-10)
    np.testing.assert_allclose(streamed.scales_, whole.scales_, rtol=1e-10)
    extra = [np.random.default_rng(5).normal(size=(30, 10))]
    streamed.partial_fit(extra, sample_domain=[-1])
    frames = np.concatenate([*[x for _ in range(3) for x in X[5:]], *extra])
    np.testing.assert_allclose(streamed.means_[0], frames.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(streamed.scales_[0], frames.std(axis=0), rtol=1e-9)
    streamed.partial_fit(extra, sample_domain=[-9])  # a new domain
    assert streamed.domains_.tolist() == [-9, -1, 1, 2]


def test_files_bring_back_the_coder(tmp_path):
    pytest.importorskip("safetensors")
    X = sequences(dtype=np.float32)
    fitted = coder(pooling=("mean", "max"), n_dictionaries=2).fit(X, sample_domain=DOMAINS)
    path = tmp_path / "coder.safetensors"
    fitted.save(path)
    loaded = PooledSparseCoder.load(path)
    assert np.array_equal(
        loaded.transform(X, sample_domain=DOMAINS), fitted.transform(X, sample_domain=DOMAINS)
    )
    with pytest.raises(ValueError, match="no statistics to learn on: use fit"):
        loaded.partial_fit(X, sample_domain=DOMAINS)
    content = path.read_bytes()
    for damaged in (
        content[:200],
        b"",
        content.replace(b"pooled_sparse_coder", b"pooled_sparse_codex"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="coder"):
            PooledSparseCoder.load(path)
    with pytest.raises(FileNotFoundError):
        PooledSparseCoder.load(tmp_path / "none")
