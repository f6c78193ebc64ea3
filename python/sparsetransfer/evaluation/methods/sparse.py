"""Sparse codes of both domains, with and without transfer, before a tuned classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from sparsetransfer._linalg import matmul, unit_rows
from sparsetransfer.evaluation.data.rows import LabelledRows, UnlabelledRows
from sparsetransfer.evaluation.methods.base import (
    ClassifierAfter,
    MethodOutput,
    Tuning,
    fit_classifier,
)
from sparsetransfer.evaluation.methods.fitted import FittedMethod
from sparsetransfer.transfer import NeighbourGraph, Regularisation, TransferSparseCoding

__all__ = ["SparseCodingMethod", "UnitComponents"]


@dataclass(frozen=True)
class SparseCodingMethod(ClassifierAfter):
    """Joint PCA, unit norm, dictionary and codes of both domains, classifier on the source's.

    - `n_pca`: principal components of the union of the domains; as many as there are, if fewer.
    - `n_components`: atoms of the dictionary.
    - `alpha`: weight of the l1 norm of the codes.
    - `mmd`: scale-free weight of the MMD between the codes of the domains; 0 for no transfer.
    - `laplacian`: weight of the graph Laplacian.
    - `n_neighbors`: neighbours in the graph.
    - `graph_weights`: weights of the graph's edges.
    - `normalized_laplacian`: whether the Laplacian is scaled by the degrees on both sides.
    - `positive_code`: whether codes are non-negative.
    - `classifier`: family of the classifier, a name in `FAMILIES`.
    - `max_iter`: most alternations of codes and dictionary.
    """

    name: str
    description: str
    n_pca: int = 40
    n_components: int = 128
    alpha: float = 0.02
    mmd: float = 0.0
    laplacian: float = 0.0
    n_neighbors: int = 5
    graph_weights: Literal["cosine", "binary", "heat"] = "cosine"
    normalized_laplacian: bool = False
    positive_code: bool = False
    classifier: str = "svm"
    max_iter: int = 1000

    def check(self, n_source: int, n_target: int) -> None:
        """Check that there are no more atoms than rows before any method has run."""
        if self.n_components > n_source + n_target:
            raise ValueError(
                f"n_components must be at most the number of rows of source and target, "
                f"{n_source} + {n_target}, got {self.n_components}"
            )

    def fit(self, source: LabelledRows, target: UnlabelledRows, tuning: Tuning) -> FittedMethod:
        """Learn codes of all rows without labels, fit on the source's, label the target.

        Raises ValueError if there are more atoms than rows.
        """
        split = len(source.features)
        signals, components = _unit_principal_components(
            np.vstack([source.features, target.features]), self.n_pca
        )
        last = int(source.corpora.max()) + 1
        domain = np.concatenate([source.corpora, np.full(len(target), -last)])
        coder = TransferSparseCoding(
            n_components=self.n_components,
            alpha=self.alpha,
            mmd=self.mmd,
            graph=NeighbourGraph(
                self.laplacian, self.n_neighbors, self.graph_weights, self.normalized_laplacian
            ),
            regularisation=Regularisation(positive_code=self.positive_code),
            max_iter=self.max_iter,
            random_state=tuning.seed,
        )
        codes = np.asarray(coder.fit_transform(signals, sample_domain=domain), dtype=np.float64)
        tuned, chosen = fit_classifier(
            self.classifier, codes[:split], codes[split:], source, tuning
        )
        output = MethodOutput(
            predictions=tuned.predict(codes[split:]),
            diagnostics={
                **chosen,
                "coder": {
                    "n_pca": len(components.components),
                    "objective": float(coder.objective_),
                    "history": [float(value) for value in coder.history_],
                    "n_iter": int(coder.n_iter_),
                    "kkt_violation": float(coder.kkt_violation_),
                    "converged": bool(coder.converged_),
                    "nonzeros": float(np.mean(codes != 0)),
                },
            },
            source_codes=codes[:split],
            target_codes=codes[split:],
        )
        return tuned.fitted(output, codes[split:], (components, coder))


@dataclass(frozen=True, eq=False)
class UnitComponents:
    """Principal components of rows, scaled to unit length.

    `mean` (d,): mean of the fitted rows. `components` (k, d): orthonormal directions.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]

    def transform(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coordinates (n, k) of `rows` (n, d)."""
        # A row at the joint mean has no direction; it stays zero and gets a zero code.
        return np.asarray(unit_rows(matmul(rows - self.mean, self.components.T)))


def _unit_principal_components(
    rows: NDArray[np.float64], wanted: int
) -> tuple[NDArray[np.float64], UnitComponents]:
    pca = PCA(min(wanted, rows.shape[1], len(rows) - 1), svd_solver="full")
    projected = pca.fit_transform(rows)
    return unit_rows(projected), UnitComponents(pca.mean_, pca.components_)
