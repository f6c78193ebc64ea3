"""Deep systems among the methods of a table."""

import dataclasses
import sys

import numpy as np
import pytest

from sparsetransfer.evaluation import EvaluationProtocol, SourceToTarget, make_methods, run
from sparsetransfer.evaluation.study.store import CellStore
from sparsetransfer.exceptions import CorpusError

BANDS = 9
QUICK = {"max_epochs": 2, "channels": [4, 4], "crop_frames": 20}
CHANGES = {
    "didan": {"params": {"alignment": "ida", "hidden": [8, 8], **QUICK}},
    "lidan": {"params": {"alignment": "lida", "hidden": [8, 8], **QUICK}},
    "speaker-resnet": {
        "params": {"n_blocks": 1, "n_embedding": 8, **QUICK},
        "pretrain_epochs": 1,
    },
    "metric-autoencoder": {"params": {"max_epochs": 2}},
}


def with_spectrograms(domain, *, seed, lift=0.0):
    """Label `c` is a ridge of energy in bands 3c to 3c + 2."""
    rng = np.random.default_rng(seed)
    classes = sorted(set(domain.labels.tolist()))
    frames = []
    for label in domain.labels.tolist():
        part = rng.normal(lift, 0.3, (int(rng.integers(15, 30)), BANDS))
        first = 3 * classes.index(label)
        part[:, first : first + 3] += 2.0
        frames.append(part.astype(np.float32))
    return dataclasses.replace(domain, spectrograms=tuple(frames), spectrogram_set="ridges-1")


@pytest.fixture
def spoken(domains):
    return tuple(
        with_spectrograms(domain, seed=seed, lift=seed) for seed, domain in enumerate(domains)
    )


def quick(*names):
    return make_methods(names, {name: CHANGES[name] for name in names if name in CHANGES})


@pytest.mark.parametrize("name", ["metric-autoencoder", "didan", "speaker-resnet"])
def test_without_torch_the_extra_is_named(name, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("sparsetransfer.deep")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"sparsetransfer\[deep\]"):
        make_methods([name])


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="the extra 'deep' is not installed")


