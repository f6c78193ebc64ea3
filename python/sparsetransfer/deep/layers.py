"""Sparse codes as layers of a network, differentiable by PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sparsetransfer._validation import check_flags, check_matrix, check_real
from sparsetransfer.deep.tensors import as_array, check_floating
from sparsetransfer.sparse_coding import lasso, lasso_pooled
from sparsetransfer.sparse_coding.pooled import (
    PoolingStatistic,
    arrange,
    check_lengths,
    check_pooling,
)

__all__ = ["PooledSparseCodes", "sparse_codes"]

_BLOCK = 1 << 22
"""Entries of the systems of a block of codes."""
_DEPENDENT = 1e-12
"""A pivot below this part of its atom's squared norm: atoms of a code are dependent."""


def sparse_codes(
    signals: Tensor, dictionary: Tensor, alpha: float = 0.1, *, l2: float = 0.0
) -> Tensor:
    r"""Compute the lasso codes of signals, with gradients for signals and dictionary.

    Parameters
    ----------
    signals : Tensor of shape (n_signals, d)
        One signal per row.
    dictionary : Tensor of shape (n_components, d)
        One atom per row.
    alpha : float, default=0.1
        Weight of the l1 norm, > 0.
    l2 : float, default=0.0
        Weight of half the squared norm (elastic net), at least 0.

    Returns
    -------
    Tensor of shape (n_signals, n_components)
        The codes, in the type of `signals` and on its device.

    Raises
    ------
    TypeError
        If an argument does not consist of real numbers.
    ValueError
        If shapes do not fit, an entry is not finite, or a weight is out of range.
    ArithmeticError
        In the backward pass, if atoms that take part in one code depend on each other.

    See Also
    --------
    PooledSparseCodes : The codes of frames, pooled over sequences.
    sparsetransfer.deep.losses.sparse_reconstruction : The value of the minimum.

    Notes
    -----
    The codes :math:`a` minimise :math:`\tfrac12\|x - D^\top a\|^2 + \alpha\|a\|_1 +
    \tfrac h2\|a\|^2` and are solved for on the CPU, without a copy of tensors that lie there. On the
    atoms S of a code, :math:`a_S = (D_S D_S^\top + hI)^{-1}(D_S x - \alpha\,\mathrm{sign}(a_S))`.
    With :math:`g` the gradient that arrives and :math:`\beta_S = (D_S D_S^\top + hI)^{-1} g_S`,
    zero elsewhere, the gradients are [1]_ (eq. 10)

    .. math:: \nabla_x = D^\top\beta, \qquad
       \nabla_D = \beta (x - D^\top a)^\top - a (D^\top\beta)^\top.

    They are exact wherever S does not change nearby, which is almost everywhere. Backward systems
    are solved in float64. The gradient itself is not differentiable.

    References
    ----------
    .. [1] J. Mairal, F. Bach, J. Ponce, "Task-driven dictionary learning", IEEE Transactions on
       Pattern Analysis and Machine Intelligence 34(4), 2012. arXiv:1009.5358

    Examples
    --------
    >>> import torch
    >>> from sparsetransfer.deep.layers import sparse_codes
    >>> signal = torch.tensor([[3.0, 0.5]], requires_grad=True)
    >>> codes = sparse_codes(signal, torch.eye(2), alpha=1.0)
    >>> codes.sum().backward()
    >>> codes.detach(), signal.grad
    (tensor([[2., 0.]]), tensor([[1., 0.]]))
    """
    check_real(alpha, "alpha", minimum=0.0, strict=True)
    check_real(l2, "l2", minimum=0.0)
    _check_rows(signals, "signals")
    _check_rows(dictionary, "dictionary")
    codes: Tensor = _SparseCodes.apply(signals, dictionary, alpha, l2)
    return codes


