"""
Are two corpora distinguishable?
================================

Before anything is transferred: do source and target differ at all, and in what? The maximum mean
discrepancy (MMD) measures it, and permutations say how large it would be if they did not differ.
"""

import matplotlib.pyplot as plt
import numpy as np

from sparsetransfer import mmd

rng = np.random.default_rng(0)
n, d = 200, 8
source = rng.normal(size=(n, d))
targets = {
    "same distribution": rng.normal(size=(n, d)),
    "another mean": rng.normal(loc=0.25, size=(n, d)),
    "another spread": rng.normal(scale=1.25, size=(n, d)),
}

# %%
# Three tests
# -----------
# A Gaussian kernel sees every difference, if its bandwidth suits the scale of it: a very wide one
# compares means only, ``combine="fuse"`` takes the soft maximum over ten bandwidths.
print(f"{'p-value':20}{'wide':>10}{'median':>10}{'fused':>10}")
p_values = {}
for name, target in targets.items():
    p_values[name] = [
        mmd.two_sample_test(source, target, rng=0, **options).p_value
        for options in (
            {"bandwidths": 1e4},  # so wide that the kernel sees means only
            {"bandwidths": "median"},
            {"combine": "fuse", "bandwidths": "quantiles"},
        )
    ]
    print(f"{name:20}" + "".join(f"{p:10.3f}" for p in p_values[name]))
assert min(p_values["same distribution"]) > 0.05
assert p_values["another mean"][0] < 0.05
assert p_values["another spread"][2] < 0.05

# %%
# What the permutations look like
# -------------------------------
# The samples of both domains are exchanged at random; the observed discrepancy is one of the many
# that could then arise, or it is not.
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for axis, (name, target) in zip(axes, targets.items(), strict=True):
    both = np.vstack([source, target])
    null = []
    for _ in range(200):
        mixed = rng.permutation(both)
        null.append(mmd.gaussian(mixed[:n], mixed[n:], estimator="unbiased").value)
    observed = mmd.gaussian(source, target, estimator="unbiased").value
    axis.hist(null, bins=25, color="tab:gray", label="exchanged")
    axis.axvline(observed, color="tab:red", label="observed")
    axis.set(title=name, xlabel="squared MMD")
axes[0].set_ylabel("permutations")
axes[0].legend(frameon=False)
plt.show()
