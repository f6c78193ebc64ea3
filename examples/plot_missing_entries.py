"""
Frames with missing entries
===========================

Recordings lose bands and frames. With ``mask="nan"`` atoms and codes are learned from the entries
that are there, and the codes tell what the others were.
"""

import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer.dictionary import learn_dictionary

# %%
# Spectra made of a few smooth peaks, of which up to 60 % of the entries are lost.
rng = np.random.default_rng(0)
bands = np.arange(40)
peaks = np.exp(
    -0.5 * ((bands - rng.uniform(0, 40, size=(12, 1))) / rng.uniform(1, 4, (12, 1))) ** 2
)
codes = rng.uniform(0.5, 2, size=(1500, 12)) * (rng.random((1500, 12)) < 0.25)
clean = codes @ peaks
noisy = clean + 0.05 * rng.standard_normal(clean.shape)

shares = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
errors: dict[str, list[float]] = {"observed entries only": [], "zeros for missing": []}
for share in shares:
    lost = rng.random(clean.shape) < share
    holes = np.where(lost, np.nan, noisy)
    options = {"alpha": 0.1, "positive_code": True, "positive_dict": True, "tol": 1e-4}
    learned = learn_dictionary(holes, 12, mask="nan", max_iter=200, rng=0, **options)
    filled = learn_dictionary(np.nan_to_num(holes), 12, max_iter=200, rng=0, **options)
    for name, result in zip(errors, (learned, filled), strict=True):
        guess = result.codes @ result.components
        error = np.mean((guess - clean)[lost] ** 2) / np.mean(clean[lost] ** 2)
        errors[name].append(float(error))

# %%
# The error of the entries that nobody saw, relative to their energy.
figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
for name, values in errors.items():
    axes.plot(shares, values, marker="o", label=name)
axes.set(xlabel="share of missing entries", ylabel="relative error of the missing", yscale="log")
axes.legend()
plt.show()
