"""Patches of 8 x 8 pixels of the photograph that scikit-learn ships, without their means."""

import numpy as np
from benchopt import BaseDataset
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d


class Dataset(BaseDataset):
    """Patches scaled to unit mean square norm."""

    name = "patches"
    parameters = {"n_signals": [5000], "n_atoms": [128]}
    test_parameters = {"n_signals": [60], "n_atoms": [12]}
    requirements = ["scikit-learn", "pillow"]

    def get_data(self):
        """Return signals X of shape (n_signals, 64) and how many atoms to learn."""
        image = load_sample_image("china.jpg").mean(axis=2)
        patches = extract_patches_2d(image, (8, 8), max_patches=self.n_signals, random_state=0)
        patches = patches.reshape(len(patches), -1)
        patches -= patches.mean(axis=1, keepdims=True)
        patches /= np.sqrt(np.mean(np.sum(patches**2, axis=1)))
        return {"X": patches, "n_atoms": self.n_atoms}
