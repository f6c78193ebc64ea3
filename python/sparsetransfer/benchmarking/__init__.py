"""How fast this installation is: the library's own microbenchmarks."""

from sparsetransfer.benchmarking.problems import KERNELS
from sparsetransfer.benchmarking.run import Measurement, Report, measure

__all__ = ["KERNELS", "Measurement", "Report", "measure"]
