"""Other ways to the same numbers: NumPy in chunks, torch in compiled chunks, torch autograd, KeOps.

All take ``source`` and ``target`` (NumPy arrays of one dtype) and the kernels' ``bandwidths``,
whose squares must be successive powers of two times the largest's, and return the biased squared
discrepancy, averaged over the kernels, with its two gradients.
"""

import functools

import numpy as np


def numpy_chunked(source, target, bandwidths, chunk=512):
    """One exponential and its squares per chunk of rows; no symmetry."""
    samples, weights, half_norms, scale = _stack(source, target, bandwidths)
    n_source, value, gradient = len(source), 0.0, np.empty_like(samples)
    for start in range(0, len(samples), chunk):
        rows = slice(start, start + chunk)
        kernel = samples[rows] @ samples.T
        kernel -= half_norms[rows, None]
        kernel -= half_norms
        np.minimum(kernel, 0, out=kernel)
        np.exp(kernel, out=kernel)
        total, slopes, rate = kernel.copy(), kernel.copy(), 1
        for _ in bandwidths[1:]:
            np.square(kernel, out=kernel)
            rate *= 2
            total += kernel
            slopes += rate * kernel
        pair_weights = weights[rows, None] * weights
        value += float(np.einsum("ij,ij->", total, pair_weights))
        slopes *= pair_weights
        gradient[rows] = slopes @ samples - slopes.sum(axis=1)[:, None] * samples[rows]
    gradient *= 2 * scale / len(bandwidths)
    return value / len(bandwidths), gradient[:n_source], gradient[n_source:]


def torch_chunked(source, target, bandwidths, chunk=512, symmetric=True):
    """The same tricks in torch, the elementwise work fused by its compiler.

    With ``symmetric`` every pair of samples is met once and serves both gradients.
    """
    import torch

    stacked, weights, half_norms, scale = _stack(source, target, bandwidths)
    n_source = len(source)
    samples, weights, half_norms = map(torch.from_numpy, (stacked, weights, half_norms))
    weigh = _compiled(len(bandwidths))
    value, gradient = 0.0, torch.zeros_like(samples)
    sums = torch.zeros_like(weights)
    for start in range(0, len(samples), chunk):
        end = min(start + chunk, len(samples))
        rows = samples[start:end]
        parts = [slice(0, len(samples))]
        if symmetric:
            parts = [slice(start, end), slice(end, len(samples))]
        for number, columns in enumerate(parts):
            if columns.start == columns.stop:
                continue
            products = rows @ samples[columns].T
            part, slopes = weigh(
                products,
                half_norms[start:end],
                half_norms[columns],
                weights[start:end],
                weights[columns],
            )
            value += part.item() * (2 if number else 1)
            gradient[start:end].addmm_(slopes, samples[columns])
            sums[start:end] += slopes.sum(1)
            if number:
                gradient[columns].addmm_(slopes.T, rows)
                sums[columns] += slopes.sum(0)
    gradient -= sums[:, None] * samples
    gradient *= 2 * scale / len(bandwidths)
    gradient = gradient.numpy()
    return value / len(bandwidths), gradient[:n_source], gradient[n_source:]


def torch_autograd(source, target, bandwidths):
    """Full matrices and automatic differentiation, as the loss is usually written."""
    import torch

    xs = torch.from_numpy(source).requires_grad_()
    xt = torch.from_numpy(target).requires_grad_()
    samples = torch.cat([xs, xt])
    distances = (
        (samples[:, None] - samples[None]).square().sum(-1)
        if len(samples) < 500
        else (torch.cdist(samples, samples).square())
    )
    kernel = sum(torch.exp(-distances / (2 * s * s)) for s in bandwidths) / len(bandwidths)
    n = len(source)
    value = kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
    value.backward()
    return value.item(), xs.grad.numpy(), xt.grad.numpy()


def keops(source, target, bandwidths):
    """Symbolic reductions over all pairs, compiled; nothing of the size of a kernel matrix is stored."""
    from pykeops.numpy import LazyTensor

    samples, weights, _, scale = _stack(source, target, bandwidths)
    weights = weights[:, None]
    rows, columns = LazyTensor(samples[:, None]), LazyTensor(samples[None])
    rates = LazyTensor(2 ** np.arange(len(bandwidths), dtype=samples.dtype))
    kernels = (rows.sqdist(columns) * -0.5 * rates).exp()
    column_weights = LazyTensor(weights[None])
    value = float((weights * (kernels.sum(-1) * column_weights).sum(1)).sum())
    slopes = (kernels * rates).sum(-1) * column_weights
    gradient = (slopes * (columns - rows)).sum(1) * weights
    gradient *= 2 * scale / len(bandwidths)
    n_source = len(source)
    return value / len(bandwidths), gradient[:n_source], gradient[n_source:]


@functools.cache
def _compiled(kernels):
    import torch

    def weigh(products, row_norms, column_norms, row_weights, column_weights):
        value = torch.exp((products - row_norms[:, None] - column_norms).clamp_max(0))
        total, slopes, rate = value, value, 1
        for _ in range(kernels - 1):
            value = value * value
            rate *= 2
            total = total + value
            slopes = slopes + rate * value
        pair_weights = row_weights[:, None] * column_weights
        return (total * pair_weights).sum(), slopes * pair_weights

    return torch.compile(weigh, dynamic=True)


def _stack(source, target, bandwidths):
    """Return centred samples in units of the largest bandwidth, weights and half norms."""
    widest = max(bandwidths)
    ratios = np.sort([(widest / s) ** 2 for s in bandwidths])
    if not np.allclose(ratios, 2.0 ** np.arange(len(bandwidths))):
        raise ValueError("squared bandwidths must be successive powers of two")
    samples = np.concatenate([source, target])
    samples -= samples.mean(axis=0)
    samples /= samples.dtype.type(widest)
    weights = np.full(len(samples), 1 / len(source), samples.dtype)
    weights[len(source) :] = -1 / len(target)
    return samples, weights, 0.5 * np.einsum("ij,ij->i", samples, samples), 1 / widest
