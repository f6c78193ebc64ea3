"""A cluster of two processes on this machine."""

import contextlib
import os
import signal
import time
import warnings

import numpy as np
import pytest

from sparsetransfer.distributed import Chunks, Cluster, learn
from sparsetransfer.exceptions import ConvergenceWarning
from sparsetransfer.transfer import TransferSparseCoding

distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with distributed.Client(cluster) as connected:
        yield connected
    # On a busy machine its record of a worker may be gone before it hears that the worker left.
    with contextlib.suppress(KeyError):
        cluster.close()


def chunks():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(400, 10)), rng.normal(0.3, 1, size=(300, 10))
    return Chunks.from_array(source, chunk_size=90) + Chunks.from_array(
        target, chunk_size=90, domain=-1
    )


def run(engine=None, progress=None, data=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return learn(
            chunks() if data is None else data,
            8,
            alpha=0.3,
            mmd=30.0,
            max_iter=5,
            rng=0,
            engine=engine,
            progress=progress,
            **options,
        )


def test_a_cluster_gives_the_bits_of_one_process(client, tmp_path):
    alone = run(n_jobs=1)
    there = run(Cluster(client), codes_to=tmp_path)
    assert there.components.tobytes() == alone.components.tobytes()
    assert there.history.tolist() == alone.history.tolist()
    assert len(list(tmp_path.iterdir())) == len(chunks())


TERMS = {"laplacian": 0.5, "conditional": 0.5, "l2": 0.01}


def labelled():
    return chunks().with_labels(np.arange(700) % 3)


def test_graph_and_classes_give_the_bits_of_one_process(client):
    alone = run(data=labelled(), n_jobs=1, **TERMS)
    there = run(Cluster(client), data=labelled(), **TERMS)
    assert there.components.tobytes() == alone.components.tobytes()
    assert there.duality_gap == alone.duality_gap


def test_scaling_while_it_runs_changes_nothing(client):
    alone = run(data=labelled(), n_jobs=1, **TERMS)

    def scale(number, *_):
        client.cluster.scale({1: 1, 2: 3, 3: 2}.get(number, 2))
        client.wait_for_workers(1)

    there = run(Cluster(client), scale, data=labelled(), **TERMS)
    client.cluster.scale(2)
    client.wait_for_workers(2)
    assert there.components.tobytes() == alone.components.tobytes()


def test_a_lost_worker_costs_time_only(client):
    alone = run(n_jobs=1)

    def kill(number, *_):
        if number == 2:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            time.sleep(0.5)

    there = run(Cluster(client), kill)
    assert there.components.tobytes() == alone.components.tobytes()


def test_an_error_on_a_worker_arrives(client, tmp_path):
    X = np.random.default_rng(0).normal(size=(100, 10))
    np.save(tmp_path / "x.npy", X)
    data = Chunks.from_npy(tmp_path / "x.npy", chunk_size=40)
    X[70] = np.nan
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ValueError, match=r"chunk x\.npy\[40:80\] cannot be used: .*finite"):
        learn(data, 4, alpha=0.3, dict_init=np.eye(4, 10), engine=Cluster(client))


@pytest.mark.parametrize("persisted", [False, True])
def test_dask_collections_are_coded_where_they_are(client, persisted):
    dask_array = pytest.importorskip("dask.array")
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(400, 10)), rng.normal(0.3, 1, size=(300, 10))
    parts = [dask_array.from_array(part, chunks=(90, 10)) for part in (source, target)]
    if persisted:
        parts = [part.persist() for part in parts]
    data = Chunks.from_dask(parts[0]) + Chunks.from_dask(parts[1], domain=-1)
    settings = {"alpha": 0.3, "mmd": 30.0, "max_iter": 3, "rng": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        alone = learn(chunks(), 8, n_jobs=1, **settings)
        there = learn(data, 8, engine=Cluster(client), **settings)
        here = learn(data, 8, n_jobs=1, **settings)
    assert there.components.tobytes() == alone.components.tobytes()
    assert here.components.tobytes() == alone.components.tobytes()


def test_the_estimator_runs_on_the_cluster(client):
    def fit(engine):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            coder = TransferSparseCoding(8, alpha=0.3, mmd=30.0, max_iter=3, random_state=0)
            return coder.fit(chunks(), engine=engine)

    assert fit(Cluster(client)).components_.tobytes() == fit(None).components_.tobytes()
