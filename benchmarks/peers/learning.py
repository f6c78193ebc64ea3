"""Time to a peer's dictionary: same start, same data, scored by one objective in float64.

Every peer makes its passes; ours is scored after every batch until its dictionary is as good, and
timed over as many passes, of which nothing is scored. Scores are of the optimal codes of the same
held-out signals.
"""

import argparse
import json
import time
import warnings

import numpy as np
from coding import circumstances
from problems import ALL_KINDS, SIZES, penalty_for, unit_rows

from sparsetransfer.dictionary import learn_dictionary_online
from sparsetransfer.sparse_coding import lasso


def timed(run):
    """Return what a call returns, and its CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = run()
    return result, {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def spams(X, start, alpha, epochs, batch_size, threads):
    import spams

    signals, atoms = np.asfortranarray(X.T), np.asfortranarray(start.T)
    learned, seconds = timed(
        lambda: spams.trainDL(
            signals,
            D=atoms,
            lambda1=alpha,
            mode=2,
            iter=int(epochs * -(-len(X) // batch_size)),
            batchsize=batch_size,
            numThreads=threads,
            verbose=False,
        )
    )
    return np.ascontiguousarray(learned.T), seconds


def scikit_learn(X, start, alpha, epochs, batch_size, threads):
    from sklearn.decomposition import MiniBatchDictionaryLearning

    learner = MiniBatchDictionaryLearning(
        len(start),
        alpha=alpha,
        max_iter=1,
        batch_size=batch_size,
        fit_algorithm="cd",
        dict_init=start.copy(),
        tol=0.0,
        max_no_improvement=None,
        random_state=0,
    )
    X = X[: int(epochs * len(X))] if epochs < 1 else X
    learner.set_params(max_iter=max(1, int(epochs)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, seconds = timed(lambda: learner.fit(X))
    return learner.components_, seconds


def passes_to(target, X, start, alpha, score, options):
    """Return our passes until the score is no worse than `target`; None if `max_epochs` are too few."""
    reached = []

    def callback(progress):
        if progress.iteration % options.every == 0 and score(progress.components) <= target:
            reached.append(progress.n_samples_seen / len(X))
        return bool(reached)

    learn(X, start, alpha, options, options.max_epochs, callback)
    return reached[0] if reached else None


def ours(X, start, alpha, options, n_epochs):
    """Our dictionary after so many passes over the data, and its seconds."""
    learned, seconds = timed(lambda: learn(X, start, alpha, options, n_epochs))
    return learned.components, seconds


def learn(X, start, alpha, options, n_epochs, callback=None):
    return learn_dictionary_online(
        X,
        len(start),
        alpha=alpha,
        batch_size=options.our_batch,
        n_epochs=n_epochs,
        dict_init=start,
        return_codes=False,
        callback=callback,
        rng=0,
        n_jobs=options.threads,
    )


PEERS = {"spams": spams, "scikit_learn": scikit_learn}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="spams,scikit_learn")
    parser.add_argument("--sizes", default="64x256,384x512")
    parser.add_argument("--kind", default="spectral", choices=ALL_KINDS)
    parser.add_argument("--data", help=".npy of signals in rows instead of a generated problem")
    parser.add_argument("--share", type=float, default=0.06, help="of non-zeros at the start")
    parser.add_argument("--signals", type=float, default=1.0, help="share of the grid's signals")
    parser.add_argument("--epochs", type=float, default=1.0, help="passes of the peers")
    parser.add_argument("--batch-size", type=int, default=512, help="of the peers")
    parser.add_argument("--our-batch", type=int, help="by default as the library")
    parser.add_argument("--max-epochs", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="our batches between two scores")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", help="JSON file")
    options = parser.parse_args()
    results = []
    for size in options.sizes.split(","):
        features, atoms, signals = SIZES[size]
        rng = np.random.default_rng(0)
        if options.data:
            X = unit_rows(np.load(options.data).astype(np.float64))
        else:
            X, _ = ALL_KINDS[options.kind](rng, features, atoms, int(signals * options.signals))
        start = X[rng.permutation(len(X))[:atoms]].copy()
        held_out = X[rng.permutation(len(X))[:5000]]
        alpha = penalty_for(lambda X, D, a: lasso(X, D, a).codes, X[:50], start, options.share)

        def score(D, X=held_out, alpha=alpha):
            return float(lasso(X, D, alpha, n_jobs=1).objective.mean())

        for name in options.peers.split(","):
            for round_ in range(options.rounds):
                D, seconds = PEERS[name](
                    X, start, alpha, options.epochs, options.batch_size, options.threads
                )
                target = score(D)
                passes = passes_to(target, X, start, alpha, score, options)
                after_one, seconds_of_one = ours(X, start, alpha, options, 1)
                own = None
                if passes is not None:
                    as_good, seconds_of_ours = ours(X, start, alpha, options, passes)
                    own = seconds_of_ours | {"objective": score(as_good), "epochs": passes}
                row = {
                    "size": size,
                    "kind": options.data or options.kind,
                    "signals": len(X),
                    "alpha": alpha,
                    "peer": name,
                    "round": round_,
                    "start": score(start),
                    "objective": target,
                    "seconds": seconds,
                    "ours": own,
                    "our_pass": seconds_of_one | {"objective": score(after_one)},
                }
                results.append(row)
                text = "not reached"
                if own:
                    text = (
                        f"ours {own['cpu']:.2f}s cpu {own['wall']:.2f}s wall after "
                        f"{own['epochs']:.2f} epochs: x{seconds['cpu'] / own['cpu']:.1f} cpu, "
                        f"x{seconds['wall'] / own['wall']:.1f} wall"
                    )
                print(
                    f"{size} alpha={alpha:.4g} {name} {target:.6f} in {seconds['cpu']:.2f}s cpu "
                    f"{seconds['wall']:.2f}s wall; {text}",
                    flush=True,
                )
    if options.output:
        record = {
            "learning": True,
            **circumstances(),
            "options": {name: value for name, value in vars(options).items() if name != "output"},
            "results": results,
        }
        with open(options.output, "w") as file:
            json.dump(record, file, indent=1)


if __name__ == "__main__":
    main()
