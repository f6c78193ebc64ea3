"""Frames of speech: log-mel spectra of the embedded synthetic corpora."""

import tempfile

import numpy as np
from benchopt import BaseDataset

from sparsetransfer import audio, features, synthetic


class Dataset(BaseDataset):
    """Patches of four log-mel frames, to be coded in other such patches of unit norm."""

    name = "frames"
    parameters = {"n_signals": [5000], "n_atoms": [512]}
    test_parameters = {"n_signals": [20], "n_atoms": [16]}
    requirements = ["sparsetransfer[speech]"]

    def get_data(self):
        """Return signals X, each column of mean 0 and variance 1, and unit atoms D."""
        log_mel = features.LogMel()
        with tempfile.TemporaryDirectory() as folder:
            manifest, _ = synthetic.make_corpora(folder)
            files = sorted(manifest.parent.rglob("*.wav"))
            spectra = [log_mel.compute(audio.load(file)) for file in files]
        patches = np.vstack(
            [s[: len(s) // 4 * 4].reshape(-1, 4 * s.shape[1]) for s in spectra]
        ).astype(np.float64)
        patches = (patches - patches.mean(axis=0)) / patches.std(axis=0)
        order = np.random.default_rng(0).permutation(len(patches))
        atoms = patches[order[: self.n_atoms]]
        return {
            "X": patches[order[self.n_atoms : self.n_atoms + self.n_signals]],
            "D": atoms / np.linalg.norm(atoms, axis=1, keepdims=True),
        }
