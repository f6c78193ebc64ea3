"""Deep systems from wave files to a report, by the one command."""

import json

import pytest

pytest.importorskip("torch", reason="the extra 'deep' is not installed")

STUDY = """\
[study]
design = "source-to-target"
sources = ["one"]
targets = ["two"]
methods = ["svm", "didan", "speaker-resnet"]

[corpora.one]
path = "{one}"

[corpora.two]
path = "{two}"

[methods.didan]
params = {{ max_epochs = 1, channels = [4], hidden = [8], alignment = "ida" }}

[methods.speaker-resnet]
params = {{ max_epochs = 1, channels = [4], n_blocks = 1, n_embedding = 8 }}
pretrain_epochs = 1
"""


def test_deep_systems_stand_in_the_report_beside_the_rest(corpora, evaluate, tmp_path):
    config, report = tmp_path / "study.toml", tmp_path / "report"
    config.write_text(STUDY.format(one=corpora[0], two=corpora[1]), encoding="utf-8")
    finished = evaluate("--config", config, "--output", report)
    assert finished.exit_code == 0, finished.output
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert [cell["method"] for cell in results["cells"]] == ["svm", "didan", "speaker-resnet"]
    assert results["corpora"][0]["feature_sets"]["log-mel-40-trimmed-2"] == 40
    for cell in results["cells"][1:]:
        assert len(cell["diagnostics"]["training"]["loss"]) == 1
        assert cell["mmd_after"] is not None
    assert "speaker-resnet" in (report / "report.html").read_text(encoding="utf-8")


def test_a_speaker_network_is_fine_tuned_from_wave_files(corpora, evaluate, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("kaldi_native_fbank", reason="the extra 'speaker' is not installed")
    from sparsetransfer._networks.campplus import Campplus

    torch.manual_seed(0)
    torch.save(Campplus().state_dict(), tmp_path / "weights.pt")
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", str(tmp_path / "weights.pt"))
    config, report = tmp_path / "study.toml", tmp_path / "report"
    text = STUDY.split("[methods.didan]")[0].replace(
        '"didan", "speaker-resnet"', '"campplus-fine-tuned"'
    )
    text = text.format(one=corpora[0], two=corpora[1])
    text += "[methods.campplus-fine-tuned]\nparams = { max_epochs = 1, frozen_stages = 2 }\n"
    config.write_text(text, encoding="utf-8")
    finished = evaluate("--config", config, "--output", report)
    assert finished.exit_code == 0, finished.output
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert results["corpora"][0]["feature_sets"]["kaldi-fbank-80-1"] == 80
    assert len(results["cells"][1]["diagnostics"]["training"]["loss"]) == 1
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", str(tmp_path / "none.pt"))
    missing = evaluate("--config", config, "--output", tmp_path / "other")
    assert missing.exit_code != 0
    assert "none.pt' do not exist" in missing.output.replace("\n", " ")
