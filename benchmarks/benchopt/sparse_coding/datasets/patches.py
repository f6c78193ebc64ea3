"""Patches of 8 x 8 pixels of the photograph that scikit-learn ships, without their means."""

import numpy as np
from benchopt import BaseDataset
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d


class Dataset(BaseDataset):
    """Patches to be coded in 256 other patches of unit norm."""

    name = "patches"
    parameters = {"n_signals": [5000]}
    test_parameters = {"n_signals": [20]}
    requirements = ["scikit-learn", "pillow"]

    def get_data(self):
        """Return signals X and unit atoms D."""
        image = load_sample_image("china.jpg").mean(axis=2) / 255
        patches = extract_patches_2d(
            image, (8, 8), max_patches=self.n_signals + 1000, random_state=0
        )
        patches = patches.reshape(len(patches), -1)
        patches -= patches.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(patches, axis=1)
        atoms = patches[self.n_signals :][np.argsort(norms[self.n_signals :])[-256:]]
        return {
            "X": np.ascontiguousarray(patches[: self.n_signals]),
            "D": atoms / np.linalg.norm(atoms, axis=1, keepdims=True),
        }
