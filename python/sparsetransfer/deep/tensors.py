"""Tensors as arguments: their type, and their values as arrays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["as_array", "check_floating"]


def check_floating(values: Tensor, name: str) -> None:
    """Raise an error unless a tensor holds floating-point numbers, whose type the result has."""
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(values).__name__}")
    if not values.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got {values.dtype}")


def as_array(values: Tensor) -> Any:
    """Return the values of a tensor as an array, which shares the memory of a tensor on the CPU."""
    array = values.detach().cpu()
    half = array.dtype in (torch.float16, torch.bfloat16)
    return (array.float() if half else array).numpy()
