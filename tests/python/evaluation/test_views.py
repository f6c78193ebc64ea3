"""Feature sets of a study: codes of frames, tables of the user's, and methods that name views."""

from dataclasses import replace

import numpy as np
import pytest

from sparsetransfer import corpora, features, synthetic
from sparsetransfer.evaluation import (
    CorpusEntry,
    StudyConfig,
    make_methods,
    prepare,
    read_config,
    run,
)
from sparsetransfer.evaluation.data.frame_codes import FrameCodes, FrameCodeSet, frame_set
from sparsetransfer.evaluation.data.normalisation import standardise
from sparsetransfer.evaluation.study.config import ConfigError
from sparsetransfer.evaluation.study.store import cell_key
from sparsetransfer.exceptions import CorpusError, DomainError
from sparsetransfer.transfer import PooledSparseCoder

SMALL = {"frames": "log-mel", "n_components": 12, "n_whitened": 8, "n_dictionaries": 2}


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    return synthetic.make_corpora(tmp_path_factory.mktemp("small"), n_speakers=3, n_sentences=2)


@pytest.fixture(scope="module")
def config(manifests):
    names = ("first", "second")
    return StudyConfig(
        corpora=tuple(
            CorpusEntry(name, str(path), "manifest")
            for name, path in zip(names, manifests, strict=True)
        ),
        design={"kind": "source-to-target", "sources": ["first"], "targets": ["second"]},
        methods=("multi-view",),
        feature_sets=("codes",),
        features={"codes": SMALL},
    )


@pytest.fixture(scope="module")
def prepared(config):
    return prepare(config, n_jobs=1)


def sequences(manifests, folder):
    read = [
        corpora.read_manifest(path, name=name) for name, path in zip("ab", manifests, strict=True)
    ]
    return read, [
        features.extract_sequences(c, folder, frame_set("log-mel"), n_jobs=1) for c in read
    ]


def test_codes_are_those_of_the_coder_on_the_frames_of_all_corpora(manifests, prepared, tmp_path):
    domains, protocol = prepared
    assert protocol.feature_sets == domains[0].feature_sets == domains[1].feature_sets
    _, tables = sequences(manifests, tmp_path)
    samples, numbers = [], []
    for number, table in zip((1, -2), tables, strict=True):
        for row in range(len(table)):
            bands = table[row] - table[row].mean(axis=1).max()
            padded = np.pad(bands, ((4, 4), (0, 0)), mode="edge")
            samples.append(np.hstack([padded[i : i + len(bands)] for i in range(9)]))
            numbers.append(number)
    coder = PooledSparseCoder(12, n_whitened=8, n_dictionaries=2, random_state=0)
    expected = coder.fit_transform(samples, sample_domain=numbers)
    found = np.vstack([domain.features for domain in domains])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_the_cache_gives_the_same_and_damage_is_mended(manifests, config, prepared, tmp_path):
    for _ in range(2):
        domains, _ = prepare(config, cache=tmp_path, n_jobs=1)
        for domain, other in zip(domains, prepared[0], strict=True):
            assert domain.fingerprint == other.fingerprint
    (kept,) = (tmp_path / "frame-codes").iterdir()
    before = (kept / "codes.npy").stat().st_mtime_ns
    prepare(config, cache=tmp_path, n_jobs=1)
    assert (kept / "codes.npy").stat().st_mtime_ns == before
    (kept / "codes.npy").write_bytes(b"nothing")
    again, _ = prepare(config, cache=tmp_path, n_jobs=1)
    assert again[0].fingerprint == prepared[0][0].fingerprint
    # Other settings are other codes.
    other = replace(config, features={"codes": SMALL | {"alpha": 0.3}})
    changed, _ = prepare(other, cache=tmp_path, n_jobs=1)
    assert changed[0].feature_set != again[0].feature_set
    assert changed[0].fingerprint != again[0].fingerprint


