"""One time grid for all descriptors: frame t is centred at sample t * hop."""

import dataclasses
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Grid"]

_Sample = TypeVar("_Sample", np.float32, np.float64)


@dataclasses.dataclass(frozen=True)
class Grid:
    """Frames of several lengths with common centres, in blocks of bounded memory.

    - `hop`: distance of the frames' centres, in samples.
    - `longest`: longest frame that will be asked for, in samples, even. The signal is continued by
      zeros at both ends so that the first frame is centred at its first sample.
    - `block`: frames per block: a long recording is worked off in blocks, and since every frame
      depends on its own samples alone the blocks do not show in the result.
    """

    hop: int = 160
    longest: int = 640
    block: int = 6000

    def n_frames(self, n_samples: int) -> int:
        """Count the frames of a signal.

        `n_samples`: length of the signal. Returns: ``1 + n_samples // hop``.
        """
        return 1 + n_samples // self.hop

    def blocks(self, signal: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Split a signal into overlapping pieces, one per block of frames.

        `signal` (n_samples,). Yields: the samples of a block with ``longest // 2`` samples before
        its first centre and at least as many after its last.
        """
        margin = self.longest // 2
        padded = np.pad(signal, margin)
        total = self.n_frames(signal.size)
        for first in range(0, total, self.block):
            last = min(first + self.block, total) - 1
            yield padded[first * self.hop : last * self.hop + 2 * margin]

    def frames(self, piece: NDArray[_Sample], length: int) -> NDArray[_Sample]:
        """Return the frames of a block, as a view.

        `piece`: a piece made by `blocks`. `length`: frame length in samples, even, at most
        `longest`. Returns (n_frames, length): read-only view, without a copy.
        """
        span = self.span(piece, length)
        (step,) = span.strides
        shape = (1 + (span.size - length) // self.hop, length)
        strides = (self.hop * step, step)
        return np.lib.stride_tricks.as_strided(span, shape, strides, writeable=False)

    def span(self, piece: NDArray[_Sample], length: int) -> NDArray[_Sample]:
        """Drop the margin that frames of a length do not reach.

        `piece`: a piece made by `blocks`. `length`: frame length in samples, even, at most
        `longest`. Returns: the samples from the begin of the first to the end of the last frame.
        """
        inset = (self.longest - length) // 2
        return piece[inset : piece.size - inset]
