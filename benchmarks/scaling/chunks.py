"""Learning from chunks: a Dask cluster of processes beside processes that share nothing.

Writes the signals into a folder, then measures, with one thread each,

1. one process on a part of them,
2. as many independent processes as there will be workers, each on its share of the chunks,
3. a LocalCluster with as many workers on all of them,

then what the cost model of ``model.py`` needs: the scatter of the time of a chunk, and the time that
the scheduler and the workers spend on tasks without work. It prints one JSON line: seconds per
pass, efficiency (2 over 3), peak memory of a worker, and bytes over the loopback device per pass
beside the bytes of the dictionary and of a summary.
"""

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparsetransfer.distributed import Chunks, Cluster, Local, learn
from sparsetransfer.distributed.coding import code_chunk
from sparsetransfer.distributed.passes import Pass, merge
from sparsetransfer.exceptions import ConvergenceWarning


def write_signals(path, n, d, k, domain):
    """Write sparse sums of planted atoms plus noise, chunk by chunk."""
    if path.exists():
        return
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((k, d), dtype=np.float32)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rng = np.random.default_rng([1, domain > 0])
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    used = max(2, k // 50)
    for start in range(0, n, 8192):
        count = min(8192, n - start)
        found = 0.02 * rng.standard_normal((count, d), dtype=np.float32)
        chosen = rng.integers(0, k, (count, used))
        values = rng.standard_normal((count, used), dtype=np.float32) + (0.3 if domain < 0 else 0)
        for column in range(used):
            found += values[:, column, None] * atoms[chosen[:, column]]
        rows[start : start + count] = found / np.linalg.norm(found, axis=1, keepdims=True)
    rows.flush()


def chunks_of(folder, size, share=(0, 1)):
    """Return every share[1]-th chunk of both files from share[0] on."""
    both = [
        Chunks.from_npy(folder / name, chunk_size=size, domain=domain)
        for name, domain in (("source.npy", 1), ("target.npy", -1))
    ]
    return Chunks([c for part in both for c in part[share[0] :: share[1]]])


def peak_mib():
    """Return the peak resident memory of this process since it began its program."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with that of the process that started this one
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit(chunks, args, engine):
    """Learn and return wall and CPU seconds and the number of passes."""
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = learn(
            chunks,
            args.components,
            alpha=0.1,
            mmd=args.mmd,
            max_iter=args.iterations,
            tol=0.0,
            coupling_tol=1e-5,
            dtype=np.float32,
            engine=engine,
            rng=0,
            n_jobs=1,
        )
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "passes": found.n_passes,
        "gap": found.duality_gap / found.objective,
        "peak_mib": peak_mib(),
    }


def alone(args, part, of):
    """Start a process on a share of the chunks."""
    command = [sys.executable, __file__, *sys.argv[1:], "--share", str(part), str(of)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def on_cluster(args):
    """Learn on a LocalCluster; add its workers' memory and the bytes on the loopback device."""
    import psutil
    from distributed import Client, LocalCluster

    def loopback():
        return psutil.net_io_counters(pernic=True)["lo"].bytes_sent

    with (
        LocalCluster(
            n_workers=args.workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        before = loopback()
        row = fit(chunks_of(args.folder, args.chunk), args, Cluster(client))
        row["bytes"] = loopback() - before
        usage = client.run(lambda: resource.getrusage(resource.RUSAGE_SELF))
        row["worker_peak_mib"] = max(client.run(peak_mib).values())
        row["tasks"] = task_times(client)
        row["worker_cpu"] = sum(used.ru_utime + used.ru_stime for used in usage.values())
    return row


def chunk_times(args):
    """Return the seconds a signal of single chunks, coded from their codes for another dictionary."""
    chunks = chunks_of(args.folder, args.chunk)[:: max(1, args.samples // args.chunk // 12)]
    rng = np.random.default_rng(0)
    atoms = chunks[0].load(np.dtype(np.float32))[: args.components].copy()
    task = Pass(
        components=atoms,
        alpha=0.1,
        l2=1e-3,
        positive=False,
        graph=None,
        pull=np.zeros((len(atoms), 1)),
        contrasts=np.array([[1.0, -1.0]]),
        curved_rows=8,
        n_jobs=1,
    )
    moved = atoms + 0.01 * rng.standard_normal(atoms.shape, dtype=np.float32)
    seconds = []
    for chunk in chunks:
        coded, summary = code_chunk(chunk, None, task)
        start = time.perf_counter()
        code_chunk(chunk, coded, replace(task, components=moved))
        seconds.append((time.perf_counter() - start) / chunk.n_samples)
    start = time.perf_counter()
    merge(summary, summary)
    merging = time.perf_counter() - start
    return {
        "seconds_per_signal": seconds,
        "codes_bytes_per_signal": coded.codes.nnz * 8 / coded.codes.shape[0],
        "pass_bytes": len(pickle.dumps(task)),
        "summary_bytes": len(pickle.dumps(summary)),
        "merge_seconds": merging,
    }


def task_times(client_of, counts=(64, 256, 1024)):
    """Return seconds per pass for so many chunks with next to nothing in them."""
    rows = np.eye(4)
    task = Pass(
        components=np.eye(2, 4),
        alpha=0.1,
        l2=0.0,
        positive=False,
        graph=None,
        pull=None,
        contrasts=np.zeros((1, 2)),
        curved_rows=0,
        n_jobs=1,
    )
    found = {}
    for count in counts:
        engine = Cluster(client_of)
        engine.start(Chunks.from_arrays([rows] * count))
        engine.run(task)
        start = time.perf_counter()
        engine.run(task)
        found[count] = time.perf_counter() - start
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the signals are written and found")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--components", type=int, default=512)
    parser.add_argument("--chunk", type=int, default=16384)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--mmd", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--share", type=int, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if args.share:
        print(json.dumps(fit(chunks_of(args.folder, args.chunk, args.share), args, Local())))
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    half = args.samples // 2
    for name, domain in (("source.npy", 1), ("target.npy", -1)):
        write_signals(args.folder / name, half, args.features, args.components, domain)
    result = {name: getattr(args, name) for name in ("samples", "features", "components", "chunk")}
    one = alone(args, 0, 4 * args.workers)
    result["one"] = json.loads(one.communicate()[0])
    apart = [alone(args, part, args.workers) for part in range(args.workers)]
    result["apart"] = [json.loads(process.communicate()[0]) for process in apart]
    result["cluster"] = cluster = on_cluster(args)
    slowest = max(row["wall"] / row["passes"] for row in result["apart"])
    result["efficiency"] = slowest / (cluster["wall"] / cluster["passes"])
    result["chunk_times"] = chunk_times(args)
    result["bytes_per_pass"] = cluster["bytes"] / cluster["passes"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