def test_codes_of_another_version_are_not_taken_from_the_cache(manifests, tmp_path, monkeypatch):
    from sparsetransfer.transfer.pooled import coder

    _, tables = sequences(manifests, tmp_path)
    cache = tmp_path / "cache"

    def code():
        return FrameCodes(**SMALL).tables(tables, cache, n_jobs=1)[0][0]

    computed = code()
    (kept,) = (cache / "frame-codes").iterdir()
    planted = np.full_like(np.load(kept / "codes.npy"), 7.0)
    np.save(kept / "codes.npy", planted)
    assert (code().values == 7.0).all()
    monkeypatch.setattr(coder, "CODES_VERSION", coder.CODES_VERSION + 1)
    mended = code()
    np.testing.assert_array_equal(mended.values, computed.values)
    assert mended.feature_set != computed.feature_set


def test_a_new_recording_is_coded_as_those_of_its_corpus(manifests, tmp_path):
    from sparsetransfer import audio

    read, tables = sequences(manifests, tmp_path)
    coded, sets = FrameCodes(**SMALL).tables(tables, n_jobs=1)
    for corpus, table, described in zip(read, coded, sets, strict=True):
        assert isinstance(described, features.FeatureSet)
        signal = audio.load(corpus.table["file"].iloc[1], sample_rate=described.sample_rate)
        np.testing.assert_allclose(described.compute(signal), table.values[1], rtol=1e-5, atol=1e-7)
        assert described.id == table.feature_set
        assert list(described.names) == table.names
        assert len(described.units) == len(table.names)
    with pytest.raises(DomainError, match="domain must be one of"):
        FrameCodeSet("log-mel", sets[0].coder, 5, "none")


def test_methods_that_name_views_bring_them_along(config):
    mixed = replace(
        config,
        feature_sets=("functionals",),
        methods=("ridge-all", "multi-view", "multi-view-safeguarded"),
        settings={
            name: {"views": ["functionals", "codes"]}
            for name in ("multi-view", "multi-view-safeguarded")
        },
    )
    domains, protocol = prepare(mixed, n_jobs=1)
    assert domains[0].feature_sets == ("functionals-1",)
    assert list(domains[0].named) == ["functionals", "codes"]
    study = run(domains, mixed.make_methods(), protocol)
    seen = {cell.method: cell for cell in study.cells}
    assert seen["multi-view"].diagnostics["multi_view"]["views"] == 2
    assert study.corpora[0].feature_sets["codes"] == 48
    # The further view changes nothing for who did not ask for it.
    alone = replace(mixed, methods=("ridge-all",), settings={})
    plain, rules = prepare(alone, n_jobs=1)
    assert run(plain, alone.make_methods(), rules).cells[0].predictions == (
        seen["ridge-all"].predictions
    )
    # Named views are the feature sets of the same names.
    sets = replace(
        mixed, feature_sets=("functionals", "codes"), methods=("multi-view",), settings={}
    )
    both, rules = prepare(sets, n_jobs=1)
    again = run(both, sets.make_methods(), rules).cells[0]
    assert again.predictions == seen["multi-view"].predictions


def test_named_views_are_normalised_and_decide_about_old_cells(make_domain, protocol):
    first, second = make_domain("alpha", seed=1), make_domain("beta", seed=2)
    view = make_domain("alpha", seed=9, d=5, shift=100.0).features
    first, second = (replace(d, named={"other": view}) for d in (first, second))
    (method,) = make_methods(["multi-view"], {"multi-view": {"views": ["other"]}})
    study = run([first, second], [method], protocol)
    from sparsetransfer.classification import MultiView

    labels = np.concatenate([first.labels.astype(object), [None] * len(second)])
    rows = standardise(view)
    model = MultiView([5]).fit(np.vstack([rows, rows]), labels)
    np.testing.assert_array_equal(study.cells[0].predictions, model.predict(rows))
    task = protocol.design.tasks()[0]
    changed = replace(second, named={"other": view + np.eye(len(view), 5)})
    keys = [cell_key(protocol, task, method, 0, [first, other]) for other in (second, changed)]
    assert keys[0] != keys[1]
    (plain,) = make_methods(["multi-view"])
    keys = [cell_key(protocol, task, plain, 0, [first, other]) for other in (second, changed)]
    assert keys[0] == keys[1]


