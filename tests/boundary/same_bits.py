"""Hash what every family of solvers returns, with its data at several addresses.

A program of its own: BLAS reads its number of threads when a process starts.
"""

import hashlib
import warnings

import numpy as np

import sparsetransfer as st
from sparsetransfer import (
    classification,
    dictionary,
    graph,
    mmd,
    sparse_coding,
    subspace,
    transfer,
)

OFFSETS = (0, 8, 24)


def placed(array, offset):
    """A copy of `array` that begins `offset` bytes after a multiple of 64."""
    raw = np.zeros(array.nbytes + 128, np.uint8)
    begin = -raw.ctypes.data % 64 + offset
    copy = raw[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def numbers(result):
    """All arrays and floats of a result, an estimator's included."""
    if isinstance(result, (np.ndarray, float)):
        return [np.asarray(result)]
    if isinstance(result, (list, tuple)):
        return [found for item in result for found in numbers(item)]
    values = vars(result) if hasattr(result, "__dict__") else {}
    return [found for name in sorted(values) for found in numbers(values[name])]


def calls(dtype):
    """The families: a name, and what it computes of placed arrays."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 200)).astype(dtype)
    D = rng.normal(size=(300, 200)).astype(dtype)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    y = np.arange(500) % 3
    domain = np.where(np.arange(500) < 250, 1, -1)
    masked = np.where(domain > 0, y, -1)
    small, few = X[:, :70], D[:40, :70]
    for algorithm in ("lasso_lars", "lasso_cd", "lars", "threshold", "omp", "fista", "homotopy"):
        yield (
            f"sparse_encode {algorithm}",
            (X[:80], D),
            lambda x, d, a=algorithm: st.sparse_encode(
                x, d, alpha=1.0, algorithm=a, n_nonzero_coefs=5 if a in ("lars", "omp") else None
            ),
        )
    yield "lasso_path", (X[:5], D), lambda x, d: sparse_coding.lasso_path(x, d, max_iter=50)
    yield (
        "random_features",
        (X[:250], X[250:]),
        lambda a, b: mmd.random_features(a, b, gradient=True, random_state=0),
    )
    for estimator in ("biased", "unbiased", "linear_time"):
        for kernel in (mmd.linear, mmd.gaussian):
            yield (
                f"{kernel.__name__} {estimator}",
                (X[:250], X[250:]),
                (lambda a, b, k=kernel, e=estimator: k(a, b, estimator=e, gradient=True)),
            )
    yield (
        "two_sample_test",
        (X[:251], X[251:]),
        lambda a, b: mmd.two_sample_test(a, b, n_permutations=50, random_state=0),
    )
    for method in ("samples", "spread", "svd"):
        for rows in (500, 90):
            yield (
                f"initial {method} {rows}",
                (X[:rows],),
                (lambda x, m=method: dictionary.initial_dictionary(x, 60, method=m, rng=0)),
            )
    for method in ("block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"):
        yield (
            f"learn {method}",
            (small,),
            lambda x, m=method: dictionary.learn_dictionary(
                x, 90, alpha=1.0, method=m, max_iter=3, rng=0
            ),
        )
    yield (
        "learn l1_ratio",
        (small,),
        lambda x: dictionary.learn_dictionary(x, 90, alpha=1.0, l1_ratio=0.5, max_iter=3, rng=0),
    )
    yield (
        "learn online",
        (small,),
        lambda x: dictionary.learn_dictionary_online(x, 90, alpha=1.0, rng=0),
    )
    yield (
        "DictionaryLearning",
        (small,),
        lambda x: dictionary.DictionaryLearning(90, max_iter=3, random_state=0).fit(x),
    )
    yield "knn_graph", (X,), lambda x: graph.laplacian(graph.knn_graph(x, 5)).data
    yield (
        "transfer_encode",
        (small, few),
        lambda x, d: transfer.transfer_encode(x, d, domain, alpha=0.5, mmd=1.0),
    )
    yield (
        "TransferSparseCoding",
        (small,),
        lambda x: transfer.TransferSparseCoding(40, max_iter=3, random_state=0).fit(
            x, sample_domain=domain
        ),
    )
    yield (
        "kernel_encode",
        (small, few),
        lambda x, d: transfer.kernel_encode(
            x, d, domain, alpha=0.5, bandwidths=[1.0], mmd=1.0, max_iter=15
        ),
    )
    yield (
        "KernelTransferSparseCoding",
        (small,),
        lambda x: (
            found := transfer.KernelTransferSparseCoding(
                40, max_iter=2, code_iter=10, random_state=0
            ).fit(x, sample_domain=domain),
            found.transform(x[:60]),
        ),
    )
    estimators = [
        transfer.DoSL(),
        transfer.JDAR(),
        transfer.TRaSL(),
        transfer.AKTLR(),
        transfer.TDLR(),
        transfer.TSDSL(),
        transfer.ImplicitDistributionAlignment(),
        subspace.CORAL(),
        subspace.SubspaceAlignment(),
        subspace.TransferComponentAnalysis(),
        subspace.JointDistributionAdaptation(),
    ]
    for estimator in estimators:
        yield (
            type(estimator).__name__,
            (small,),
            lambda x, e=estimator: (
                found := e.fit(x, masked, sample_domain=domain),
                (found.predict if hasattr(found, "predict") else found.transform)(x),
            ),
        )
    yield (
        "TransferNMF",
        (abs(small),),
        lambda x: transfer.TransferNMF(20, max_iter=5, random_state=0).fit(x, sample_domain=domain),
    )
    yield "sparse_regression", (X, X[:, :3]), lambda x, t: transfer.sparse_regression(x, t, l21=5.0)
    yield "BalancedRidge", (X,), lambda x: classification.BalancedRidge().fit(x, y)


def main():
    warnings.simplefilter("ignore")
    for dtype in (np.float64, np.float32):
        for name, arrays, call in calls(dtype):
            for offset in OFFSETS:
                digest = hashlib.sha1()
                for found in numbers(call(*(placed(array, offset) for array in arrays))):
                    digest.update(np.ascontiguousarray(found).tobytes())
                print(f"{name} {np.dtype(dtype)}\t{offset}\t{digest.hexdigest()}")


if __name__ == "__main__":
    main()
