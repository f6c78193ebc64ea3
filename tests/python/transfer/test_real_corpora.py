"""The certificate on features of real emotional speech."""

import numpy as np
import pytest

from sparsetransfer.transfer import TransferSparseCoding


@pytest.fixture(scope="module")
def features(real_speech):
    """EMO-DB and URDU: z-score per corpus, joint PCA to 40 dimensions, unit length."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import normalize, scale

    from sparsetransfer import corpora
    from sparsetransfer.features import extract

    root, cache = real_speech
    parts = [
        scale(extract(corpora.read(name, root / name), cache=cache).values)
        for name in ("emodb", "urdu")
    ]
    joint = np.vstack([np.nan_to_num(part) for part in parts])
    X = normalize(PCA(40, random_state=0).fit_transform(joint))
    return X, np.repeat([1, -1], [len(part) for part in parts])


@pytest.mark.filterwarnings("ignore:the alternation stopped")
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 1e-3)])
@pytest.mark.parametrize("mmd", [0.0, 1.0, 60.0, 600.0])
def test_codes_are_optimal_at_published_strengths(features, dtype, tolerance, mmd):
    X, domains = features
    X = X.astype(dtype)
    model = TransferSparseCoding(128, mmd=mmd, max_iter=15, random_state=0)
    model.fit(X, sample_domain=domains)
    assert model.kkt_violation_ <= tolerance * model.alpha
    assert (np.diff(model.history_) <= 1e-6 * model.history_[0]).all()
    # Once more in float64 and from the definition, on the returned point.
    S, D, wide = (a.astype(np.float64) for a in (model.codes_, model.components_, X))
    m = np.where(domains > 0, 1 / (domains > 0).sum(), -1 / (domains < 0).sum())
    gradient = (S @ D - wide) @ D.T + mmd / (m @ m) * np.outer(m, m @ S)
    violation = np.where(
        S != 0,
        np.abs(gradient + model.alpha * np.sign(S)),
        np.maximum(np.abs(gradient) - model.alpha, 0),
    )
    assert violation.max() <= 2 * tolerance * model.alpha
