import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from sparsetransfer import mmd
from sparsetransfer.deep import losses

rng = np.random.default_rng(0)


def tensor(*shape, seed=0, grad=True):
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.tensor(values, requires_grad=grad)


def masks(n_target, n_source):
    free = torch.ones(n_target, n_source, dtype=torch.bool)
    groups = torch.arange(n_target)[:, None] % 2 == torch.arange(n_source)[None, :] % 2
    some_empty = groups.clone()
    some_empty[0] = False
    return {"none": None, "free": free, "groups": groups, "one without": some_empty}


@pytest.mark.parametrize("penalty", ["l1", "l21"])
@pytest.mark.parametrize("mask", ["none", "free", "groups", "one without"])
def test_gradient_of_the_reconstruction_is_that_of_its_minimum(penalty, mask):
    source, target = tensor(6, 4), tensor(5, 4, seed=1)
    allowed = masks(5, 6)[mask]
    assert torch.autograd.gradcheck(
        lambda s, t: losses.sparse_reconstruction(s, t, 0.3, penalty=penalty, allowed=allowed),
        (source, target),
        eps=1e-5,
        atol=1e-6,
        rtol=1e-5,
    )


def test_reconstruction_is_the_lasso_of_a_peer():
    source, target = tensor(6, 8, grad=False), tensor(5, 8, seed=1, grad=False)
    alpha = 0.4
    total = 0.0
    for row in target.numpy():
        model = Lasso(alpha / 8, fit_intercept=False, tol=1e-12, max_iter=100_000)
        u = model.fit(source.numpy().T, row).coef_
        total += 0.5 * np.sum((row - u @ source.numpy()) ** 2) + alpha * np.abs(u).sum()
    found = losses.sparse_reconstruction(source, target, alpha)
    assert found.item() == pytest.approx(total / 5, rel=1e-8)


def test_a_free_mask_changes_nothing_and_a_forbidden_one_rebuilds_nothing():
    source, target = tensor(6, 4, grad=False), tensor(5, 4, seed=1, grad=False)
    free = losses.sparse_reconstruction(source, target, 0.2, allowed=masks(5, 6)["free"])
    assert free == pytest.approx(losses.sparse_reconstruction(source, target, 0.2).item())
    none = losses.sparse_reconstruction(
        source, target, 0.2, allowed=torch.zeros(5, 6, dtype=torch.bool)
    )
    assert none.item() == pytest.approx(target.square().sum().item() / 10)


def test_reconstruction_vanishes_for_a_copy_and_falls_with_the_penalty():
    source = tensor(6, 4, grad=False)
    values = [losses.sparse_reconstruction(source, source, a).item() for a in (1.0, 0.1, 1e-6)]
    assert values[0] > values[1] > values[2]
    assert values[2] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        ((3, 4), (3, 5), {}, "shapes"),
        ((3, 4), (3,), {}, "shapes"),
        ((3, 4), (2, 4), {"penalty": "l2"}, "penalty"),
        ((3, 4), (2, 4), {"allowed": torch.ones(3, 2, dtype=torch.bool)}, "allowed"),
    ],
)
def test_reconstruction_names_what_is_wrong(source, target, options, message):
    with pytest.raises(ValueError, match=message):
        losses.sparse_reconstruction(torch.ones(source), torch.ones(target), **options)


def test_discrepancy_is_the_kernel_s_value_with_its_gradient():
    source, target = tensor(6, 3), tensor(7, 3, seed=1)
    expected = mmd.gaussian(source.detach().numpy(), target.detach().numpy(), bandwidths=[0.7, 2.0])
    assert losses.discrepancy(source, target, bandwidths=[0.7, 2.0]).item() == pytest.approx(
        expected.value
    )
    assert torch.autograd.gradcheck(
        lambda s, t: losses.discrepancy(s, t, bandwidths=[0.7, 2.0]), (source, target)
    )


def test_coral_compares_covariances():
    source, target = tensor(6, 3), tensor(7, 3, seed=1)
    difference = np.cov(source.detach().numpy().T) - np.cov(target.detach().numpy().T)
    assert losses.coral(source, target).item() == pytest.approx(np.sum(difference**2) / 36)
    assert losses.coral(source + 5, source).item() == pytest.approx(0, abs=1e-20)
    assert torch.autograd.gradcheck(losses.coral, (source, target))


def test_reversed_gradient_has_the_opposite_sign():
    features = tensor(3, 2)
    losses.reverse_gradient(features, 0.5).square().sum().backward()
    torch.testing.assert_close(features.grad, -features.detach())


def literal_metric(label, latent):
    """Sum over all pairs, as the paper writes it."""
    pairs = [
        (label[i] - label[j], (latent[i] - latent[j]).mean())
        for i, j in itertools.combinations(range(len(label)), 2)
    ]
    x, n = (np.array(values) for values in zip(*pairs, strict=True))
    slope = (x @ n) / (x @ x)
    return abs(slope - 1) + np.mean((slope * x - n) ** 2)


@pytest.mark.parametrize("size", [2, 3, 20])
@pytest.mark.parametrize("width", [1, 3])
def test_metric_loss_is_the_sum_over_pairs(size, width):
    label, latent = rng.normal(size=size), rng.normal(size=(size, width))
    found = losses.continuous_metric(torch.tensor(label), torch.tensor(latent))
    assert found.item() == pytest.approx(literal_metric(label, latent))


def test_metric_loss_passes_gradcheck_and_ignores_unknown_labels():
    label = torch.tensor([0.5, float("nan"), -0.3, 0.1, float("nan")], dtype=torch.float64)
    latent = tensor(5, 2)
    assert torch.autograd.gradcheck(lambda z: losses.continuous_metric(label, z), (latent,))
    value = losses.continuous_metric(label, latent)
    known = ~torch.isnan(label)
    assert value.item() == losses.continuous_metric(label[known], latent[known]).item()
    value.backward()
    assert (latent.grad[~known] == 0).all()
    assert (latent.grad[known] != 0).any()


@pytest.mark.parametrize(
    "label", [[float("nan")] * 3, [1.0, float("nan"), float("nan")], [2.0] * 3]
)
def test_metric_loss_is_zero_without_two_different_labels(label):
    latent = tensor(3, 2)
    value = losses.continuous_metric(torch.tensor(label, dtype=torch.float64), latent)
    value.backward()
    assert value.item() == 0
    assert (latent.grad == 0).all()


def test_metric_loss_is_zero_where_distances_are_those_of_the_label():
    label = torch.tensor([0.0, 0.5, -1.0])
    assert losses.continuous_metric(label, label[:, None] + 3).item() == pytest.approx(0, abs=1e-6)