class PooledSparseCodes(nn.Module):
    """Represent sequences by pooled sparse codes of their frames, in a dictionary that is trained.

    The layer form of `sparsetransfer.transfer.PooledSparseCoder`, without standardisation and
    whitening.

    Parameters
    ----------
    dictionary : Tensor or array_like of shape (n_components, d)
        The first atoms, such as ``coder.components_[0]``; copied. float32 is kept, all else becomes
        float64.
    alpha : float, default=0.2
        Weight of the l1 norm of the codes, > 0; for frames of unit length.
    pooling : sequence of {"mean", "rms", "max"}, default=("mean",)
        Statistics of the codes over the frames of a sequence.
    split_sign : bool, default=True
        Whether positive and negative parts of the codes are pooled apart.
    power : float, default=0.5
        Exponent of the pooled values, in (0, 1].

    Attributes
    ----------
    dictionary : torch.nn.Parameter of shape (n_components, d)
        The atoms.

    See Also
    --------
    sparse_codes : The codes, and the equations of their gradients.

    Notes
    -----
    Where no gradient is wanted codes are pooled by the compiled kernel and never stored; otherwise
    the codes of all frames of the batch are. A pooled value of 0 passes no gradient on.

    The minimum over codes can be made small by long atoms alone: call `shorten` after every step of
    the optimiser.

    Examples
    --------
    >>> import torch
    >>> from sparsetransfer.deep.layers import PooledSparseCodes
    >>> layer = PooledSparseCodes(torch.eye(3), alpha=0.1)
    >>> pooled = layer(torch.rand(50, 3), [20, 30])
    >>> pooled.shape
    torch.Size([2, 6])
    >>> pooled.sum().backward()
    >>> layer.dictionary.grad.shape
    torch.Size([3, 3])
    """

    def __init__(
        self,
        dictionary: Tensor | ArrayLike,
        alpha: float = 0.2,
        *,
        pooling: Sequence[PoolingStatistic] = ("mean",),
        split_sign: bool = True,
        power: float = 0.5,
    ) -> None:
        check_flags(split_sign=split_sign)
        super().__init__()
        check_real(alpha, "alpha", minimum=0.0, strict=True)
        if not 0 < check_real(power, "power") <= 1:
            raise ValueError(f"power must lie in (0, 1], got {power!r}")
        values = as_array(dictionary) if isinstance(dictionary, Tensor) else dictionary
        atoms = check_matrix(values, "dictionary")
        self.dictionary = nn.Parameter(torch.from_numpy(atoms.copy()))
        self.alpha = alpha
        self.pooling = check_pooling(pooling)
        self.split_sign = split_sign
        self.power = power

    def forward(self, frames: Tensor, lengths: Tensor | Sequence[int]) -> Tensor:
        """Pool the codes of the frames of each sequence.

        Parameters
        ----------
        frames : Tensor of shape (n_frames, d)
            The frames of all sequences, one sequence after another.
        lengths : Tensor or sequence of int, shape (n_sequences,)
            Frames of each sequence, at least 1; they add up to `n_frames`.

        Returns
        -------
        Tensor of shape (n_sequences, n_columns)
            For every statistic in turn: the positive parts of all atoms, then the negative ones.

        Raises
        ------
        TypeError
            If `lengths` are not integers.
        ValueError
            If shapes do not fit or an entry is not finite.
        """
        _check_rows(frames, "frames")
        sizes = check_lengths(
            as_array(lengths) if isinstance(lengths, Tensor) else lengths, len(frames)
        )
        trained = frames.requires_grad or self.dictionary.requires_grad
        if not (torch.is_grad_enabled() and trained):
            pooled = lasso_pooled(
                as_array(frames), sizes, as_array(self.dictionary), self.alpha, pooling=self.pooling
            )
            columns = arrange(pooled.values, self.pooling, self.split_sign, self.power)
            return torch.from_numpy(columns).to(frames)
        codes = sparse_codes(frames, self.dictionary, self.alpha)
        if self.split_sign:
            parts = torch.stack([codes.clamp_min(0), (-codes).clamp_min(0)], dim=1)
        else:
            parts = codes.abs()[:, None]
        pieces = parts.split(sizes.tolist())
        statistics = [
            torch.stack([_POOL[name](piece) for piece in pieces]) for name in self.pooling
        ]
        exponents = [self.power / 2 if name == "rms" else self.power for name in self.pooling]
        powers = [
            # The slope of a root at 0 is infinite.
            torch.where(values > 0, torch.where(values > 0, values, 1.0) ** exponent, 0.0)
            for values, exponent in zip(statistics, exponents, strict=True)
        ]
        return torch.stack(powers, dim=1).flatten(1)

    def shorten(self) -> None:
        """Divide atoms longer than one by their norms, in place."""
        with torch.no_grad():
            self.dictionary.div_(self.dictionary.norm(dim=1, keepdim=True).clamp_min(1.0))

    def extra_repr(self) -> str:
        """Return what the layer does, for its printed form."""
        n_components, width = self.dictionary.shape
        return f"{width} -> {n_components} atoms, alpha={self.alpha:g}, pooling={self.pooling}"


