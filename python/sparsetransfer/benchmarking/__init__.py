"""How fast this installation is: the library's own microbenchmarks."""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer.benchmarking.run import measure

__all__ = [
    "measure",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "KERNELS": "benchmarking.problems",
            "Measurement": "benchmarking.run",
            "Report": "benchmarking.run",
        },
    )
