"""Published deep systems, on our kernels; needs the extra ``deep`` (PyTorch).

`DIDAN` aligns two corpora by rebuilding target features sparsely from source features,
`SpeakerResNet` carries over what a network learnt from telling speakers apart,
`FineTunedCampplus` does so with a published network, and `MetricAutoencoder` shapes an embedding by
how active and how pleasant speech sounds. For networks of one's own, `losses` holds their terms and
`layers` sparse codes, both with exact gradients.
"""

from typing import TYPE_CHECKING

from sparsetransfer._former import former_names
from sparsetransfer._messages import missing_extra

try:
    import torch  # noqa: F401
except ImportError as error:
    raise missing_extra("sparsetransfer.deep", "deep") from error

from sparsetransfer.deep import layers, losses
from sparsetransfer.deep.affect import AFFECT, EMODB_AFFECT
from sparsetransfer.deep.didan import DIDAN
from sparsetransfer.deep.fine_tuned import FineTunedCampplus
from sparsetransfer.deep.metric_autoencoder import MetricAutoencoder
from sparsetransfer.deep.networks.speaker import train_speaker_network
from sparsetransfer.deep.speaker_resnet import SpeakerResNet
from sparsetransfer.deep.training.checkpoint import CheckpointError
from sparsetransfer.deep.training.sequences import normalise_levels

__all__ = [
    "AFFECT",
    "DIDAN",
    "EMODB_AFFECT",
    "CheckpointError",
    "FineTunedCampplus",
    "MetricAutoencoder",
    "SpeakerResNet",
    "layers",
    "losses",
    "normalise_levels",
    "train_speaker_network",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(
        __name__,
        {
            "SpeakerNetwork": "deep.networks.speaker",
            "affect_of": "deep.affect",
        },
    )
