"""Terms that pull domains together or shape an embedding, differentiable by PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sparsetransfer import mmd
from sparsetransfer._validation import check_choice, check_flags
from sparsetransfer.deep.tensors import as_array, check_floating
from sparsetransfer.mmd.gaussian_kernel import Kernel, family
from sparsetransfer.sparse_coding import lasso
from sparsetransfer.transfer import sparse_regression

__all__ = [
    "Penalty",
    "continuous_metric",
    "coral",
    "discrepancy",
    "reverse_gradient",
    "sparse_reconstruction",
]

Penalty: TypeAlias = Literal["l1", "l21"]

_NO_DIRECTION = 1e-6


def sparse_reconstruction(
    source: Tensor,
    target: Tensor,
    alpha: float = 0.1,
    *,
    penalty: Penalty = "l1",
    allowed: Tensor | None = None,
    normalise: bool = False,
) -> Tensor:
    r"""Compute the error of sparse reconstructions of target features from source features.

    Parameters
    ----------
    source : Tensor of shape (n_source, d)
        Source features of a batch: the dictionary.
    target : Tensor of shape (n_target, d)
        Target features of a batch: the signals.
    alpha : float, default=0.1
        Weight of the penalty, at least 0.
    penalty : {"l1", "l21"}, default="l1"
        Whether every target chooses its own source samples, or all choose the same (the norms of
        the rows of the coefficients, over the targets, are summed).
    allowed : Tensor of shape (n_target, n_source), bool, optional
        Which source samples may rebuild which target, for example those of its pseudo-class. By
        default all. With ``penalty="l21"`` targets with equal rows form a group, and each group
        chooses its source samples. Targets that no source sample may rebuild do not take part.
    normalise : bool, default=False
        Whether to divide the rows of both sides by their norms. The gradient is then orthogonal to
        every row: it turns features and does not shrink them. Rows of norm below 1e-6 do not take
        part.

    Returns
    -------
    Tensor
        The scalar :math:`\min_U \frac1{n_t}\left(\tfrac12\|F_t - U F_s\|^2
        + \alpha\,\Omega(U)\right)` over the :math:`n_t` targets that take part; 0 without any.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    The inner problem is solved to its optimum by the compiled kernels, so by Danskin's theorem the
    gradient is that of the first term at the optimal :math:`U`: :math:`R/n_t` with respect to
    :math:`F_t` and :math:`-U^\top R/n_t` with respect to :math:`F_s`, with
    :math:`R = F_t - U F_s`. Nothing is unrolled. An error of :math:`\epsilon` in :math:`U` changes
    the gradient by :math:`O(\epsilon)`. The features are solved for on the CPU. The gradient itself
    is not differentiable.

    Without `normalise` the term has a trivial minimum: every penalised reconstruction falls short
    of its target, so that the gradient with respect to :math:`F_t` shrinks it even where
    :math:`F_t = F_s`, and :math:`F_t = 0` costs nothing.

    This is our formulation of implicit distribution alignment [1]_, of which only the abstract is
    open: it says that target samples are rebuilt from source samples.

    References
    ----------
    .. [1] Y. Zhao, J. Wang, Y. Zong, W. Zheng, H. Lian, L. Zhao, "Deep implicit distribution
       alignment networks for cross-corpus speech emotion recognition", ICASSP 2023,
       arXiv:2302.08921.
    """
    check_flags(normalise=normalise)
    _check_widths(source, target)
    shape = (len(target), len(source))
    if allowed is not None and tuple(allowed.shape) != shape:
        raise ValueError(f"allowed must have shape {shape}, got {tuple(allowed.shape)}")
    check_choice(penalty, "penalty", get_args(Penalty))
    if normalise:
        source, source_alive = _unit_rows(source)
        target, target_alive = _unit_rows(target)
        if not bool(source_alive.all() and target_alive.all()):
            alive = target_alive[:, None] & source_alive[None, :]
            allowed = alive if allowed is None else allowed.to(alive.device).bool() & alive
    value: Tensor = _SparseReconstruction.apply(source, target, alpha, penalty, allowed)
    return value


def discrepancy(
    source: Tensor,
    target: Tensor,
    *,
    bandwidths: float | Sequence[float] | Literal["median", "mean"] = "median",
    kernel: Kernel = "gaussian",
) -> Tensor:
    r"""Return the squared maximum mean discrepancy under kernels of the distance.

    Parameters
    ----------
    source : Tensor of shape (n_source, d)
        Source features.
    target : Tensor of shape (n_target, d)
        Target features.
    bandwidths : float, sequence of float, or {"median", "mean"}, default="median"
        As in the function of the kernel in `sparsetransfer.mmd`; the gradient holds them fixed.
    kernel : {"gaussian", "laplace", "inverse_multiquadric"}, default="gaussian"
        The kernels, of several bandwidths each.

    Returns
    -------
    Tensor
        The biased estimate, a scalar.

    Raises
    ------
    ValueError
        If a domain has a single row, if all rows of both are equal (a dead embedding), or as
        `sparsetransfer.mmd.gaussian` does.

    Notes
    -----
    Value and gradient come from one pass of the compiled kernel on the CPU; no n × n matrix is
    formed, and nothing but the two gradients is kept for the backward pass. The gradient itself is
    not differentiable.
    """
    _check_rows(source, target, "the maximum mean discrepancy")
    family(kernel)
    if bool((source == source[0]).all() and (target == source[0]).all()):
        raise ValueError(
            f"all {len(source) + len(target)} embeddings are equal, so that no bandwidth fits them: "
            "the network is dead; lower learning_rate or weight, or standardise the features"
        )
    value: Tensor = _Discrepancy.apply(source, target, bandwidths, kernel)
    return value


def coral(source: Tensor, target: Tensor) -> Tensor:
    r"""Return the distance between the covariances of two batches.

    Parameters
    ----------
    source : Tensor of shape (n_source, d)
        Source features, at least two rows.
    target : Tensor of shape (n_target, d)
        Target features, at least two rows.

    Returns
    -------
    Tensor
        The scalar :math:`\|C_s - C_t\|_F^2 / (4 d^2)`.

    Raises
    ------
    ValueError
        If the shapes do not fit or a domain has a single row.

    References
    ----------
    .. [1] B. Sun, K. Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV
       Workshops 2016, arXiv:1607.01719, eq. 1.
    """
    _check_rows(source, target, "a covariance")
    difference = torch.atleast_2d(torch.cov(source.T)) - torch.atleast_2d(torch.cov(target.T))
    return difference.square().sum() / (4 * source.shape[1] ** 2)


def reverse_gradient(features: Tensor, weight: float = 1.0) -> Tensor:
    """Reverse the gradient: return features as they are and negate what flows back.

    Parameters
    ----------
    features : Tensor
        Any shape.
    weight : float, default=1.0
        Factor of the reversed gradient.

    Returns
    -------
    Tensor
        The same values.

    References
    ----------
    .. [1] Y. Ganin et al., "Domain-adversarial training of neural networks", JMLR 17(59), 2016.
    """
    reversed_: Tensor = _Reversal.apply(features, weight)
    return reversed_


def continuous_metric(labels: Tensor, latent: Tensor) -> Tensor:
    r"""Compute a loss by which distances in an embedding follow those of a continuous label.

    Parameters
    ----------
    labels : Tensor of shape (n,)
        Activation or valence, NaN where it is not known; such samples do not contribute.
    latent : Tensor of shape (n, q)
        Embedding.

    Returns
    -------
    Tensor
        A scalar; 0 if fewer than two different labels are known.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Over all pairs, with :math:`x_{ij} = l_i - l_j`, :math:`n_{ij}` the mean over the dimensions of
    :math:`z_i - z_j`, and the least-squares slope :math:`b = \sum x n / \sum x^2`, the loss is
    :math:`|b - 1| + \operatorname{mean}_{ij} (b x_{ij} - n_{ij})^2` [1]_. Sums over pairs are
    variances: with the mean :math:`\bar z_i` over the dimensions,

    .. math:: b = \frac{\operatorname{Cov}(l, \bar z)}{\operatorname{Var}(l)}, \qquad
       \operatorname{mean}_{ij}(\cdot)^2 = \frac{2n}{n-1}\left(\operatorname{Var}(\bar z)
       - \frac{\operatorname{Cov}(l, \bar z)^2}{\operatorname{Var}(l)}\right),

    so that time and memory are O(n). The authors' offset of 1e-6 of both differences is left out.

    References
    ----------
    .. [1] S. Das, N. L. Lund, N. N. Lønfeldt, A. K. Pagsberg, L. H. Clemmensen, "Continuous metric
       learning for transferable speech emotion recognition and embedding across low-resource
       languages", NLDL 2022, arXiv:2203.14867.
    """
    if latent.ndim != 2 or labels.shape != latent.shape[:1]:
        raise ValueError(
            f"labels and latent must have shapes (n,) and (n, q), got {tuple(labels.shape)} and "
            f"{tuple(latent.shape)}"
        )
    known = ~torch.isnan(labels)
    position = latent[known].mean(dim=1)
    label = labels[known].to(position.dtype)
    count = len(label)
    if count < 2 or bool((label == label[0]).all()):
        return latent.sum() * 0.0
    label = label - label.mean()
    position = position - position.mean()
    variance = label.square().mean()
    slope = (label * position).mean() / variance
    residual = (position - slope * label).square().mean()
    return (slope - 1).abs() + 2 * count / (count - 1) * residual


def _check_widths(source: Tensor, target: Tensor) -> None:
    check_floating(source, "source")
    check_floating(target, "target")
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            "source and target must have shapes (n_source, d) and (n_target, d), got "
            f"{tuple(source.shape)} and {tuple(target.shape)}"
        )


def _check_rows(source: Tensor, target: Tensor, of: str) -> None:
    _check_widths(source, target)
    for name, rows in (("source", source), ("target", target)):
        if len(rows) < 2:
            raise ValueError(
                f"{name} has {len(rows)} row(s); {of} needs at least 2: give more samples of the "
                "domain, or a batch_size that leaves no batch of one"
            )


def _unit_rows(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows of norm one, or zero where a row has no direction, and which have one."""
    norms = features.norm(dim=1, keepdim=True)
    alive = norms > _NO_DIRECTION
    unit = torch.where(alive, features / torch.where(alive, norms, 1.0), 0.0)
    return unit, alive.squeeze(1)


