"""The GE2E network against its equations in NumPy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'speaker' is not installed")

from sparsetransfer._networks.ge2e import Ge2e

WIDTH = 5


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Ge2e(n_bands=7, width=WIDTH).double().eval()


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _twin(network, frames):
    w = {name: value.numpy() for name, value in network.state_dict().items()}
    found, x = {}, frames
    for layer in range(3):
        h, c, rows = np.zeros(WIDTH), np.zeros(WIDTH), []
        for frame in x:
            gates = w[f"lstm.weight_ih_l{layer}"] @ frame + w[f"lstm.bias_ih_l{layer}"]
            gates += w[f"lstm.weight_hh_l{layer}"] @ h + w[f"lstm.bias_hh_l{layer}"]
            i, f, g, o = np.split(gates, 4)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
            rows.append(h)
        x = np.array(rows)
        found[f"lstm{layer + 1}"] = x.T
    embedding = np.maximum(w["linear.weight"] @ x[-1] + w["linear.bias"], 0.0)
    found["embedding"] = embedding / np.linalg.norm(embedding)
    return found


def test_every_layer_equals_the_twin_alone_and_in_a_padded_batch(network):
    lengths = [3, 40, 160]
    rng = np.random.default_rng(0)
    windows = [rng.standard_normal((length, 7)) for length in lengths]
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(one) for one in windows], batch_first=True, padding_value=7.0
    )
    layers = tuple(network.widths)
    with torch.inference_mode():
        together = network(padded, torch.tensor(lengths), layers=layers)
        alone = [network(torch.from_numpy(one)[None], layers=layers) for one in windows]
    for row, (one, length) in enumerate(zip(windows, lengths, strict=True)):
        for layer, values in _twin(network, one).items():
            np.testing.assert_allclose(alone[row][layer][0].numpy(), values, atol=1e-12)
            padded_values = together[layer][row].numpy()
            if layer != "embedding":
                padded_values = padded_values[:, :length]
            np.testing.assert_allclose(padded_values, values, atol=1e-12)


def test_the_state_dict_has_the_published_names():
    names = set(Ge2e().state_dict())
    assert names == {
        *(
            f"lstm.{kind}_{which}_l{layer}"
            for kind in ("weight", "bias")
            for which in ("ih", "hh")
            for layer in range(3)
        ),
        "linear.weight",
        "linear.bias",
    }
