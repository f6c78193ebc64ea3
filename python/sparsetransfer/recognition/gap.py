"""How far source and target are apart before and after an adaptation, with intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.data.normalisation import target_scalers
from sparsetransfer.evaluation.methods.fitted import FittedMethod
from sparsetransfer.evaluation.protocol.splits import Split
from sparsetransfer.evaluation.scoring.discrepancy import measure_discrepancy
from sparsetransfer.mmd import two_sample_test
from sparsetransfer.mmd.bootstrap import bootstrap_interval

__all__ = ["domain_gap"]

_PERMUTATIONS = 999
_MOST_TESTED = 1000


def domain_gap(
    sources: Sequence[Dataset], target: Dataset, split: Split, fitted: FittedMethod, seed: int
) -> dict[str, Any]:
    """Measure the domains as recorded, normalised and, where `fitted` has codes, coded.

    The seed draws at most 1000 recordings a side, the permutations and the resamples.

    Returns: of each state that there is, ``linear`` and ``gaussian`` of `measure_discrepancy`, and
    the unbiased estimate of the squared MMD (``unbiased``) with its 95 % interval (``low``,
    ``high``) and the p-value of its permutation test.
    """

    def figures(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> dict[str, float]:
        rng = np.random.default_rng(seed)
        drawn = [
            rows[np.sort(rng.choice(len(rows), min(len(rows), _MOST_TESTED), replace=False))]
            for rows in (known, unknown)
        ]
        test = two_sample_test(*drawn, n_permutations=_PERMUTATIONS, rng=seed)
        low, high = bootstrap_interval(drawn[0], drawn[1], test.bandwidths, rng)
        return {
            **measure_discrepancy(known, unknown).as_dict(),
            "unbiased": test.statistic,
            "low": min(low, test.statistic),
            "high": max(high, test.statistic),
            "p_value": test.p_value,
        }

    output = fitted.output
    raw = np.vstack([domain.features for domain in sources])
    scaler = target_scalers(sources, target, "source")[0]
    found = {
        "recorded": figures(scaler.apply(raw), scaler.apply(target.features)),
        "normalised": figures(split.source.features, split.target.features),
    }
    if output.source_codes is not None and output.target_codes is not None:
        found["coded"] = figures(output.source_codes, output.target_codes)
    return found
