"""The recogniser: fitted on labelled corpora, adapted to unlabelled recordings, saved and used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from sparsetransfer.evaluation.data.dataset import Dataset
from sparsetransfer.evaluation.data.frame_codes import FrameCodeSet
from sparsetransfer.evaluation.data.normalisation import Scope
from sparsetransfer.evaluation.methods.base import Method
from sparsetransfer.evaluation.methods.registry import make_methods
from sparsetransfer.recognition.adaptation import (
    adapt,
    check_method,
)
from sparsetransfer.recognition.adapted import AdaptedModel, Answers
from sparsetransfer.recognition.calibration import Adjustment
from sparsetransfer.recognition.linear import LinearRecogniser, fit_recogniser
from sparsetransfer.recognition.rows import unlabelled_domain, views_and_keys

if TYPE_CHECKING:
    from sparsetransfer.features import FeatureSet

__all__ = ["Recogniser"]


class Recogniser:
    """Recognise emotions in recordings that nobody labelled.

    Parameters
    ----------
    method : str or Method, optional
        Name of a method of the registry that can meet new recordings, or the method itself;
        "multi-view" by default with a target. Without a target there is one: a linear support
        vector machine with calibrated probabilities.
    normalisation : {"corpus", "robust", "source"}, default="corpus"
        Over which rows features are normalised, as in `sparsetransfer.evaluation.normalise`.
        Without a target it is "source".
    n_folds : int, default=5
        Speaker-disjoint folds for the settings of the method and the calibration.
    random_state : int, default=0
        Seed of everything random.

    Attributes
    ----------
    classes_ : tuple of str
        The emotions, in the order of the probabilities.
    feature_sets_ : tuple of str
        Names and versions of the feature sets that describe a recording.
    model_ : AdaptedModel or LinearRecogniser
        What was fitted.
    about_ : dict
        What it was fitted on and how, as plain JSON values: hashes and sizes of the corpora,
        versions, protocol, method and settings, diagnostics, distance of the domains.
    frame_codes_ : dict of str to FrameCodeSet
        The feature sets that were learned on the corpora, by name.

    Notes
    -----
    A recording of the target that was adapted to gets the answer that the method had for it then,
    which is what an evaluation of the method scores; it is known by a hash of its audio. For any
    other recording everything that was learned is held fixed.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.evaluation import Dataset
    >>> rng = np.random.default_rng(0)
    >>> labels = np.tile(["anger", "sadness"], 40)
    >>> def corpus(name, labels, shift):
    ...     rows = rng.normal(size=(80, 4)) + 3 * (labels == "anger")[:, None] + shift
    ...     speakers = np.repeat([f"{name}{i}" for i in range(8)], 10)
    ...     files = np.array([f"{i}.wav" for i in range(80)])
    ...     return Dataset(name, rows, labels, speakers, files, tuple("abcd"), "toy-1")
    >>> source = corpus("acted", labels, 0.0)
    >>> calls = corpus("calls", labels, 9.0)
    >>> recogniser = Recogniser("multi-view").fit(source, calls.features)
    >>> bool(np.mean(recogniser.predict(calls) == labels) > 0.9)
    True
    """

    classes_: tuple[str, ...]
    feature_sets_: tuple[str, ...]
    model_: AdaptedModel | LinearRecogniser
    about_: dict[str, Any]
    frame_codes_: dict[str, FrameCodeSet]

    def __init__(
        self,
        method: str | Method | None = None,
        *,
        normalisation: Scope = "corpus",
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.method, self.normalisation = method, normalisation
        self.n_folds, self.random_state = n_folds, random_state

    def fit(
        self,
        source: Dataset | Sequence[Dataset],
        target: Dataset | Sequence[Dataset] | NDArray[np.float64] | None = None,
        *,
        classes: Sequence[str] | None = None,
        feature_set_names: Sequence[str] | None = None,
        frame_codes: Mapping[str, FrameCodeSet] | None = None,
    ) -> Recogniser:
        """Fit on labelled corpora, and adapt to unlabelled recordings if there are any.

        Parameters
        ----------
        source : Dataset or sequence of Dataset
            Labelled corpora; the speaker of every recording must be known.
        target : Dataset, sequence of Dataset, or ndarray of shape (n, d), optional
            Recordings to adapt to; labels are not looked at. An array holds rows of the only
            feature set.
        classes : sequence of str, optional
            Emotions; by default those that every source has.
        feature_set_names : sequence of str, optional
            Names by which `sparsetransfer.features.feature_set` finds the feature sets, kept for
            recordings still to come; by default those of the domains without their versions.
        frame_codes : mapping of str to FrameCodeSet, optional
            Those of `feature_set_names` that were learned on the corpora, as
            `sparsetransfer.evaluation.study.prepare.describe_adaptation` returns them.

        Returns
        -------
        Recogniser
            Itself.

        Raises
        ------
        ValueError
            If the method cannot meet new recordings, or needs a target and there is none.
        CorpusError
            If corpora do not fit together or are too small.
        DomainError
            If a recording or speaker is in source and target.
        """
        sources = [source] if isinstance(source, Dataset) else list(source)
        if target is None:
            if self.method is not None:
                raise ValueError(
                    f"method {self.method!r} is for recordings that it is adapted to: give a target, "
                    "or no method"
                )
            name = _plain_name(sources[0].feature_set)
            return self._take(
                fit_recogniser(
                    sources,
                    name if feature_set_names is None else feature_set_names[0],
                    n_folds=self.n_folds,
                    seed=self.random_state,
                )
            )
        method = self._method()
        if isinstance(target, np.ndarray):
            target = unlabelled_domain(target, sources[0])
        self._take(
            adapt(
                sources,
                target,
                method,
                classes=classes,
                normalisation=self.normalisation,
                n_folds=self.n_folds,
                seed=self.random_state,
            )
        )
        if feature_set_names is not None:
            self.frame_codes_ = dict(frame_codes or {})
            self.about_["feature_set_names"] = list(feature_set_names)
            self.about_["feature_set_ids"] = [self.feature_set(n).id for n in feature_set_names]
        return self

    def partial_fit(self, recordings: Dataset | ArrayLike | Sequence[ArrayLike]) -> Recogniser:
        """Update the normalisation of the target by more unlabelled recordings.

        Parameters
        ----------
        recordings : Dataset, array_like of shape (n, d), or sequence of such
            As for `answer`, in parts of any size, each recording once; the model keeps no row.

        Returns
        -------
        Recogniser
            Itself.

        Raises
        ------
        ValueError
            If the recogniser has no target, or its normalisation is not "corpus"; or as in
            `answer`.

        Notes
        -----
        Means and standard deviations run on as if the recordings had been in the target. All else
        stays, the answers about recordings that `fit` adapted to among it; these do not count again.
        """
        views, keys = views_and_keys(recordings, self.feature_sets_, self._widths)
        if isinstance(self.model_, LinearRecogniser):
            raise ValueError("a recogniser without a target normalises by its source: give fit one")  # noqa: TRY004
        return self._take(self.model_.with_rows(views, keys), self.frame_codes_)

    def adjust(self, adjustment: Adjustment) -> Recogniser:
        """Adjust the probabilities, for example to a few labels of the target.

        Parameters
        ----------
        adjustment : Adjustment
            What `fit_adjustment` returns for `predict_proba` of labelled recordings.

        Returns
        -------
        Recogniser
            Itself.
        """
        return self._take(self.model_.adjusted(adjustment), self.frame_codes_)

    def _method(self) -> Method:
        method = "multi-view" if self.method is None else self.method
        if isinstance(method, str):
            (method,) = make_methods([method])
        check_method(method)
        return method

    def _take(
        self,
        model: AdaptedModel | LinearRecogniser,
        frame_codes: dict[str, FrameCodeSet] | None = None,
    ) -> Recogniser:
        self.model_ = model
        self.frame_codes_ = frame_codes or {}
        self.classes_ = model.classes
        self.about_ = model.about
        if isinstance(model, AdaptedModel):
            self.feature_sets_ = model.feature_sets
        else:
            self.feature_sets_ = (model.feature_set_id,)
        return self

    @property
    def _widths(self) -> tuple[int, ...]:
        model = self.model_
        return model.widths if isinstance(model, AdaptedModel) else (len(model.mean),)

    @property
    def feature_set_names(self) -> tuple[str, ...]:
        """Names of the feature sets for `sparsetransfer.features.feature_set`."""
        if isinstance(self.model_, LinearRecogniser):
            return (self.model_.feature_set,)
        named = self.about_.get("feature_set_names")
        return tuple(named or (_plain_name(found) for found in self.feature_sets_))

    def feature_set(self, name: str) -> FeatureSet:
        """Return a feature set that describes recordings for this recogniser.

        Parameters
        ----------
        name : str
            Out of `feature_set_names`.

        Returns
        -------
        FeatureSet
            The one that was learned with the recogniser, or that
            `sparsetransfer.features.feature_set` knows.

        Raises
        ------
        ValueError
            If no feature set has that name.
        ModuleNotFoundError
            If a network or its weights are not installed.
        """
        from sparsetransfer import features

        return self.frame_codes_.get(name) or features.feature_set(name)

    @property
    def feature_set_ids(self) -> tuple[str, ...]:
        """Names and versions of the feature sets, where the method names its views without."""
        return tuple(self.about_.get("feature_set_ids") or self.feature_sets_)

    def answer(self, recordings: Dataset | ArrayLike | Sequence[ArrayLike]) -> Answers:
        """Recognise recordings, and say which of the answers are doubtful.

        Parameters
        ----------
        recordings : Dataset, array_like of shape (n, d), or sequence of such
            Recordings with their features; arrays are rows of each feature set.

        Returns
        -------
        Answers
            One entry per recording.

        Raises
        ------
        ValueError
            If feature sets or numbers of columns are others.
        """
        views, keys = views_and_keys(recordings, self.feature_sets_, self._widths)
        model = self.model_
        with threadpool_limits(1, user_api="blas"):
            if isinstance(model, AdaptedModel):
                return model.answer(views, keys)
            shares = model.probabilities(views[0])
        nothing = np.zeros(len(shares), dtype=np.bool_)
        return Answers(shares, nothing, nothing, np.zeros(len(shares)), nothing)

    def predict_proba(
        self, recordings: Dataset | ArrayLike | Sequence[ArrayLike]
    ) -> NDArray[np.float64]:
        """Return the probability of every emotion.

        Parameters
        ----------
        recordings : Dataset, array_like of shape (n, d), or sequence of such
            As for `answer`.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`; calibrated on source speakers who were held out.
        """
        return self.answer(recordings).probabilities

    def predict(self, recordings: Dataset | ArrayLike | Sequence[ArrayLike]) -> NDArray[np.str_]:
        """Return the most probable emotion.

        Parameters
        ----------
        recordings : Dataset, array_like of shape (n, d), or sequence of such
            As for `answer`.

        Returns
        -------
        ndarray of shape (n,), str
            Names out of `classes_`.
        """
        best = self.predict_proba(recordings).argmax(axis=1)
        return np.asarray(np.array(self.classes_)[best])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted recogniser to a file, at once or not at all.

        Parameters
        ----------
        path : path-like
            The file.
        """
        from sparsetransfer.recognition.files.model import save

        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recogniser:
        """Read a recogniser that `save` wrote, or an earlier version of this package.

        Parameters
        ----------
        path : path-like
            The file. Nothing in it is executed.

        Returns
        -------
        Recogniser
            The fitted recogniser.

        Raises
        ------
        ModelError
            If the file holds no model that this version can read.
        """
        from sparsetransfer.recognition.files.model import load

        return cls()._take(*load(path))


def _plain_name(feature_set: str) -> str:
    """Return the name of a feature set without its version."""
    name, dash, version = feature_set.rpartition("-")
    return name if dash and version.isdigit() else feature_set
