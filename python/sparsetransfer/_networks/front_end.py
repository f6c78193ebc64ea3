"""The input of CAM++: Kaldi's log mel filter bank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "FILTER_BANK", "RATE", "filter_bank", "long_enough"]

RATE = 16000
BANDS = 80
FILTER_BANK = f"kaldi-fbank-{BANDS}-1"
"""Name and version of what `filter_bank` computes."""

_SHORTEST = (
    1600  # samples; shorter signals are continued by zeros, so that there are frames to pool
)


def long_enough(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pad a signal with zeros to a tenth of a second."""
    return np.pad(signal, (0, max(0, _SHORTEST - signal.size)))


def filter_bank(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute log mel energies of 25 ms every 10 ms, less their mean over the signal.

    `signal` (n_samples,): mono signal at 16 kHz. Returns (n_frames, 80): ``1 + (n_samples - 400) //
    160`` frames, eight at least. Raises ModuleNotFoundError if kaldi-native-fbank is not installed.
    """
    try:
        import kaldi_native_fbank as kaldi
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "speaker networks need the extra 'speaker': pip install 'sparsetransfer[speaker]'"
        ) from error
    options = kaldi.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = BANDS
    bank = kaldi.OnlineFbank(options)
    bank.accept_waveform(RATE, long_enough(signal).tolist())
    bank.input_finished()
    frames = np.stack([bank.get_frame(at) for at in range(bank.num_frames_ready)])
    frames -= frames.mean(axis=0, dtype=np.float64).astype(np.float32)
    return frames
