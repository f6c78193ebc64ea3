"""
One recording, over time
========================

A recogniser names the emotion of every window of a recording, of a whole folder, or of a signal that
is still arriving. The embedded corpora stand for a labelled corpus and for calls that nobody labelled.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile

from sparsetransfer import corpora, reporting, synthetic
from sparsetransfer.evaluation import describe, make_methods
from sparsetransfer.recognition import (
    Recogniser,
    adapt,
    fit_recogniser,
    load_model,
    recognise,
    recognise_recordings,
    recognise_stream,
    save_model,
)

folder = Path(tempfile.mkdtemp())
labelled, own = synthetic.make_corpora(folder, n_speakers=4, n_sentences=3)
source = describe(corpora.read_manifest(labelled), ["functionals"])

# %%
# Source only: a linear recogniser
# --------------------------------
# It is kept without pickle, and comes back the same.
save_model(fit_recogniser([source], "functionals"), folder / "model.st")
recogniser = load_model(folder / "model.st")

# %%
# Three recordings of one speaker in a row, in windows of two seconds.
table = corpora.read_manifest(labelled).table
parts = [soundfile.read(file)[0] for file in table["file"][:6]]
soundfile.write(folder / "long.wav", np.concatenate(parts), 16000)
windows = list(recognise(recogniser, str(folder / "long.wav"), window=2.0, hop=1.0))
figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
middles = [(window.start + window.end) / 2 for window in windows]
for number, name in enumerate(recogniser.classes):
    axis.plot(middles, [window.probabilities[number] for window in windows], ".-", label=name)
axis.set(xlabel="seconds", ylabel="probability", ylim=(0, 1))
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))

# %%
# Adapted to the calls
# --------------------
# ``adapt`` returns the fitted method; ``Recogniser`` adds calibration, novelty and a model file.
calls = corpora.read_unlabelled(own, name="calls")
target = describe(calls, ["functionals"])
model = adapt([source], target, make_methods(["coral"])[0])
print(type(model).__name__)
adapted = Recogniser("coral").fit(source, target, feature_set_names=("functionals",))
answers = list(recognise_recordings(adapted, calls, ("functionals",)))
page = reporting.write_predictions(adapted, answers, folder)
print(page.name)

# %%
# A signal that is still arriving
# -------------------------------
blocks = np.array_split(np.concatenate(parts)[:, None], 50)
for start, end, answer in recognise_stream(adapted, blocks, 16000, window=2.0, hop=2.0):
    best = (
        "-" if not answer.probabilities else adapted.classes_[int(np.argmax(answer.probabilities))]
    )
    print(f"{start:4.1f} to {end:4.1f} s: {best} {', '.join(answer.flags)}")
plt.show()