def test_aligned_views_are_those_of_coral(make_domain, protocol):
    from sparsetransfer.classification import MultiView
    from sparsetransfer.subspace import CORAL

    first, second = make_domain("alpha", seed=1), make_domain("beta", seed=2)
    mixed = second.features @ np.random.default_rng(0).normal(size=(8, 8))
    first = replace(first, named={"other": first.features})
    second = replace(second, named={"other": mixed})
    (method,) = make_methods(["multi-view"], {"multi-view": {"views": ["other"], "align": True}})
    found = run([first, second], [method], protocol).cells[0].predictions
    rows = [standardise(d.named["other"]) for d in (first, second)]
    domain = np.repeat([1, -1], [len(first), len(second)])
    aligned = CORAL().fit_transform(np.vstack(rows), sample_domain=domain)
    labels = np.concatenate([first.labels.astype(object), [None] * len(second)])
    expected = MultiView([8]).fit(aligned, labels).predict(rows[1])
    np.testing.assert_array_equal(found, expected)
    assert (expected != MultiView([8]).fit(np.vstack(rows), labels).predict(rows[1])).any()


def test_a_view_that_nobody_computed_is_named(domains, protocol):
    methods = make_methods(["multi-view"], {"multi-view": {"views": ["lost"]}})
    with pytest.raises(CorpusError, match=r"multi-view asks for views \['lost'\]"):
        run(domains, methods, protocol)


def test_codes_are_refused_where_the_target_must_stay_unseen(config):
    inductive = replace(config, setting="inductive", methods=("svm",))
    with pytest.raises(ValueError, match="the inductive setting excludes codes"):
        prepare(inductive, n_jobs=1)


@pytest.mark.parametrize("views", ["speaker", [3], ["a", "a"]])
def test_views_are_names(views):
    with pytest.raises(ValueError, match="views must be a list of names"):
        make_methods(["multi-view"], {"multi-view": {"views": views}})


def test_frame_codes_are_methods_by_their_spelling():
    first, second = make_methods(["frame-codes", "frame-codes(speaker)"])
    assert first.views == ("frame-codes(log-mel)",)
    assert (second.name, second.views) == ("frame-codes(speaker)", ("frame-codes(speaker)",))
    plain, transfer = make_methods(["frame-codes-transfer", "frame-codes-transfer(speaker)"])
    assert plain.views == first.views
    assert transfer.views == second.views
    assert [m.align for m in (first, second, plain, transfer)] == [False, False, True, True]
    assert FrameCodes.parse("frame-codes(speaker:block1)") == FrameCodes("speaker:block1")
    assert FrameCodes.parse("frame-codes") is None
    with pytest.raises(ValueError, match="unknown methods"):
        make_methods(["frame-codes()"])


def test_the_recommended_method_uses_the_weights_that_there_are(monkeypatch, tmp_path):
    from sparsetransfer._networks import weights
    from sparsetransfer.evaluation.methods import registry

    def only(*kinds):
        def locate(kind):
            if kind not in kinds:
                raise ModuleNotFoundError(kind)
            return tmp_path / kind

        monkeypatch.setattr(weights, "locate", locate)
        monkeypatch.setattr(registry, "find_spec", lambda name: name)
        (method,) = make_methods(["recommended"])
        return method

    assert only("campplus", "ge2e").views == ("speaker", "frame-codes(speaker)", "speaker-ge2e")
    assert only("campplus").views == ("speaker", "frame-codes(speaker)")
    assert only().views == ("functionals", "is09-style", "wide")
    assert "not installed" in only().description
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert make_methods(["recommended"])[0].views == ("functionals", "is09-style", "wide")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("anger",), "classes must be at least two"),
        (("anger", "joyy"), "no corpus has the classes joyy; they have anger, happiness"),
    ],
)
def test_classes_that_cannot_be_evaluated_are_refused_before_the_features(
    config, monkeypatch, classes, message
):
    monkeypatch.setattr("sparsetransfer.evaluation.study.prepare.feature_tables", None)
    with pytest.raises(ValueError, match=message):
        prepare(replace(config, classes=classes), n_jobs=1)


@pytest.mark.parametrize("name", ["mel", "speaker-ge2e", "wide:transit2", ""])
def test_unknown_frames(name):
    with pytest.raises(ValueError, match="frames must be log-mel"):
        frame_set(name)


