"""Plot the digits of the tour: ``python benchmarks/studies/draw_tour.py docs/_static/tour.png``."""

import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

digits = load_digits(n_class=6)
clean = digits.images / 16
rows = {"source": clean, "target": 0.3 * (clean + np.roll(clean, 1, axis=2)) / 2 + 0.5}
figure = Figure(figsize=(6, 2.1), layout="constrained")
for line, (axes, (name, images)) in enumerate(
    zip(figure.subplots(2, 6), rows.items(), strict=True)
):
    for number, axis in enumerate(axes):
        axis.imshow(images[2 * number + line], cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    axes[0].set_ylabel(name)
figure.savefig(sys.argv[1], dpi=100)
