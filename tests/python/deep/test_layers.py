import numpy as np
import pytest
import torch

from sparsetransfer import sparse_coding
from sparsetransfer.deep import layers
from sparsetransfer.deep.layers import PooledSparseCodes, sparse_codes
from sparsetransfer.transfer import PooledSparseCoder

STATISTICS = ("mean", "rms", "max")


def problem(n=9, atoms=12, width=5, *, seed=0, dtype=torch.float64, grad=True):
    generator = torch.Generator().manual_seed(seed)
    signals = torch.randn(n, width, generator=generator, dtype=dtype)
    dictionary = torch.randn(atoms, width, generator=generator, dtype=dtype)
    dictionary /= dictionary.norm(dim=1, keepdim=True)
    return signals.requires_grad_(grad), dictionary.requires_grad_(grad)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_gradients_of_codes_are_those_of_finite_differences(l2):
    signals, dictionary = problem()
    assert (sparse_codes(signals, dictionary, 0.3, l2=l2) != 0).sum(dim=1).unique().numel() > 1
    assert torch.autograd.gradcheck(
        lambda x, d: sparse_codes(x, d, 0.3, l2=l2), (signals, dictionary)
    )


def test_gradients_of_codes_are_those_of_the_closed_form_on_their_atoms():
    signals, dictionary = problem(30, 20, 8, seed=1)
    codes = sparse_codes(signals, dictionary, 0.2)
    weights = torch.randn(codes.shape, generator=torch.Generator().manual_seed(2)).double()
    found = torch.autograd.grad((codes * weights).sum(), (signals, dictionary))
    total = torch.zeros((), dtype=torch.float64)
    for x, code, weight in zip(signals, codes.detach(), weights, strict=True):
        used = code != 0
        atoms = dictionary[used]
        exact = torch.linalg.solve(atoms @ atoms.T, atoms @ x - 0.2 * code[used].sign())
        total = total + (exact * weight[used]).sum()
    for ours, theirs in zip(found, torch.autograd.grad(total, (signals, dictionary)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_blocks_of_codes_do_not_change_the_gradient(monkeypatch):
    signals, dictionary = problem(40, 20, 8, seed=3)

    def gradients():
        codes = sparse_codes(signals, dictionary, 0.1)
        return torch.autograd.grad(codes.square().sum(), (signals, dictionary))

    whole = gradients()
    monkeypatch.setattr(layers, "_BLOCK", 1)
    for one_by_one, together in zip(gradients(), whole, strict=True):
        torch.testing.assert_close(one_by_one, together, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_codes_are_those_of_the_solver_in_any_memory_order(dtype):
    signals, dictionary = problem(dtype=dtype)
    expected = sparse_coding.lasso(signals.detach().numpy(), dictionary.detach().numpy(), 0.3)
    turned = signals.T.contiguous().T
    assert not turned.is_contiguous()
    for tensor in (signals, turned):
        codes = sparse_codes(tensor, dictionary, 0.3)
        assert codes.dtype == dtype
        np.testing.assert_array_equal(codes.detach().numpy(), expected.codes)


def test_codes_of_half_precision_are_computed_in_single():
    signals, dictionary = problem(dtype=torch.bfloat16, grad=False)
    signals.requires_grad_()
    codes = sparse_codes(signals, dictionary, 0.3)
    expected = sparse_codes(signals.detach().float(), dictionary.float(), 0.3)
    assert codes.dtype == torch.bfloat16
    torch.testing.assert_close(codes, expected.bfloat16())
    codes.sum().backward()
    assert signals.grad.dtype == torch.bfloat16


def test_codes_without_atoms_pass_no_gradient():
    signals, dictionary = problem()
    sparse_codes(signals, dictionary, 1e3).sum().backward()
    assert not signals.grad.any()
    assert not dictionary.grad.any()


def test_lengths_of_atoms_do_not_make_them_dependent():
    signals = torch.ones(1, 2, dtype=torch.float64, requires_grad=True)
    dictionary = torch.diag(torch.tensor([1.0, 1e-7], dtype=torch.float64))
    codes = sparse_codes(signals, dictionary, alpha=1e-9)
    assert (codes != 0).all()
    # Atoms that span the space rebuild every signal, up to a constant.
    (codes @ dictionary).sum().backward()
    torch.testing.assert_close(signals.grad, torch.ones_like(signals))


def test_a_second_derivative_is_refused():
    signals, dictionary = problem()
    loss = sparse_codes(signals, dictionary, 0.3).square().sum()
    (gradient,) = torch.autograd.grad(loss, signals, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_dependent_atoms_of_a_code_are_refused():
    dictionary = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    codes = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    gram = dictionary @ dictionary.T
    with pytest.raises(ArithmeticError, match=r"depend on each other.*l2 > 0"):
        layers._on_supports(codes, torch.ones(1, 3).double(), gram)
    ridged = gram + 0.1 * torch.eye(3).double()
    solved = layers._on_supports(codes, torch.ones(1, 3).double(), ridged)
    np.testing.assert_allclose(solved.numpy(), [[1 / 2.1, 1 / 2.1, 0.0]], rtol=1e-12)


@pytest.mark.parametrize("split_sign", [True, False])
def test_gradients_of_pooled_codes_are_those_of_finite_differences(split_sign):
    frames, dictionary = problem()
    layer = PooledSparseCodes(dictionary.detach(), 0.3, pooling=STATISTICS, split_sign=split_sign)

    def pooled(frames, dictionary):
        return torch.func.functional_call(layer, {"dictionary": dictionary}, (frames, [4, 5]))

    assert torch.autograd.gradcheck(pooled, (frames, dictionary))


@pytest.mark.parametrize("split_sign", [True, False])
def test_pooled_codes_are_equal_with_and_without_gradients(split_sign):
    frames, dictionary = problem(50, 16, 6)
    layer = PooledSparseCodes(dictionary, 0.2, pooling=STATISTICS, split_sign=split_sign, power=0.7)
    with_gradients = layer(frames, [1, 19, 30])
    with torch.no_grad():
        without = layer(frames, torch.tensor([1, 19, 30]))
    torch.testing.assert_close(with_gradients.detach(), without, rtol=1e-10, atol=1e-12)


def test_the_layer_gives_the_columns_of_the_fitted_coder():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, 6)) for length in (30, 40, 20, 35)]
    domains = [1, 1, -1, -1]
    coder = PooledSparseCoder(16, pooling=STATISTICS, n_whitened=6, random_state=0)
    expected = coder.fit_transform(sequences, sample_domain=domains)
    layer = PooledSparseCodes(coder.components_[0], coder.alpha, pooling=STATISTICS)
    frames = []
    for sequence, place in zip(sequences, (0, 0, 1, 1), strict=True):
        row = coder.domains_.tolist().index(domains[3 * place])
        whitened = (sequence - coder.means_[row]) / coder.scales_[row] @ coder.whitening_
        frames.append(whitened / np.linalg.norm(whitened, axis=1, keepdims=True))
    pooled = layer(torch.from_numpy(np.concatenate(frames)), [len(f) for f in frames])
    np.testing.assert_allclose(pooled.detach().numpy(), expected, rtol=1e-7, atol=1e-9)


def test_training_lowers_a_loss_and_atoms_stay_short():
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(400, 6, generator=generator)
    frames[:200, 0] += 1.0
    frames /= frames.norm(dim=1, keepdim=True)
    truth = torch.arange(20) < 10
    _, dictionary = problem(1, 10, 6, dtype=torch.float32, grad=False)
    layer = PooledSparseCodes(dictionary)
    model = torch.nn.Linear(20, 1)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    optimiser = torch.optim.Adam([layer.dictionary, *model.parameters()], lr=0.02)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        scores = model(layer(frames, [20] * 20)).squeeze(1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, truth.float())
        loss.backward()
        optimiser.step()
        layer.shorten()
        losses.append(loss.item())
        assert layer.dictionary.norm(dim=1).max() <= 1 + 1e-6
    assert losses[-1] < 0.7 * losses[0]
    assert not torch.equal(layer.dictionary.detach(), dictionary)


def test_a_layer_is_saved_and_loaded_with_its_network():
    _, dictionary = problem(grad=False)
    network = torch.nn.ModuleDict({"codes": PooledSparseCodes(dictionary)})
    other = torch.nn.ModuleDict({"codes": PooledSparseCodes(torch.zeros_like(dictionary))})
    other.load_state_dict(network.state_dict())
    assert torch.equal(other["codes"].dictionary, dictionary)
    assert "12 atoms" in repr(network)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"signals": torch.full((2, 5), torch.nan)}, ValueError, "signals must be finite, got nan"),
        ({"signals": torch.zeros(2, 4)}, ValueError, "dictionary must have 4 features, got 5"),
        (
            {"signals": torch.zeros(0, 5)},
            ValueError,
            r"signals must have at least 1 sample\(s\), got 0",
        ),
        (
            {"signals": torch.ones(2, 5).long()},
            TypeError,
            "signals must hold floating.*torch.int64",
        ),
        ({"signals": torch.ones(2, 5).cfloat()}, TypeError, "signals must hold floating-point"),
        ({"dictionary": torch.eye(5).bool()}, TypeError, "dictionary must hold floating-point"),
        ({"signals": torch.zeros(5)}, ValueError, r"signals must have two dimensions"),
        ({"signals": [[0.0] * 5]}, TypeError, "signals must be a tensor, got list"),
        ({"dictionary": torch.zeros(0, 5)}, ValueError, "dictionary must have at least 1"),
        ({"alpha": 0.0}, ValueError, "alpha must be greater than 0"),
        ({"l2": -1.0}, ValueError, "l2 must be at least 0"),
    ],
)
def test_what_cannot_be_coded_is_refused_by_name(change, error, message):
    signals, dictionary = problem(grad=False)
    given = {"signals": signals, "dictionary": dictionary, "alpha": 0.1, **change}
    with pytest.raises(error, match=message):
        sparse_codes(**given)


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([4, 4], ValueError, "lengths add up to 8 frames, but X has 9"),
        ([9, 0], ValueError, r"lengths\[1\] is 0"),
        ([4.0, 5.0], TypeError, "lengths must be a 1-D array of integers"),
        (torch.tensor([[9]]), TypeError, "lengths must be a 1-D array of integers"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(lengths, error, message):
    frames, dictionary = problem(grad=False)
    with pytest.raises(error, match=message):
        PooledSparseCodes(dictionary)(frames, lengths)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0}, "alpha must be greater than 0"),
        ({"power": 1.5}, r"power must lie in \(0, 1\], got 1.5"),
        ({"pooling": ("median",)}, "pooling must hold some of 'mean', 'rms', 'max'"),
        ({"dictionary": [[np.nan]]}, "dictionary must be finite"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PooledSparseCodes(**{"dictionary": np.eye(2), **settings})