@pytest.mark.usefixtures("torch")
class TestRun:
    def test_all_run_beside_the_others_and_do_not_depend_on_processes(self, spoken, protocol):
        methods = quick("svm", *CHANGES)
        here, there = (run(spoken, methods, protocol, n_jobs=jobs) for jobs in (1, 2))
        assert here.as_dict() == there.as_dict()
        for cell in here.cells[1:]:
            assert set(cell.predictions) <= set(protocol.classes)
            assert cell.after is not None
            assert cell.picture is not None
            assert np.isfinite(cell.diagnostics["training"]["loss"]).all()

    def test_spectrograms_are_read_and_recognised(self, spoken, protocol):
        """The rows of features say nothing here: only spectrograms can tell the classes."""
        rng = np.random.default_rng(5)
        silent = [
            dataclasses.replace(domain, features=rng.normal(size=domain.features.shape))
            for domain in spoken
        ]
        params = {"alignment": None, "hidden": [16], **QUICK, "max_epochs": 40, "batch_size": 16}
        methods = make_methods(["deep-source-only"], {"deep-source-only": {"params": params}})
        assert run(silent, methods, protocol).cells[0].scores.uar > 0.8

    def test_levels_are_removed_where_that_is_asked(self, spoken, protocol):
        """Gains of single recordings then change nothing but the last bits."""
        rng = np.random.default_rng(2)
        louder = [
            dataclasses.replace(
                domain,
                spectrograms=tuple(
                    (part + rng.uniform(-20, 20)).astype(np.float32) for part in domain.spectrograms
                ),
            )
            for domain in spoken
        ]
        params = {"alignment": None, "hidden": [16], **QUICK, "max_epochs": 30, "batch_size": 16}
        recalls = {}
        for level in (False, True):
            changes = {"deep-source-only": {"params": params, "normalise_level": level}}
            methods = make_methods(["deep-source-only"], changes)
            recalls[level] = [
                run(domains, methods, protocol).cells[0].scores.uar for domains in (spoken, louder)
            ]
        assert recalls[True][0] > 0.8
        assert recalls[True][1] > 0.8
        assert recalls[False][1] < recalls[False][0]

    def test_a_network_reads_feature_rows_where_that_is_asked(self, domains, protocol):
        """These corpora have no spectrograms at all."""
        params = {"hidden": [16], "max_epochs": 40, "batch_size": 16, "balanced_batches": True}
        changes = {"didan": {"reads": "features", "params": {"alignment": "ida", **params}}}
        methods = make_methods(["didan"], changes)
        assert methods[0].settings()["reads"] == "features"
        assert run(domains, methods, protocol).cells[0].scores.uar > 0.6

    def test_several_sources_are_standardised_apart(self, spoken, make_domain):
        """With a common scale the second source's offset would be its class."""
        third = with_spectrograms(make_domain("gamma", seed=9), seed=9, lift=50.0)
        protocol = EvaluationProtocol(
            SourceToTarget(("alpha", "gamma"), ("beta",)), spoken[0].classes, ("toy-1",), n_folds=3
        )
        params = {"alignment": None, "hidden": [16], **QUICK, "max_epochs": 30, "batch_size": 16}
        methods = make_methods(["deep-source-only"], {"deep-source-only": {"params": params}})
        assert run([*spoken, third], methods, protocol).cells[0].scores.uar > 0.8

    def test_target_labels_do_not_matter(self, spoken, protocol):
        turned = dataclasses.replace(spoken[1], labels=np.roll(spoken[1].labels, 7))
        methods = quick("didan")
        first, second = (run([spoken[0], t], methods, protocol) for t in (spoken[1], turned))
        assert first.cells[0].predictions == second.cells[0].predictions

    def test_the_number_of_torch_threads_is_restored(self, spoken, protocol, torch):
        before = torch.get_num_threads()
        run(spoken, quick("didan"), protocol)
        assert torch.get_num_threads() == before

    def test_a_changed_spectrogram_changes_its_readers_cells_only(self, spoken, protocol, tmp_path):
        store, methods = CellStore(tmp_path), quick("svm", "didan")
        run(spoken, methods, protocol, store=store)
        assert len(list(tmp_path.iterdir())) == 2
        louder = tuple(part + 1 for part in spoken[0].spectrograms)
        changed = dataclasses.replace(spoken[0], spectrograms=louder)
        run([changed, spoken[1]], methods, protocol, store=store)
        assert len(list(tmp_path.iterdir())) == 3

    def test_corpora_without_spectrograms_are_refused(self, domains, spoken, protocol):
        for given in (domains, (spoken[0], domains[1])):
            with pytest.raises(CorpusError, match="didan read spectrograms"):
                run(given, quick("didan"), protocol)

    def test_the_inductive_setting_is_refused(self, spoken, protocol):
        alone = dataclasses.replace(protocol, normalisation="source", setting="inductive")
        with pytest.raises(ValueError, match="inductive setting excludes didan"):
            run(spoken, quick("didan"), alone)

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("didan", {"params": {"depth": 3}}, r"DIDAN has no parameters \['depth'\]"),
            ("didan", {"params": {"random_state": 3}}, "random_state"),
            ("speaker-resnet", {"params": {"pretrained": "a.st"}}, "pretrained"),
            ("speaker-resnet", {"pretrain_epochs": -1}, "pretrain_epochs must be"),
            ("didan", {"pretrain_epochs": 1}, "no settings"),
            ("didan", {"reads": "pictures"}, "reads must be"),
            ("speaker-resnet", {"reads": "features"}, "no settings"),
        ],
    )
    def test_settings_that_do_not_exist_are_refused(self, name, change, message):
        with pytest.raises(ValueError, match=message):
            make_methods([name], {name: change})


