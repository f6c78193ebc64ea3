"""Encoders, on tiny models with random weights that are made here."""

import pickle

import numpy as np
import pandas as pd
import pytest
import soundfile

from sparsetransfer import features
from sparsetransfer.corpora import Corpus
from sparsetransfer.features.sets import encoder as module

torch = pytest.importorskip("torch", reason="the extra 'encoders' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'encoders' is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

RATE = 16000
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
}
KINDS = {
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model"),
    "hubert": ("HubertConfig", "HubertModel"),
    "wavlm": ("WavLMConfig", "WavLMModel"),
}


def _save(folder, kind, seed=0, preprocessing=True):
    config, model = (getattr(transformers, name) for name in KINDS[kind])
    torch.manual_seed(seed)
    model(config(**TINY)).save_pretrained(folder)
    if preprocessing:
        transformers.Wav2Vec2FeatureExtractor(
            sampling_rate=RATE, do_normalize=True
        ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    return _save(tmp_path_factory.mktemp("model") / request.param, request.param)


def _signal(seconds=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(RATE * seconds))).astype(np.float32)


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_values_are_the_models_own_hidden_states(folder, layer):
    chosen = features.Encoder(folder, layer=layer)
    assert isinstance(chosen, features.FeatureSet)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    signal = _signal()
    inputs = extractor(signal, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        output = model(inputs.input_values, output_hidden_states=True)
    states = output.hidden_states[layer][0].double().numpy()
    expected = np.concatenate([states.mean(axis=0), states.std(axis=0)])
    np.testing.assert_allclose(chosen.compute(signal), expected, rtol=1e-4, atol=1e-5)
    assert chosen.names[0] == "mean0"
    assert chosen.names[-1] == "std15"
    assert len(chosen.units) == len(chosen.names) == 32


def test_the_id_follows_layer_pooling_and_weights(tmp_path):
    one = _save(tmp_path / "one", "wav2vec2")
    first = features.Encoder(one, layer=1, pooling=("mean",))
    assert first.id.startswith("encoder-one-layer1-mean-")
    assert first.compute(_signal()).shape == (16,)
    assert features.Encoder(one, layer=-1).id.startswith("encoder-one-layer2-mean-std-")
    _save(one, "wav2vec2", seed=1)
    module._load.cache_clear()
    module._digest.cache_clear()
    assert features.Encoder(one, layer=1, pooling=("mean",)).id != first.id


def test_by_name_with_and_without_layer(folder):
    assert features.feature_set(f"encoder:{folder}@1").id == features.Encoder(folder, layer=1).id
    assert features.feature_set(f"encoder:{folder}").id == features.Encoder(folder).id


def test_long_recordings_are_encoded_in_pieces(folder, monkeypatch):
    chosen = features.Encoder(folder, layer=1)
    parts = [_signal(0.5, 1), _signal(0.5, 2)]
    monkeypatch.setattr(module, "_PIECE_SECONDS", 0.5)
    chosen._normalise = False
    alone = [chosen.compute(part) for part in parts]
    together = chosen.compute(np.concatenate(parts))
    np.testing.assert_allclose(together[:16], (alone[0][:16] + alone[1][:16]) / 2, atol=1e-5)


@pytest.mark.parametrize("n_samples", [1, 100, 800, 8001])
def test_any_signal_gives_finite_values(folder, n_samples):
    for signal in (np.zeros(n_samples), _signal(1.0)[:n_samples]):
        values = features.Encoder(folder).compute(signal.astype(np.float32))
        assert np.isfinite(values).all()


def test_without_preprocessing_the_signal_is_taken_as_it_is(tmp_path):
    chosen = features.Encoder(_save(tmp_path / "bare", "hubert", preprocessing=False))
    assert chosen.sample_rate == RATE
    assert chosen.parameters["input"] == "as it is"


def test_a_corpus_through_the_cache_and_pickle(folder, tmp_path):
    soundfile.write(tmp_path / "a.wav", _signal(), RATE)
    corpus = Corpus("test", pd.DataFrame({"file": [str(tmp_path / "a.wav")], "label": "anger"}))
    chosen = pickle.loads(pickle.dumps(features.Encoder(folder)))
    first = features.extract(corpus, chosen, cache=tmp_path / "cache", n_jobs=1)
    again = features.extract(corpus, chosen, cache=tmp_path / "cache", n_jobs=1)
    np.testing.assert_array_equal(first.values, again.values)


def test_wrong_arguments(folder):
    with pytest.raises(ValueError, match=r"layer must be from -3 to 2, got 3"):
        features.Encoder(folder, layer=3)
    for wrong in ((), ("max",), ("mean", "mean")):
        with pytest.raises(ValueError, match="pooling"):
            features.Encoder(folder, pooling=wrong)
    with pytest.raises(OSError, match="nowhere"):
        features.Encoder(folder / "nowhere")