def _coefficients(
    source: Any, target: Any, alpha: float, penalty: Penalty, allowed: Any | None
) -> Any:
    """Return U, (n_target, n_source), group by group of targets with the same allowed sources."""
    if allowed is None:
        return _solve(source, target, alpha, penalty)
    coefficients = np.zeros((len(target), len(source)), dtype=target.dtype)
    patterns, group = np.unique(allowed, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if pattern.any():
            rows = np.flatnonzero(group == number)
            found = _solve(source[pattern], target[rows], alpha, penalty)
            coefficients[np.ix_(rows, np.flatnonzero(pattern))] = found
    return coefficients


def _solve(source: Any, target: Any, alpha: float, penalty: Penalty) -> Any:
    if penalty == "l1":
        return lasso(target, source, alpha).codes
    return sparse_regression(source.T, target.T, l21=alpha, kkt_tol=1e-8).coef


class _SparseReconstruction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        source: Tensor,
        target: Tensor,
        alpha: float,
        penalty: Penalty,
        allowed: Tensor | None,
    ) -> Tensor:
        mask = None if allowed is None else allowed.cpu().numpy().astype(bool)
        found = _coefficients(as_array(source), as_array(target), alpha, penalty, mask)
        coefficients = torch.from_numpy(found).to(target)
        residual = target - coefficients @ source
        count = len(target)
        if allowed is not None:
            takes_part = allowed.to(target.device).bool().any(dim=1)
            residual = residual * takes_part[:, None]
            count = max(int(takes_part.sum()), 1)
        ctx.save_for_backward(coefficients, residual)
        ctx.count = count
        norms = coefficients.abs().sum() if penalty == "l1" else _row_norms(coefficients, allowed)
        return (residual.square().sum() / 2 + alpha * norms) / count

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        coefficients, residual = ctx.saved_tensors
        scaled = residual * (gradient / ctx.count)
        return -coefficients.T @ scaled, scaled, None, None, None


def _row_norms(coefficients: Tensor, allowed: Tensor | None) -> Tensor:
    """Sum the norms of the coefficients of each source sample over each group of targets."""
    if allowed is None:
        return coefficients.norm(dim=0).sum()
    patterns, group = torch.unique(allowed, dim=0, return_inverse=True)
    return torch.stack(
        [coefficients[group == number].norm(dim=0).sum() for number in range(len(patterns))]
    ).sum()


class _Discrepancy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, target: Tensor, bandwidths: Any, kernel: str) -> Tensor:
        result = getattr(mmd, kernel)(
            as_array(source), as_array(target), bandwidths=bandwidths, gradient=True
        )
        assert result.gradient_source is not None
        assert result.gradient_target is not None
        ctx.save_for_backward(
            torch.from_numpy(result.gradient_source).to(source),
            torch.from_numpy(result.gradient_target).to(target),
        )
        return source.new_tensor(result.value)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        by_source, by_target = ctx.saved_tensors
        return gradient * by_source, gradient * by_target, None, None


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return -ctx.weight * gradient, None
