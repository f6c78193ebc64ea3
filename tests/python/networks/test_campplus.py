"""CAM++ against a twin in NumPy, written from the paper's tables, for one utterance at a time."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'speaker' is not installed")

from sparsetransfer._networks.campplus import Campplus, folded

BLOCKS = (2, 3, 2)
TINY = {"n_bands": 16, "channels": 4, "width": 6, "growth": 4, "blocks": BLOCKS, "embedding": 5}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    tiny = Campplus(**TINY).double()
    with torch.no_grad():
        for name, value in tiny.named_buffers():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif name.endswith("running_mean"):
                value.normal_(0.0, 0.3)
        for name, value in tiny.named_parameters():
            if "batchnorm" in name or "bn" in name:
                value.add_(0.2 * torch.randn_like(value))
    return tiny.eval()


def _relu(x):
    return np.maximum(x, 0.0)


class Twin:
    """Evaluate the network by its equations; weights are looked up by name."""

    def __init__(self, network):
        self.w = {name: value.numpy() for name, value in network.state_dict().items()}

    def norm(self, name, x):
        w = {
            k: self.w.get(f"{name}.{k}") for k in ("weight", "bias", "running_mean", "running_var")
        }
        shape = (-1,) + (1,) * (x.ndim - 1)
        x = (x - w["running_mean"].reshape(shape)) / np.sqrt(w["running_var"] + 1e-5).reshape(shape)
        return (
            x if w["weight"] is None else x * w["weight"].reshape(shape) + w["bias"].reshape(shape)
        )

    def conv2d(self, name, x, stride):
        kernel = self.w[f"{name}.weight"]
        n_out, _, height, width = kernel.shape
        padded = np.pad(x, ((0, 0), (height // 2,) * 2, (width // 2,) * 2))
        rows = range(0, x.shape[1], stride)
        out = np.zeros((n_out, len(rows), x.shape[2]))
        for i, row in enumerate(rows):
            for t in range(x.shape[2]):
                patch = padded[:, row : row + height, t : t + width]
                out[:, i, t] = np.tensordot(kernel, patch, axes=3)
        return out

    def conv1d(self, name, x, stride=1, dilation=1):
        kernel = self.w[f"{name}.weight"]
        n_out, _, taps = kernel.shape
        reach = taps // 2 * dilation
        padded = np.pad(x, ((0, 0), (reach, reach)))
        times = range(0, x.shape[1], stride)
        out = np.zeros((n_out, len(times)))
        for i, t in enumerate(times):
            out[:, i] = np.tensordot(kernel, padded[:, t : t + 2 * reach + 1 : dilation], axes=2)
        bias = self.w.get(f"{name}.bias")
        return out if bias is None else out + bias[:, None]

    def residual(self, name, x, stride):
        inner = _relu(self.norm(f"{name}.bn1", self.conv2d(f"{name}.conv1", x, stride)))
        outer = self.norm(f"{name}.bn2", self.conv2d(f"{name}.conv2", inner, 1))
        if stride > 1:
            x = self.norm(f"{name}.shortcut.1", self.conv2d(f"{name}.shortcut.0", x, stride))
        return _relu(outer + x)

    def dense(self, name, x, dilation):
        h = self.conv1d(f"{name}.linear1", _relu(self.norm(f"{name}.nonlinear1.batchnorm", x)))
        h = _relu(self.norm(f"{name}.nonlinear2.batchnorm", h))
        local = self.conv1d(f"{name}.cam_layer.linear_local", h, dilation=dilation)
        for t in range(h.shape[1]):
            segment = t // 100 * 100
            context = h.mean(axis=1) + h[:, segment : segment + 100].mean(axis=1)
            c = _relu(self.conv1d(f"{name}.cam_layer.linear1", context[:, None]))
            local[:, t] /= 1.0 + np.exp(-self.conv1d(f"{name}.cam_layer.linear2", c)[:, 0])
        return np.concatenate([x, local])

    def run(self, frames):
        x = _relu(self.norm("head.bn1", self.conv2d("head.conv1", frames.T[None], 1)))
        for layer in ("layer1", "layer2"):
            x = self.residual(f"head.{layer}.0", x, 2)
            x = self.residual(f"head.{layer}.1", x, 1)
        x = _relu(self.norm("head.bn2", self.conv2d("head.conv2", x, 2)))
        x = x.reshape(-1, x.shape[2])
        x = self.conv1d("xvector.tdnn.linear", x, stride=2)
        x = _relu(self.norm("xvector.tdnn.nonlinear.batchnorm", x))
        found = {"tdnn": x}
        for number, (n_layers, dilation) in enumerate(zip(BLOCKS, (1, 2, 2), strict=True), 1):
            for layer in range(1, n_layers + 1):
                x = self.dense(f"xvector.block{number}.tdnnd{layer}", x, dilation)
            found[f"block{number}"] = x
            x = _relu(self.norm(f"xvector.transit{number}.nonlinear.batchnorm", x))
            x = self.conv1d(f"xvector.transit{number}.linear", x)
            found[f"transit{number}"] = x
        x = _relu(self.norm("xvector.out_nonlinear.batchnorm", x))
        pooled = np.concatenate([x.mean(axis=1), x.std(axis=1, ddof=1)])
        pooled = self.conv1d("xvector.dense.linear", pooled[:, None])[:, 0]
        found["embedding"] = self.norm("xvector.dense.nonlinear.batchnorm", pooled)
        return found


def _frames(length, seed=0):
    return np.random.default_rng([seed, length]).standard_normal((length, TINY["n_bands"]))


def as_it_is(network):
    return network


@pytest.mark.parametrize("version", [as_it_is, folded])
@pytest.mark.parametrize("length", [3, 4, 57, 200, 201, 437])
def test_every_layer_equals_the_twin(network, length, version):
    frames = _frames(length)
    expected = Twin(network).run(frames)
    with torch.inference_mode():
        found = version(network)(torch.from_numpy(frames)[None], layers=tuple(network.widths))
    assert set(found) == set(network.widths) == set(expected)
    for layer, values in expected.items():
        assert found[layer].shape == (1, *values.shape)
        assert len(values) == network.widths[layer]
        np.testing.assert_allclose(found[layer][0].numpy(), values, atol=1e-10, err_msg=layer)


@pytest.mark.parametrize("version", [as_it_is, folded])
def test_a_padded_batch_equals_single_utterances(network, version):
    network = version(network)
    lengths = [5, 57, 199, 200, 201, 437]
    utterances = [torch.from_numpy(_frames(length)) for length in lengths]
    padded = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True, padding_value=7.0)
    layers = tuple(network.widths)
    with torch.inference_mode():
        together = network(padded, torch.tensor(lengths), layers=layers)
        alone = [network(one[None], layers=layers) for one in utterances]
        careless = network(padded, layers=layers)
    for layer in layers:
        for row, (length, one) in enumerate(zip(lengths, alone, strict=True)):
            values = together[layer][row]
            if layer != "embedding":
                values = values[:, : (length + 1) // 2]
            np.testing.assert_allclose(values.numpy(), one[layer][0].numpy(), atol=1e-10)
        # Without the lengths, what is padded shows: the test is able to fail.
        assert not np.allclose(careless[layer][0, ..., 0], alone[0][layer][0, ..., 0], atol=1e-6)


def test_folding_leaves_the_network_as_it_was(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    normalisations = [
        sum(isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)) for m in one.modules())
        for one in (folded(network), network)
    ]
    # Left are those before a convolution: one a dense layer, one a transition, and two at the end.
    assert normalisations[0] == sum(BLOCKS) + len(BLOCKS) + 2 < normalisations[1]
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_nothing_beyond_the_last_wanted_layer_is_computed(network):
    with torch.inference_mode():
        found = network(torch.from_numpy(_frames(20))[None], layers=("transit1",))
    assert list(found) == ["transit1"]


def test_shapes_of_the_published_network():
    sizes = {name: tuple(value.shape) for name, value in Campplus().state_dict().items()}
    assert sizes["xvector.tdnn.linear.weight"] == (128, 320, 5)
    assert sizes["xvector.block2.tdnnd24.linear1.weight"] == (128, 992, 1)
    assert sizes["xvector.transit2.linear.weight"] == (512, 1024, 1)
    assert sizes["xvector.dense.linear.weight"] == (192, 1024, 1)
    paper = Campplus(embedding=512)
    n_parameters = sum(value.numel() for value in paper.parameters())
    assert n_parameters == pytest.approx(7.18e6, rel=0.01)  # as the paper counts them
