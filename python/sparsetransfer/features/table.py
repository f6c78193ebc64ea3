"""Features of many utterances, tied to the index of their corpus."""

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["FeatureTable"]

_INDEX = ["file", "start", "end"]


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of the utterances of a corpus.

    `values` (n_utterances, n_columns): finite, read-only. `names`: name of every column, unique.
    `index`: ``file``, ``start``, ``end`` of every row, in the order of the corpus. `feature_set`:
    name and version of the feature set. `failures`: ``file``, ``start``, ``end``, ``error`` of the
    utterances that were dropped. Raises ValueError if the parts do not fit together.
    """

    values: NDArray[np.float64]
    names: list[str]
    index: pd.DataFrame
    feature_set: str
    failures: pd.DataFrame

    def __post_init__(self) -> None:
        expected = (len(self.index), len(self.names))
        if self.values.shape != expected:
            raise ValueError(f"values must have the shape {expected}, got {self.values.shape}")
        if len(set(self.names)) != len(self.names):
            raise ValueError("names must be unique")
        if list(self.index.columns) != _INDEX:
            raise ValueError(f"index must have the columns {_INDEX}, got {list(self.index)}")
        self.values.flags.writeable = False

    def __len__(self) -> int:
        return len(self.values)
