"""Dictionaries of data that fit no memory: out of core, and on a Dask cluster.

`learn` takes chunks instead of an array and gives the answer that all of them at once would give;
`Chunks` finds them in arrays and in ``.npy``, Parquet and Zarr files; `Cluster` computes them on
the workers of a Dask client (extra ``distributed``).
"""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.distributed.chunk import Chunk
from sparsetransfer.distributed.chunks import Chunks
from sparsetransfer.distributed.engine import Cluster, Local
from sparsetransfer.distributed.learn import learn

__all__ = [
    "Chunk",
    "Chunks",
    "Cluster",
    "Local",
    "learn",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "ChunkedDictionary": "distributed.learn",
            "Engine": "distributed.engine",
        },
    )
