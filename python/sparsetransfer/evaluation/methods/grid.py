"""Settings of any method, chosen out of a grid without target labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsetransfer.classification.scorers import importance_weights
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import (
    CheckedMethod,
    ClassifierMethod,
    Method,
    MethodOutput,
    Tuning,
    wanted_frames,
    wanted_views,
    wants_spectrograms,
)
from sparsetransfer.evaluation.methods.fitted import FittedMethod, deployment_obstacle
from sparsetransfer.evaluation.protocol.selection import Choice, choose

__all__ = ["GridMethod", "with_grid"]


def with_grid(method: Method, grid: Any) -> Method:
    """Wrap a method so that it selects some of its settings.

    - `method`: the method with the settings that stay.
    - `grid`: values of settings; of a method with ``params``, of these. For a tuned classifier,
      parameters of the classifier, in place of the usual ones. All combinations are tried; within
      one standard error of the best, the first is taken, so that the most regularised values belong
      in front. The last name varies fastest.

    Returns: a method of the same name. Raises ValueError if the grid is empty, repeats a value or
    names no setting.
    """
    candidates = _combinations(method.name, grid)
    if isinstance(method, ClassifierMethod):
        return replace(method, candidates=candidates)
    chosen = GridMethod(method, candidates)
    for candidate in candidates:
        chosen.variant(candidate)
    return chosen


def _combinations(name: str, grid: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(grid, Mapping) or not grid:
        raise ValueError(f"grid of {name!r} must map settings to lists of values, got {grid!r}")
    for key, values in grid.items():
        listed = isinstance(values, Sequence) and not isinstance(values, str)
        if not listed or not values or any(v in values[:i] for i, v in enumerate(values)):
            raise ValueError(
                f"grid of {name!r}: {key} must be a list of values without repetition, got {values!r}"
            )
    return tuple(dict(zip(grid, values, strict=True)) for values in product(*grid.values()))


@dataclass(frozen=True)
class GridMethod:
    """A method with the settings that do best on held-out speakers of the source.

    `method`: the method with the settings that stay: a frozen dataclass. `candidates`: settings to
    try, the most regularised first.

    By the rule of the protocol. "source" and "importance": the method learns from the other
    speakers of the source, with the held-out rows among those of the target, to which it may adapt;
    it is scored on the held-out rows. "reverse": it learns from the other speakers and labels the
    target, learns from the target with these labels, and is scored on the held-out rows of the
    source, its target on the way back. No label of the target enters. The first candidate within
    one standard error of the best is taken, as in `select`, and fitted to all rows. The method is
    fitted once per candidate and fold (twice for "reverse"), and once more.
    """

    method: Method
    candidates: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.method.name

    @property
    def description(self) -> str:
        """One sentence for the report."""
        names = ", ".join(self.candidates[0])
        return f"{self.method.description} Chosen on held-out speakers of the source: {names}."

    @property
    def adapts(self) -> bool:
        """Whether target rows take part in learning."""
        return self.method.adapts

    @property
    def reads_spectrograms(self) -> bool:
        """Whether the samples are spectrograms."""
        return wants_spectrograms(self.method)

    @property
    def views(self) -> tuple[str, ...]:
        """Views that a variant asks for by name."""
        variants = [self.variant(candidate) for candidate in self.candidates]
        return tuple(dict.fromkeys(name for each in variants for name in wanted_views(each)))

    @property
    def frame_set(self) -> str:
        """Name and version of the frames that it reads."""
        return wanted_frames(self.method)

    def settings(self) -> dict[str, Any]:
        """Return the settings that stay, and the candidates."""
        fixed = self.method.settings()
        names = self.candidates[0]
        fixed = {key: value for key, value in fixed.items() if key not in names}
        return {**fixed, "candidates": [dict(candidate) for candidate in self.candidates]}

    def variant(self, candidate: Mapping[str, Any]) -> Any:
        """Return the method with the settings of a candidate; ValueError if it has none such."""
        known = self.method.settings()
        changes: dict[str, Any] = dict(candidate)
        if isinstance(known.get("params"), Mapping):
            changes = {"params": {**known["params"], **candidate}}
        strange = sorted(set(changes) - set(known))
        if strange:
            raise ValueError(
                f"method {self.name!r} has no settings {strange}; it has {sorted(known)}"
            )
        return replace(self.method, **changes)  # type: ignore[type-var]

    def check(self, n_source: int, n_target: int) -> None:
        """Check that all candidates can run on so many rows, before any method has run."""
        for candidate in self.candidates:
            variant = self.variant(candidate)
            if isinstance(variant, CheckedMethod):
                variant.check(n_source, n_target)

    def predict(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> MethodOutput:
        """Choose a candidate, fit it on `source` and the rows of `target`, label `target`."""
        choice = self._choose(source, target, tuning)
        output: MethodOutput = self.variant(choice.parameters).predict(source, target, tuning)
        return _with_settings(output, choice)

    def obstacle(self) -> str:
        """Return why it cannot predict new recordings; empty if it can."""
        if any("views" in each for each in self.candidates):
            return "it chooses its views; name them"
        found = (deployment_obstacle(self.variant(each)) for each in self.candidates)
        return next(filter(None, found), "")

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Fit as `predict` does, and return what was learned."""
        choice = self._choose(source, target, tuning)
        fitted: FittedMethod = self.variant(choice.parameters).fit(source, target, tuning)
        return replace(fitted, output=_with_settings(fitted.output, choice))

    def _choose(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> Choice:
        def guess(
            candidate: Mapping[str, Any], train: NDArray[np.intp], test: NDArray[np.intp]
        ) -> NDArray[np.str_]:
            variant, held_out = self.variant(candidate), source.take(test).unlabelled()
            if tuning.rule != "reverse":
                # An inductive method labels row by row: what stands beside a row does not matter.
                found = variant.predict(source.take(train), held_out.join(target), tuning)
                return np.asarray(found.predictions[: len(test)], dtype=np.str_)
            there = variant.predict(source.take(train), target, tuning).predictions
            if len(set(there.tolist())) == 1:
                # A method that sees one class in the target brings no second one back.
                return np.full(len(test), there[0])
            back: MethodOutput = variant.predict(target.labelled(there), held_out, tuning)
            return back.predictions

        weights = None
        if tuning.rule == "importance":
            weights = importance_weights(source.features, target.features)
        return choose(
            self.candidates,
            guess,
            source.labels,
            source.speakers,
            rule=tuning.rule,
            weights=weights,
            n_folds=tuning.n_folds,
            seed=tuning.seed,
        )


def _with_settings(output: MethodOutput, choice: Choice) -> MethodOutput:
    return replace(output, diagnostics={**output.diagnostics, "settings": choice.as_dict()})
