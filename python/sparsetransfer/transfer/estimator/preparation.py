"""What the estimator decides before it learns: labels, the first atoms, the mean coupling."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import check_random_state

from sparsetransfer._labels import class_values, label_array, labelled
from sparsetransfer._linalg import unit_rows
from sparsetransfer._validation import FloatArray, check_integer, check_matrix
from sparsetransfer.transfer.couplings import MeanContrasts, couple_classes, couple_domains
from sparsetransfer.transfer.estimator.options import DomainMatching

__all__ = ["ONE_DOMAIN", "PseudoLabelCoupling", "atom_count", "first_dictionary", "source_labels"]

ONE_DOMAIN = "the MMD term is zero and this is plain dictionary learning"


def source_labels(y: ArrayLike | None, domains: NDArray[np.int64] | None) -> NDArray[Any] | None:
    """Return labels without those of the target, which nobody may read."""
    if y is None or domains is None:
        return None if y is None else label_array(y)
    labels = label_array(y)
    masked = np.full(labels.shape, None, dtype=object)
    if labels.shape == domains.shape:
        masked[domains > 0] = labels[domains > 0].tolist()
    return masked


def atom_count(
    n_components: int | None, n_samples: int, dict_init: ArrayLike | None = None, *, most: int = 128
) -> int:
    """Return the number of atoms: by default `most`, or as many as there are samples."""
    if n_components is not None:
        return check_integer(n_components, "n_components", minimum=1)
    return min(most, n_samples) if dict_init is None else len(np.asarray(dict_init))


def first_dictionary(
    X: FloatArray, n_components: int, dict_init: ArrayLike | None, random_state: Any
) -> FloatArray:
    """Return the given atoms, or distinct samples of unit length."""
    if dict_init is not None:
        given = check_matrix(dict_init, "dict_init", dtype=X.dtype, n_features=X.shape[1])
        if len(given) != n_components:
            raise ValueError(
                f"dict_init must have n_components={n_components} rows, got {len(given)}"
            )
        return given
    n = len(X)
    if n_components > n:
        raise ValueError(
            f"n_components must be at most the number of samples, {n}, got {n_components}; leave it "
            "at its default to have as many atoms as fit"
        )
    if isinstance(random_state, np.random.Generator):
        order = random_state.permutation(n)
    else:
        order = check_random_state(random_state).permutation(n)
    # Samples of length zero last: they make no atoms unless nothing else is left.
    some = X[order].any(axis=1)
    chosen = np.concatenate([order[some], order[~some]])[:n_components]
    return np.asarray(unit_rows(X[chosen]))


class PseudoLabelCoupling:
    """The marginal coupling and, with pseudo-labels of the target, the class-conditional one.

    `labels` holds the source's labels; the target's entries are never read. Pseudo-labels are a
    vector of labels or a matrix of probabilities with one column per sorted source class.
    """

    def __init__(
        self,
        domains: NDArray[np.int64],
        y: ArrayLike | None,
        matching: DomainMatching,
    ) -> None:
        conditional, class_weight = matching.conditional, matching.class_weight
        self.domains = domains
        self.source = domains > 0
        self.conditional = conditional
        self.pairing = matching.pairing
        self.marginal = couple_domains(domains, domain_pairing=self.pairing)
        if conditional == 0:
            return
        labels = None if y is None else label_array(y)
        if labels is None or labels.shape != domains.shape:
            raise ValueError(f"conditional={conditional} needs y with a label per source sample")
        if class_weight not in (None, "prior"):
            raise ValueError(f"class_weight must be None or 'prior', got {class_weight!r}")
        self.known = self.source & labelled(labels)
        if not self.known.any():
            raise ValueError(f"conditional={conditional} needs labels of source samples in y")
        self.labels = class_values(labels[self.known])
        self.classes, counts = np.unique(self.labels, return_counts=True)
        self.class_weight = counts / counts.mean() if class_weight == "prior" else None
        self.classifier = (
            KNeighborsClassifier(1) if matching.classifier is None else matching.classifier
        )
        self.soft = matching.soft_labels

    def check_pseudo_labels(self, given: ArrayLike) -> NDArray[np.float64]:
        """Return given pseudo-labels of all samples as probabilities of the target's."""
        array = np.asarray(given)
        if len(array) != len(self.domains):
            raise ValueError(
                f"pseudo_labels must have one entry per sample, {len(self.domains)}, got "
                f"{len(array)}"
            )
        if array.ndim == 1:
            return np.asarray(array[~self.source, None] == self.classes, dtype=np.float64)
        soft = check_matrix(
            array[~self.source], "pseudo_labels", dtype=np.float64, n_features=len(self.classes)
        )
        return np.asarray(soft, dtype=np.float64)

    def estimate(self, codes: FloatArray) -> NDArray[np.float64]:
        """Return probabilities of the target's classes by the classifier on the source's codes."""
        model = clone(self.classifier).fit(codes[self.known], self.labels)
        target = codes[~self.source]
        if self.soft:
            return np.asarray(model.predict_proba(target), dtype=np.float64)
        return np.asarray(model.predict(target)[:, None] == self.classes, dtype=np.float64)

    def coupling(self, probabilities: NDArray[np.float64] | None) -> MeanContrasts:
        """Return the marginal terms, and those of the classes if there are pseudo-labels."""
        if probabilities is None:
            return self.marginal
        labels = np.full(len(self.domains), None, dtype=object)
        labels[self.known] = self.labels.tolist()
        return self.marginal + self.conditional * couple_classes(
            self.domains,
            labels,
            target_probabilities=probabilities,
            classes=self.classes,
            class_weight=self.class_weight,
            domain_pairing=self.pairing,
        )

    def most_likely(self, probabilities: NDArray[np.float64]) -> NDArray[np.generic]:
        """Return one class per target sample."""
        return np.asarray(self.classes[probabilities.argmax(axis=1)])
