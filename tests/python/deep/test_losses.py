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
@pytest.mark.parametrize("normalise", [False, True])
def test_gradient_of_the_reconstruction_is_that_of_its_minimum(penalty, mask, normalise):
    source, target = tensor(6, 4), tensor(5, 4, seed=1)
    allowed = masks(5, 6)[mask]
    assert torch.autograd.gradcheck(
        lambda s, t: losses.sparse_reconstruction(
            s, t, 0.3, penalty=penalty, allowed=allowed, normalise=normalise
        ),
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


def test_a_free_mask_changes_nothing():
    source, target = tensor(6, 4, grad=False), tensor(5, 4, seed=1, grad=False)
    free = losses.sparse_reconstruction(source, target, 0.2, allowed=masks(5, 6)["free"])
    assert free == pytest.approx(losses.sparse_reconstruction(source, target, 0.2).item())


@pytest.mark.parametrize("normalise", [False, True])
def test_targets_that_no_source_may_rebuild_take_no_part(normalise):
    source, target = tensor(6, 4), tensor(5, 4, seed=1)
    allowed = masks(5, 6)["one without"]
    value = losses.sparse_reconstruction(source, target, 0.2, allowed=allowed, normalise=normalise)
    value.backward()
    assert (target.grad[0] == 0).all()
    assert (target.grad[1:] != 0).any(dim=1).all()
    others = losses.sparse_reconstruction(
        source.detach(), target.detach()[1:], 0.2, allowed=allowed[1:], normalise=normalise
    )
    assert value.item() == pytest.approx(others.item(), rel=1e-12)
    nothing = losses.sparse_reconstruction(source, target, 0.2, allowed=allowed & False)
    assert nothing.item() == 0


def test_with_normalised_rows_no_gradient_shrinks_a_feature():
    source, target = tensor(6, 4), tensor(5, 4, seed=1)
    losses.sparse_reconstruction(source, target, 0.2, normalise=True).backward()
    for rows in (source, target):
        along = (rows.grad * rows).sum(dim=1) / rows.norm(dim=1)
        np.testing.assert_allclose(along.detach(), 0, atol=1e-12)
    target.grad = None
    losses.sparse_reconstruction(source, target, 0.2).backward()
    # Descent on the term as it was: against the features of every target.
    assert ((target.grad * target).sum(dim=1) > 0).all()


def test_scales_of_rows_do_not_matter_where_they_are_normalised():
    source, target = tensor(6, 4, grad=False), tensor(5, 4, seed=1, grad=False)
    factors = torch.rand(6, 1, dtype=torch.float64) + 0.5
    value = losses.sparse_reconstruction(source, target, 0.2, normalise=True)
    scaled = losses.sparse_reconstruction(source * factors, 3 * target, 0.2, normalise=True)
    assert scaled.item() == pytest.approx(value.item(), rel=1e-9)


def test_rows_without_a_direction_take_no_part():
    source, target = tensor(6, 4), tensor(5, 4, seed=1)
    with torch.no_grad():
        source[2] = 0
        target[3] = 0
    value = losses.sparse_reconstruction(source, target, 0.2, normalise=True)
    value.backward()
    assert torch.isfinite(source.grad).all()
    assert torch.isfinite(target.grad).all()
    kept_source, kept_target = (
        rows.detach()[rows.detach().norm(dim=1) > 0] for rows in (source, target)
    )
    others = losses.sparse_reconstruction(kept_source, kept_target, 0.2, normalise=True)
    assert value.item() == pytest.approx(others.item(), rel=1e-9)


@pytest.mark.parametrize("loss", [losses.sparse_reconstruction, losses.discrepancy])
def test_second_derivatives_are_refused(loss):
    """They would lack what depends on the features through the inner solution."""
    source, target = tensor(6, 3), tensor(7, 3, seed=1)
    (gradient,) = torch.autograd.grad(loss(source, target) ** 2, source, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.square().sum().backward()


@pytest.mark.parametrize("loss", [losses.coral, losses.discrepancy])
@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ((1, 3), (4, 3), r"source has 1 row\(s\).*at least 2"),
        ((4, 3), (1, 3), r"target has 1 row\(s\)"),
        ((4, 3), (4, 2), "must have shapes"),
    ],
)
def test_alignments_name_what_they_cannot_compare(loss, source, target, message):
    with pytest.raises(ValueError, match=message):
        loss(tensor(*source), tensor(*target))


def test_a_dead_embedding_is_named():
    with pytest.raises(ValueError, match="the network is dead"):
        losses.discrepancy(torch.zeros(4, 3), torch.zeros(5, 3))
    assert losses.coral(torch.zeros(4, 3), torch.zeros(5, 3)).item() == 0


def test_coral_of_a_single_feature_compares_variances():
    source, target = tensor(6, 1, grad=False), tensor(7, 1, seed=1, grad=False)
    difference = source.numpy().var(ddof=1) - target.numpy().var(ddof=1)
    assert losses.coral(source, target).item() == pytest.approx(difference**2 / 4)


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


@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "inverse_multiquadric"])
def test_the_discrepancy_of_a_kernel_has_its_value_and_its_gradient(kernel):
    source, target = tensor(7, 3), tensor(5, 3, seed=1)
    value = losses.discrepancy(source, target, bandwidths=[0.7, 1.5], kernel=kernel)
    arrays = source.detach().numpy(), target.detach().numpy()
    assert value.item() == getattr(mmd, kernel)(*arrays, bandwidths=[0.7, 1.5]).value
    assert torch.autograd.gradcheck(
        lambda s, t: losses.discrepancy(s, t, bandwidths=[0.7, 1.5], kernel=kernel),
        (source, target),
    )


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel must be one of gaussian, laplace"):
        losses.discrepancy(tensor(3, 2), tensor(3, 2), kernel="linear")
