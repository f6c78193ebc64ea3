"""Time the pooled codes of sequences: ours, scikit-learn's `SparseCoder` and SPAMS with NumPy pooling.

``python benchmarks/peers/pooled.py [FRAMES] [--features F] [--atoms K]``: each library codes the same
float64 frames on one thread, in a process of its own, and pools means of both signs per sequence.
Prints frames per second of CPU time, the memory that the call added at its peak, and the largest
violation of the optimality conditions of 500 of its codes, in units of alpha, in float64.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

ALPHA = 0.2
LIBRARIES = ("sparsetransfer", "scikit-learn", "spams")
LENGTH = 300


def problem(frames, features, atoms):
    """Unit frames of decaying spectrum, and atoms that are frames with noise."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(40, features)) * np.linspace(1, 0.1, 40)[:, None]
    X = rng.normal(size=(frames + atoms, 40)) @ mixing + 0.3 * rng.normal(
        size=(frames + atoms, features)
    )
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return np.ascontiguousarray(X[:frames]), np.ascontiguousarray(X[frames:])


def pooled(codes, starts, lengths):
    sides = (np.add.reduceat(np.maximum(sign * codes, 0), starts, axis=0) for sign in (1, -1))
    return np.stack([side / lengths[:, None] for side in sides], axis=1)


def scikit_learn(X, D):
    from sklearn.decomposition import SparseCoder

    coder = SparseCoder(D, transform_algorithm="lasso_cd", transform_alpha=ALPHA, n_jobs=1)
    return coder.transform(X)


def spams(X, D):
    import spams as peer

    codes = peer.lasso(
        np.asfortranarray(X.T), D=np.asfortranarray(D.T), lambda1=ALPHA, mode=2, numThreads=1
    )
    return codes.T.toarray()


def violation(X, D, codes):
    gradient = (X - codes @ D) @ D.T
    off = np.maximum(abs(gradient) - ALPHA, 0)
    return np.where(codes != 0, abs(gradient - ALPHA * np.sign(codes)), off).max() / ALPHA


def measure(library, frames, features, atoms):
    X, D = problem(frames, features, atoms)
    starts = np.arange(0, frames, LENGTH)
    lengths = np.diff(np.append(starts, frames))
    if library == "sparsetransfer":
        from sparsetransfer.sparse_coding import lasso, lasso_pooled

        def code(x):
            return lasso(x, D, ALPHA, n_jobs=1).codes

        def run(x):
            return lasso_pooled(x, lengths, D, ALPHA, n_jobs=1).values[:, 0]
    else:

        def code(x):
            return (scikit_learn if library == "scikit-learn" else spams)(x, D)

        def run(x):
            return pooled(code(x), starts, lengths)

    worst = violation(X[:500], D, code(X[:500]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    run(X)
    seconds = time.process_time() - start
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"| {library} | {frames / seconds:,.0f} | {added:,.0f} MB | {worst:.0e} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=int, nargs="?", default=30_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--atoms", type=int, default=1024)
    parser.add_argument("--library", choices=LIBRARIES)
    given = parser.parse_args()
    if given.library:
        measure(given.library, given.frames, given.features, given.atoms)
        return
    print(
        "| library | frames per CPU second | memory added | violation / alpha |\n|---|---|---|---|"
    )
    for library in LIBRARIES:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--library", library], check=True)


if __name__ == "__main__":
    main()