_POOL = {
    "mean": lambda parts: parts.mean(dim=0),
    "rms": lambda parts: parts.square().mean(dim=0),
    "max": lambda parts: parts.amax(dim=0),
}


def _check_rows(value: Tensor, name: str) -> None:
    check_floating(value, name)
    if value.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, got shape {tuple(value.shape)}")
    check_matrix(as_array(value), name)


class _SparseCodes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, signals: Tensor, dictionary: Tensor, alpha: float, l2: float) -> Tensor:
        found = lasso(as_array(signals), as_array(dictionary), alpha, l2=l2).codes
        codes = torch.from_numpy(found)
        ctx.save_for_backward(signals, dictionary, codes)
        ctx.l2 = l2
        return codes.to(signals)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        signals, dictionary, codes = ctx.saved_tensors
        x, atoms, a, g = (
            part.detach().cpu().double() for part in (signals, dictionary, codes, gradient)
        )
        gram = atoms @ atoms.T
        gram.diagonal().add_(ctx.l2)
        beta = _on_supports(a, g, gram)
        by_signal = beta @ atoms
        by_dictionary = None
        if ctx.needs_input_grad[1]:
            by_dictionary = (beta.T @ (x - a @ atoms) - a.T @ by_signal).to(dictionary)
        return by_signal.to(signals), by_dictionary, None, None


def _on_supports(codes: Tensor, gradient: Tensor, gram: Tensor) -> Tensor:
    """Solve the Gram system of each code's atoms, for codes of like sizes together."""
    support = codes != 0
    sizes = support.sum(dim=1)
    order = sizes.argsort()
    beta = torch.zeros_like(codes)
    longest = float(gram.diagonal().max()) if len(gram) else 0.0
    begin = int((sizes == 0).sum())
    while begin < len(order):
        # Rows go up in size: the block ends before the padded systems get too large.
        steps = torch.arange(1, len(order) - begin + 1)
        fits = steps * sizes[order[begin:]] ** 2 <= _BLOCK
        rows = order[begin : begin + max(1, int(fits.sum()))]
        begin += len(rows)
        width = int(sizes[rows[-1]])
        atoms = support[rows].to(torch.int8).topk(width, dim=1).indices
        used = torch.arange(width) < sizes[rows][:, None]
        pairs = used[:, :, None] & used[:, None, :]
        systems = torch.where(pairs, gram[atoms[:, :, None], atoms[:, None, :]], 0.0)
        systems.diagonal(dim1=1, dim2=2).add_((~used) * longest)
        factors, failed = torch.linalg.cholesky_ex(systems)
        pivots, norms = (part.diagonal(dim1=1, dim2=2) for part in (factors, systems))
        if bool(failed.any()) or bool((pivots.square() < _DEPENDENT * norms).any()):
            raise ArithmeticError(
                "dictionary: atoms that take part in one code depend on each other (equal, or more "
                "than the rank of the dictionary), so that the codes have no gradient; remove equal "
                "atoms, or give l2 > 0"
            )
        right = torch.where(used, gradient[rows].gather(1, atoms), 0.0)
        solved = torch.cholesky_solve(right[:, :, None], factors).squeeze(2)
        beta[rows] = torch.zeros_like(beta[rows]).scatter_(1, atoms, solved * used)
    return beta
