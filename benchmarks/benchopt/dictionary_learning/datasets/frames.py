"""Frames of speech: log-mel spectra of the embedded synthetic corpora."""

import tempfile

import numpy as np
from benchopt import BaseDataset

from sparsetransfer import audio, features, synthetic


class Dataset(BaseDataset):
    """Log-mel frames, each band of mean 0, scaled to unit mean square norm."""

    name = "frames"
    parameters = {"n_signals": [5000], "n_atoms": [128]}
    test_parameters = {"n_signals": [60], "n_atoms": [12]}
    requirements = ["sparsetransfer[speech]"]

    def get_data(self):
        """Return signals X of shape (n_signals, 64) and how many atoms to learn."""
        log_mel = features.LogMel()
        with tempfile.TemporaryDirectory() as folder:
            manifest, _ = synthetic.make_corpora(folder)
            files = sorted(manifest.parent.rglob("*.wav"))
            spectra = [log_mel.compute(audio.load(file)) for file in files]
        frames = np.vstack(spectra).astype(np.float64)
        frames -= frames.mean(axis=0)
        frames /= np.sqrt(np.mean(np.sum(frames**2, axis=1)))
        chosen = np.random.default_rng(0).permutation(len(frames))[: self.n_signals]
        return {"X": frames[chosen], "n_atoms": self.n_atoms}
