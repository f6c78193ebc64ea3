"""Hash what every family of solvers returns, with its data at the offsets that are the arguments.

A program of its own: BLAS reads its number of threads when a process starts.
"""

import hashlib
import sys
import warnings
from functools import partial
from typing import get_args

import numpy as np

import sparsetransfer as st
from sparsetransfer import (
    classification,
    dictionary,
    distributed,
    graph,
    mmd,
    sparse_coding,
    subspace,
    transfer,
)
from sparsetransfer._linalg import matmul  # NumPy's follows the threads of BLAS
from sparsetransfer.sparse_coding.functional import LassoAlgorithm


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
    slots = [name for kind in type(result).__mro__ for name in getattr(kind, "__slots__", ())]
    names = sorted({*getattr(result, "__dict__", ()), *slots})
    return [found for name in names for found in numbers(getattr(result, name, None))]


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
        lambda a, b: mmd.random_features(a, b, gradient=True, rng=0),
    )
    for estimator in ("biased", "unbiased", "linear_time"):
        for kernel in (mmd.linear, mmd.gaussian, mmd.laplace, mmd.inverse_multiquadric):
            yield (
                f"{kernel.__name__} {estimator}",
                (X[:250], X[250:]),
                (lambda a, b, k=kernel, e=estimator: k(a, b, estimator=e, gradient=True)),
            )
    yield (
        "two_sample_test",
        (X[:251], X[251:]),
        lambda a, b: mmd.two_sample_test(a, b, n_permutations=50, rng=0),
    )
    yield (
        "two_sample_test fused",
        (X[:251], X[251:]),
        lambda a, b: mmd.two_sample_test(
            a, b, bandwidths="quantiles", combine="fuse", n_permutations=50, rng=0
        ),
    )
    for method in ("samples", "spread", "svd"):
        for rows in (500, 90):
            yield (
                f"initial {method} {rows}",
                (X[:rows],),
                (
                    lambda x, m=method: dictionary.steps.initialisation.initial_dictionary(
                        x, 60, init=m, rng=0
                    )
                ),
            )
    for method in ("block_coordinate", "lagrange_dual", "optimal_directions", "ksvd"):
        yield (
            f"learn {method}",
            (small,),
            lambda x, m=method: dictionary.learn_dictionary(
                x, 90, alpha=1.0, dictionary_update=m, max_iter=3, rng=0
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


def further_calls(dtype):
    """The other ways to call the solvers: variants, prepared and pooled forms, estimators."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 70)).astype(dtype)
    D = rng.normal(size=(150, 70)).astype(dtype)
    y, domain = np.arange(300) % 3, np.where(np.arange(300) < 150, 1, -1)
    masked = np.where(domain > 0, y, -1)
    seen = rng.random(X.shape) < 0.8
    weights = rng.uniform(0.5, 2, 300)
    for algorithm in get_args(LassoAlgorithm):
        yield (
            f"lasso {algorithm}",
            (X[:90], D),
            lambda x, d, a=algorithm: (
                sparse_coding.lasso(x, d, 2.0, algorithm=a, l2=0.1),
                sparse_coding.lasso(x[:3], d, 2.0, algorithm=a, positive_code=True),
            ),
        )
    yield (
        "lasso masked",
        (X[:90], D),
        lambda x, d: sparse_coding.lasso(x, d, 2.0, mask=np.repeat(seen[:45], 2, axis=0)),
    )
    yield (
        "lasso_gram",
        (matmul(D, D.T), matmul(X[:90], D.T)),
        lambda gram, cov: sparse_coding.lasso_gram((gram + gram.T) / 2, cov, 2.0),
    )
    yield (
        "omp_gram",
        (matmul(D, D.T), matmul(X[:90], D.T), (X[:90] ** 2).sum(axis=1)),
        lambda gram, cov, norms: sparse_coding.omp_gram((gram + gram.T) / 2, cov, norms, 6),
    )
    yield "omp ols", (X[:90], D), lambda x, d: sparse_coding.omp(x, d, 6, rule="ols")
    yield "threshold", (X, D), lambda x, d: sparse_coding.threshold(x, d, 2.0)
    yield (
        "PreparedDictionary",
        (X[:90], D),
        lambda x, d: [
            code(rows, prepared)
            for prepared in [sparse_coding.PreparedDictionary(d)]
            for code in (
                partial(sparse_coding.lasso, alpha=2.0),
                partial(sparse_coding.omp, n_nonzero_coefs=6),
                partial(sparse_coding.lasso_path, max_iter=20),
            )
            for rows in (x[:1], x)
        ],
    )
    yield (
        "SparseCoder",
        (X[:90], D),
        lambda x, d: sparse_coding.SparseCoder(
            d, transform_algorithm="lasso_lars", transform_alpha=2.0
        ).transform(x),
    )
    yield (
        "lasso_pooled",
        (X, D),
        lambda x, d: sparse_coding.lasso_pooled(
            x, [100, 1, 199], d, 2.0, pooling=("mean", "rms", "max")
        ),
    )
    yield (
        "sparse_output",
        (X, D),
        lambda x, d: [
            sparse_coding.lasso(x, d, 2.0, sparse_output=True),
            sparse_coding.omp(x, d, 6, sparse_output=True),
        ],
    )
    sequences = np.split(np.arange(1500), [600, 601, 1000])
    yield (
        "PooledSparseCoder",
        (np.tile(np.hstack([X, X[::-1]]), (5, 1)),),  # BLAS threads from some such size on
        lambda x: (
            found := transfer.PooledSparseCoder(60, n_whitened=20, random_state=0).fit(
                [x[rows] for rows in sequences], sample_domain=[1, 1, -1, -1]
            ),
            found.transform([x[rows] for rows in sequences], sample_domain=[1, 1, -1, -1]),
        ),
    )
    for options in ({"mask": seen}, {"sample_weight": weights}, {"positive_code": True}):
        for learn in (dictionary.learn_dictionary, dictionary.learn_dictionary_online):
            passes = {"max_iter": 2} if learn is dictionary.learn_dictionary else {}
            yield (
                f"{learn.__name__} {next(iter(options))}",
                (X,),
                partial(learn, n_components=90, alpha=1.0, rng=0, **options, **passes),
            )
    yield (
        "learn_dictionary few",
        (X[:5],),
        lambda x: dictionary.learn_dictionary(x, 20, alpha=1.0, max_iter=2, rng=0),
    )
    yield (
        "MiniBatchDictionaryLearning",
        (X,),
        lambda x: dictionary.MiniBatchDictionaryLearning(90, max_iter=2, random_state=0).fit(x),
    )
    codes = (rng.normal(size=(300, 150)) * (rng.random((300, 150)) < 0.1)).astype(dtype)
    yield (
        "update_ksvd",
        (X, D / 10, codes),
        lambda x, d, c: list(dictionary.steps.updates.update_ksvd(x, d, c)),
    )
    for method in ("block_coordinate", "lagrange_dual", "optimal_directions"):
        yield (
            f"update_dictionary {method}",
            (X, D / 10, codes),
            lambda x, d, c, m=method: dictionary.update_dictionary(
                d, dictionary.Statistics(150, 70, dtype=x.dtype).add(x, c), dictionary_update=m
            ),
        )
    yield "witness", (X, X[:150], X[150:]), mmd.witness
    yield (
        "DriftDetector",
        (X[:150], X[150:]),
        lambda x, y: mmd.DriftDetector(
            x, window=60, max_reference=90, random_state=0, n_permutations=19
        ).push(y),
    )
    yield "nearest_neighbours", (X,), lambda x: graph.nearest_neighbours(x, 5)
    for solver in ("auto", "fista", "newton", "admm", "gauss-seidel"):
        yield (
            f"transfer_encode {solver}",
            (X, D[:40]),
            lambda x, d, s=solver: transfer.transfer_encode(
                x, d, domain, alpha=0.5, mmd=5.0, solver=s, max_iter=40
            ),
        )
    for options in ({}, {"label": 1.0, "y": masked}, {"laplacian": 1.0}):
        yield (
            f"transfer_learn {''.join(options)}",
            (X, D[:40] / 10),
            lambda x, d, o=options: transfer.transfer_learn(
                x,
                d,
                domain,
                alpha=0.5,
                mmd=5.0,
                max_iter=3,
                graph=graph.laplacian(graph.knn_graph(x, 5)) if "laplacian" in o else None,
                **o,
            ),
        )
    yield (
        "kernel_learn",
        (X, D[:40] / 10),
        lambda x, d: transfer.kernel_learn(x, d, domain, max_iter=2, code_iter=10),
    )
    yield (
        "TransferSparseCoding with labels",
        (X,),
        lambda x: (
            found := transfer.TransferSparseCoding(
                40,
                max_iter=3,
                matching=transfer.DomainMatching(conditional=1.0, n_rounds=1),
                random_state=0,
            ).fit(x, masked, sample_domain=domain),
            found.transform(x[:60]),
        ),
    )
    yield (
        "distributed.learn",
        (X,),
        lambda x: distributed.learn(
            distributed.Chunks.from_array(x, chunk_size=70), 40, alpha=1.0, max_iter=2, rng=0
        ),
    )
    yield (
        "BalancedRidge, decisions",
        (X,),
        lambda x: classification.BalancedRidge().fit(x, np.arange(len(x)) % 3).decision_function(x),
    )


def main():
    warnings.simplefilter("ignore")
    for dtype in (np.float64, np.float32):
        for name, arrays, call in (*calls(dtype), *further_calls(dtype)):
            for offset in map(int, sys.argv[1:]):
                digest = hashlib.sha1()
                answer = numbers(call(*(placed(array, offset) for array in arrays)))
                assert any(found.size for found in answer), f"{name} returned nothing to compare"
                for found in answer:
                    digest.update(np.ascontiguousarray(found).tobytes())
                print(f"{name} {np.dtype(dtype)}\t{offset}\t{digest.hexdigest()}")


if __name__ == "__main__":
    main()