def with_filter_bank(domain, seed):
    """Label `c` is a ridge of energy in ten bands of its own."""
    rng = np.random.default_rng(seed)
    classes = sorted(set(domain.labels.tolist()))
    frames = []
    for label in domain.labels.tolist():
        part = rng.normal(0, 0.3, (int(rng.integers(15, 30)), 80))
        first = 10 * classes.index(label)
        part[: len(part) // 2, first : first + 10] += 4.0
        frames.append(part.astype(np.float32))
    return dataclasses.replace(domain, frames={"kaldi-fbank-80-1": tuple(frames)})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of the speaker network, in its published size."""
    torch = pytest.importorskip("torch", reason="the extra 'deep' is not installed")
    from sparsetransfer._networks.campplus import Campplus

    path = tmp_path_factory.mktemp("weights") / "campplus.pt"
    torch.manual_seed(0)
    torch.save(Campplus().state_dict(), path)
    return path


@pytest.fixture
def heard(domains, weights, monkeypatch):
    monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", str(weights))
    return tuple(with_filter_bank(domain, seed) for seed, domain in enumerate(domains))


SHORT = {"params": {"max_epochs": 1, "crop_frames": 12}}


class TestSpeakerNetwork:
    def test_it_runs_beside_methods_of_other_samples(self, heard, protocol):
        both = [
            with_spectrograms(domain, seed=seed, lift=seed) for seed, domain in enumerate(heard)
        ]
        frozen, tuned, _ = cells = run(
            both,
            make_methods(
                ["campplus-frozen", "campplus-fine-tuned", "didan"],
                {"campplus-fine-tuned": SHORT, "didan": CHANGES["didan"]},
            ),
            protocol,
        ).cells
        assert frozen.diagnostics["training"] == {"loss": []}
        assert len(tuned.diagnostics["training"]["loss"]) == 1
        assert frozen.scores.uar > 0.8
        assert all(cell.after is not None for cell in cells)

    def test_target_labels_do_not_matter(self, heard, protocol):
        turned = dataclasses.replace(heard[1], labels=np.roll(heard[1].labels, 7))
        methods = make_methods(["campplus-fine-tuned"], {"campplus-fine-tuned": SHORT})
        first, second = (run([heard[0], t], methods, protocol) for t in (heard[1], turned))
        assert first.cells[0].predictions == second.cells[0].predictions

    def test_cells_change_with_frames_and_weights(
        self, heard, protocol, tmp_path, weights, monkeypatch
    ):
        import torch

        store, names = CellStore(tmp_path), ["svm", "campplus-frozen"]
        run(heard, make_methods(names), protocol, store=store)
        name = "kaldi-fbank-80-1"
        louder = dataclasses.replace(
            heard[0], frames={name: tuple(part * 2 for part in heard[0].frames[name])}
        )
        run([louder, heard[1]], make_methods(names), protocol, store=store)
        assert len(list(tmp_path.iterdir())) == 3
        state = torch.load(weights, weights_only=True)
        state["head.conv1.weight"] *= 2
        torch.save(state, tmp_path / "other.pt")
        monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", str(tmp_path / "other.pt"))
        run(heard, make_methods(names), protocol, store=store)
        assert len(list(tmp_path.iterdir())) == 5  # with the weights themselves

    def test_corpora_without_frames_are_refused(self, heard, domains, protocol):
        with pytest.raises(CorpusError, match=r"campplus-frozen reads frames 'kaldi.*beta lack"):
            run([heard[0], domains[1]], make_methods(["campplus-frozen"]), protocol)

    def test_weights_are_asked_for_by_their_hash(self, heard, weights):
        found = make_methods(["campplus-frozen"])[0].settings()["weights"]
        assert len(found) == 12
        again = make_methods(["campplus-frozen"], {"campplus-frozen": {"weights": found}})
        assert again[0].weights == found
        with pytest.raises(ValueError, match=f"0123456789ab… are asked for, found are {found}"):
            make_methods(["campplus-frozen"], {"campplus-frozen": {"weights": "0123456789ab"}})

    def test_missing_weights_are_named(self, heard, monkeypatch, tmp_path):
        monkeypatch.setenv("SPARSETRANSFER_SPEAKER_WEIGHTS", str(tmp_path / "none.pt"))
        with pytest.raises(ValueError, match=r"none\.pt' do not exist"):
            make_methods(["campplus-fine-tuned"])