@pytest.fixture(scope="module")
def table(manifests, tmp_path_factory):
    """Return a table of features beside nothing, of all recordings of both corpora."""
    rows = []
    rng = np.random.default_rng(0)
    for path in manifests:
        corpus = corpora.read_manifest(path, name="any")
        rows += [(file, *rng.normal(size=3)) for file in corpus.table["file"]]
    rng.shuffle(rows)
    place = tmp_path_factory.mktemp("own") / "mine.csv"
    lines = [",".join(map(str, row)) for row in rows]
    place.write_text("\n".join(["file,a,b,c", *lines]), encoding="utf-8")
    return place


def test_a_table_of_the_users_is_joined_by_file(config, table):
    mine = replace(config, feature_sets=("mine",), features={"mine": {"path": str(table)}})
    domains, protocol = prepare(mine, n_jobs=1)
    lines = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    values = {line[0]: [float(value) for value in line[1:]] for line in lines}
    for domain, entry in zip(domains, mine.corpora, strict=True):
        corpus = corpora.read_manifest(entry.path, name="any")
        assert domain.feature_names == ("a", "b", "c")
        np.testing.assert_array_equal(
            domain.features, [values[file] for file in corpus.table["file"]]
        )
    assert protocol.feature_sets[0].startswith("mine-")


def test_recordings_without_a_row_are_named(config, table, tmp_path):
    lines = table.read_text(encoding="utf-8").splitlines()
    second = corpora.read_manifest(config.corpora[1].path, name="any").table["file"]
    lost = second.iloc[2]
    short = tmp_path / "short.csv"
    kept = [line for line in lines if not line.startswith(f"{lost},")]
    assert len(kept) == len(lines) - 1
    short.write_text("\n".join(kept), encoding="utf-8")
    mine = replace(config, feature_sets=("mine",), features={"mine": {"path": str(short)}})
    with pytest.raises(CorpusError, match=r"no row of 1 of \d+ recordings of corpus 'second'") as e:
        prepare(mine, n_jobs=1)
    assert lost in str(e.value)


OWN = {"n_components": 9, "n_whitened": 4, "n_dictionaries": 1}


@pytest.fixture
def own_frames(manifests, tmp_path):
    """Return a CSV of sequences of all recordings, and the sequences in the order of the corpora."""
    rng = np.random.default_rng(0)
    lines, found = ["file,sequence"], []
    for path in manifests:
        for file in corpora.read_manifest(path, name="any").table["file"]:
            found.append(rng.normal(size=(rng.integers(1, 9), 5)).astype(np.float32))
            np.save(tmp_path / f"{len(found)}.npy", found[-1])
            lines.append(f"{file},{len(found)}.npy")
    place = tmp_path / "own.csv"
    place.write_text("\n".join([lines[0], *rng.permutation(lines[1:])]), encoding="utf-8")
    return place, found


def test_sequences_of_the_users_are_coded(config, own_frames, tmp_path):
    place, found = own_frames
    mine = replace(config, feature_sets=("mine",), features={"mine": {"frames": str(place), **OWN}})
    domains, _ = prepare(mine, cache=tmp_path / "cache", n_jobs=1)
    numbers = np.repeat([1, -2], [len(domain) for domain in domains])
    coder = PooledSparseCoder(9, n_whitened=4, random_state=0)
    expected = coder.fit_transform(found, sample_domain=numbers)
    np.testing.assert_allclose(np.vstack([d.features for d in domains]), expected, rtol=1e-6)
    assert domains[0].feature_set.startswith("frame-codes-own-")
    # The same names with other content are other codes, also beside a cache.
    np.save(tmp_path / "1.npy", 2 * found[0])
    other, _ = prepare(mine, cache=tmp_path / "cache", n_jobs=1)
    assert other[0].feature_set != domains[0].feature_set
    assert other[0].fingerprint != domains[0].fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (np.zeros(5), r"no \(n_frames, n_features\)"),
        (np.zeros((0, 5)), r"no \(n_frames, n_features\)"),
        (np.zeros((3, 4)), "4 columns, the first has 5|5 columns, the first has 4"),
        (np.full((3, 5), np.nan), "not finite"),
        (np.array([[None]]), "Python objects"),
    ],
)
def test_sequences_that_cannot_be_used_are_named(config, own_frames, tmp_path, content, message):
    place, _ = own_frames
    (tmp_path / "2.npy").unlink()
    if content is not None:
        np.save(tmp_path / "2.npy", content)
    mine = replace(config, feature_sets=("mine",), features={"mine": {"frames": str(place), **OWN}})
    with pytest.raises(CorpusError, match=message):
        prepare(mine, n_jobs=1)


