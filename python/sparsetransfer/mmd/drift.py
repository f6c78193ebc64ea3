"""A stream of samples against a reference, window by window, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsetransfer._former import former_keywords
from sparsetransfer._validation import check_generator, check_integer, check_matrix, column_names
from sparsetransfer.mmd.permutation import TwoSampleTest, two_sample_test

__all__ = ["DriftDetector"]

_FUSED: Mapping[str, Any] = MappingProxyType(
    {"combine": "fuse", "bandwidths": "quantiles", "n_permutations": 199}
)


class DriftDetector:
    """Test every window of a stream against a reference by the maximum mean discrepancy.

    Parameters
    ----------
    reference : array_like of shape (n_samples, n_features)
        Samples from before any drift, at least 2; a copy is kept.
    window : int, default=250
        Samples of the stream in one test, at least 2. A longer window finds smaller drifts later.
    max_reference : int, default=1000
        Rows of the reference that are kept: so many are drawn without replacement from a larger
        one.
    rng : numpy.random.Generator or int, optional
        Draws the rows of the reference and the permutations. The test of a window depends on the
        seed (of a generator: what it draws once, here) and its number in the stream alone.
    **options
        Of `two_sample_test`. By default the fused test of ten bandwidths with 199 permutations.

    Attributes
    ----------
    reference : numpy.ndarray of shape (min(n_samples, max_reference), n_features), float64
        The rows that windows are compared with.
    n_windows : int
        How many windows were tested.

    Raises
    ------
    ValueError
        If the reference is not a finite matrix of at least 2 rows, or `window` or `max_reference`
        is less than 2, or an option is out of range.
    TypeError
        If there is no such option.

    Notes
    -----
    A p-value is valid for its window where samples are independent: of `k` windows without a drift,
    a share of 5 % has p <= 0.05. To hold the level over a whole stream, compare with 0.05 / k, or
    raise an alarm at several small p-values in succession. Frames of one utterance, or utterances
    of one speaker, depend on each other and look like a drift; push one row for each.

    Memory: the reference, less than one window, and what one test takes (at most 64 MB).

    References
    ----------
    S. Rabanser, S. Günnemann, Z. Lipton, "Failing Loudly: An Empirical Study of Methods for
    Detecting Dataset Shift", NeurIPS 2019. https://arxiv.org/abs/1810.11953

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer import mmd
    >>> rng = np.random.default_rng(0)
    >>> detector = mmd.DriftDetector(rng.normal(size=(400, 5)), window=100, rng=0)
    >>> detector.push(rng.normal(size=(60, 5)))  # less than a window
    []
    >>> [test.p_value > 0.05 for test in detector.push(rng.normal(size=(140, 5)))]
    [True, True]
    >>> [test.p_value for test in detector.push(rng.normal(loc=0.5, size=(100, 5)))]
    [0.005]
    """

    @former_keywords(random_state="rng")
    def __init__(
        self,
        reference: ArrayLike,
        *,
        window: int = 250,
        max_reference: int = 1000,
        rng: np.random.Generator | int | None = None,
        **options: Any,
    ) -> None:
        self._columns = column_names(reference)
        rows = check_matrix(reference, "reference", dtype=np.float64, min_samples=2)
        self._window = check_integer(window, "window", minimum=2)
        kept = check_integer(max_reference, "max_reference", minimum=2)
        generator = check_generator(rng)
        if rng is None or isinstance(rng, (int, np.integer)):
            self._seeds = np.random.SeedSequence(rng)
        else:
            drawn_once = generator.integers(1 << 63, size=2)
            self._seeds = np.random.SeedSequence(drawn_once.tolist())
        if len(rows) > kept:
            drawn = np.random.default_rng(self._seeds.spawn(1)[0])
            rows = rows[np.sort(drawn.choice(len(rows), kept, replace=False))]
        self.reference: NDArray[np.float64] = np.array(rows)
        self.n_windows = 0
        self._options = {**_FUSED, **options}
        two_sample_test([[0.0], [1.0]], [[2.0], [3.0]], **self._options)  # options are checked now
        self._waiting = np.empty((0, self.reference.shape[1]))

    def push(self, rows: ArrayLike) -> list[TwoSampleTest]:
        """Append rows to the stream and test the windows that they complete.

        Parameters
        ----------
        rows : array_like of shape (n_rows, n_features)
            The next samples, in any number.

        Returns
        -------
        list of TwoSampleTest
            The tests of the windows completed, in order; none if rows are still missing. Target is
            the window.

        Raises
        ------
        ValueError
            If the rows have other features than the reference or are not finite. The stream is then
            as before the call.
        """
        given = column_names(rows)
        if self._columns is not None and given is not None and given != self._columns:
            raise ValueError(
                f"rows must have the columns of the reference in its order, got {given[:5]} for "
                f"{self._columns[:5]}"
            )
        fresh = check_matrix(
            rows, "rows", dtype=np.float64, n_features=self.reference.shape[1], min_samples=0
        )
        waiting = np.concatenate([self._waiting, fresh])
        n_complete = len(waiting) // self._window
        tests = []
        for number in range(n_complete):
            window = waiting[number * self._window : (number + 1) * self._window]
            seed = np.random.SeedSequence(
                self._seeds.entropy, spawn_key=(1, self.n_windows + number)
            )
            generator = np.random.default_rng(seed)
            tests.append(two_sample_test(self.reference, window, rng=generator, **self._options))
        self._waiting = waiting[n_complete * self._window :].copy()
        self.n_windows += n_complete
        return tests