def test_recordings_without_a_sequence_are_named(config, own_frames):
    place, _ = own_frames
    lines = place.read_text(encoding="utf-8").splitlines()
    mine = replace(config, feature_sets=("mine",), features={"mine": {"frames": str(place), **OWN}})
    place.write_text("\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"no row of 1 of \d+ recordings") as raised:
        prepare(mine, n_jobs=1)
    assert lines[-1].split(",")[0] in str(raised.value)
    place.write_text("\n".join(line.split(",")[0] for line in lines), encoding="utf-8")
    with pytest.raises(CorpusError, match="with a column 'sequence'"):
        prepare(mine, n_jobs=1)


STUDY = """\
[study]
methods = ["multi-view"]
feature_sets = ["mine"]

[corpora.first]
path = "first.csv"

[features.mine]
path = "mine.csv"

[features.codes]
frames = "log-mel"
n_dictionaries = 2

[methods.multi-view]
views = ["mine", "codes"]
"""


@pytest.fixture
def write(tmp_path):
    for name in ("first.csv", "mine.csv"):
        (tmp_path / name).touch()

    def make(text):
        place = tmp_path / "study.toml"
        place.write_text(text, encoding="utf-8")
        return place

    return make


def test_feature_sets_stand_in_a_study_file(write, tmp_path):
    import json

    read = read_config(write(STUDY))
    assert read.features == {
        "mine": {"path": str(tmp_path / "mine.csv")},
        "codes": {"frames": "log-mel", "n_dictionaries": 2},
    }
    assert read.make_methods()[0].views == ("mine", "codes")
    own = read_config(write(STUDY.replace('frames = "log-mel"', 'frames = "mine.csv"')))
    assert own.features["codes"]["frames"] == str(tmp_path / "mine.csv")
    with pytest.raises(ConfigError, match=r"line 12: there is no .*lost\.csv"):
        read_config(write(STUDY.replace('frames = "log-mel"', 'frames = "lost.csv"')))
    (tmp_path / "study.json").write_text(json.dumps(read.as_dict()), encoding="utf-8")
    assert read_config(tmp_path / "study.json") == read


def test_a_method_may_stand_twice_under_names_of_its_own(write):
    text = STUDY.replace('["multi-view"]', '["multi-view", "pair", "tried"]') + (
        '[methods.pair]\nmethod = "multi-view-safeguarded"\nviews = ["mine"]\n'
        '[methods.tried]\nmethod = "multi-view"\nalpha = 5.0\ngrid = { temperature = [1.0, 0.5] }\n'
    )
    first, pair, tried = read_config(write(text)).make_methods()
    assert [first.name, pair.name, tried.name] == ["multi-view", "pair", "tried"]
    assert (first.views, pair.views) == (("mine", "codes"), ("mine",))
    assert type(pair) is type(make_methods(["multi-view-safeguarded"])[0])
    assert tried.method.alpha == 5.0
    with pytest.raises(ConfigError, match=r"line \d+: unknown methods \['magic'\]"):
        read_config(write(text.replace('"multi-view-safeguarded"', '"magic"')))
    with pytest.raises(ConfigError, match="'majority' has no settings"):
        read_config(write(text.replace('"multi-view-safeguarded"\nviews = ["mine"]', '"majority"')))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"mine.csv"', '"lost.csv"', 9, "there is no"),
        ('"mine.csv"', "3", 8, "path must be a text"),
        ('"log-mel"', "3", 11, "frames"),
        ("n_dictionaries = 2", "n_dictionaries = 0", 11, "n_dictionaries must be"),
        ("n_dictionaries = 2", "atoms = 2", 11, "some of n_components"),
        ('frames = "log-mel"', "", 11, "need the path of a table, or frames"),
        ('["mine", "codes"]', '["mine"]', 11, "'codes' is neither among the feature_sets"),
        ('["mine", "codes"]', '"codes"', 15, "views must be a list"),
    ],
)
def test_faults_of_feature_sets_have_a_line(write, old, new, line, message):
    assert old in STUDY
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(write(STUDY.replace(old, new)))
    assert f"line {line}: " in str(caught.value)
