import json

import pytest

from sparsetransfer.evaluation import read_config
from sparsetransfer.evaluation.study.config import ConfigError

GOOD = """\
# a study
[study]
design = "ordered-pairs"
classes = ["anger", "neutral"]
methods = ["svm", "forest"]
normalisation = "robust"
seeds = [0, 3]

[corpora.first]
path = "first/manifest.csv"

[corpora.second]
path = "second"   # below this file
reader = "emodb"
label_map = { W = "anger" }

[methods.forest]
estimator = "sklearn.ensemble:RandomForestClassifier"
params = { n_estimators = 10 }
grid = { max_depth = [2, 4], criterion = ["gini", "entropy"] }
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "manifest.csv").touch()
    (tmp_path / "second").mkdir()

    def make(text, name="study.toml"):
        place = tmp_path / name
        place.write_text(text, encoding="utf-8")
        return place

    return make


def test_a_study_is_read(write, tmp_path):
    config = read_config(write(GOOD))
    assert [entry.name for entry in config.corpora] == ["first", "second"]
    first, second = config.corpora
    assert first.path == str(tmp_path / "first" / "manifest.csv")
    assert (first.reader, second.reader) == ("manifest", "emodb")
    assert second.label_map == {"W": "anger"}
    assert config.seeds == (0, 3)
    assert config.design == {"kind": "ordered-pairs"}
    forest = config.make_methods()[1]
    assert (forest.name, forest.method.params) == ("forest", {"n_estimators": 10})
    assert list(forest.candidates) == [
        {"max_depth": depth, "criterion": name} for depth in (2, 4) for name in ("gini", "entropy")
    ]


def test_it_survives_the_json_of_a_report_folder(write):
    config = read_config(write(GOOD))
    assert read_config(write(json.dumps(config.as_dict()), "study.json")) == config
    split = GOOD.replace('"ordered-pairs"', '"speaker-k-fold"\nspeaker_folds = 3')
    config = read_config(write(split))
    assert config.design == {"kind": "speaker-k-fold", "n_folds": 3}
    assert read_config(write(json.dumps(config.as_dict()), "study.json")) == config
    sides = 'source-to-target"\nsources = ["first"]\ntargets = ["second"]'
    config = read_config(write(GOOD.replace('ordered-pairs"', sides)))
    assert read_config(write(json.dumps(config.as_dict()), "study.json")) == config


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"ordered-pairs"', '"pairs"', 3, "design must be one of source-to-target, ordered-pairs"),
        ('["anger", "neutral"]', '"anger"', 4, "classes must be a list of texts"),
        ('["anger", "neutral"]', "[]", 4, "classes must be a list of texts"),
        ('"robust"', '"planet"', 6, "normalisation must be one of corpus, speaker"),
        ("[0, 3]", "[0, -3]", 7, "seeds must be a whole number of at least 0"),
        ("[0, 3]", "[true]", 7, "seeds must be a whole number"),
        ("[0, 3]", "[4294967296]", 7, "seeds must be a whole number of at most 4294967295"),
        ("seeds", "sedes", 7, "unknown name 'sedes'"),
        ("first/manifest.csv", "first/lost.csv", 10, "there is no"),
        ('path = "first/manifest.csv"', "path = 3", 10, "path of 'first' must be a text"),
        ('reader = "emodb"', 'reader = "nobody"', 14, "no reader for a corpus named 'nobody'"),
        ('{ W = "anger" }', "{ W = 3 }", 15, "label_map must map labels to emotions"),
        ("label_map", "labels", 15, "unknown name 'labels'"),
        ("RandomForestClassifier", "Nothing", 17, "cannot be imported"),
        ("n_estimators", "n_trees", 17, r"has no parameters \['n_trees'\]"),
        ("max_depth", "depth", 17, r"has no parameters \['depth'\]"),
        ("[2, 4]", "2", 17, "max_depth must be a list of values"),
        ('"svm", "forest"', '"svm", "magic"', 17, "'forest' is not among the methods"),
        ('["svm", "forest"]', '["svm", "forest", "magic"]', 5, r"unknown methods \['magic'\]"),
        ("[methods.forest]", "[study]\n[methods.forest]", None, "Cannot declare"),
        ("[study]", "[stdy]", 2, "unknown name 'stdy'"),
        (
            "design =",
            "targets = ['first']\ndesign =",
            3,
            "the design 'ordered-pairs' has no targets",
        ),
        ("design =", "speaker_folds = 3\ndesign =", 3, "has no speaker_folds"),
        ('"ordered-pairs"', '"source-to-target"', 3, "sources must name corpora"),
    ],
)
def test_faults_are_named_with_their_line(write, old, new, line, message):
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(write(text))
    assert "study.toml" in str(caught.value)
    if line is not None:
        assert f"line {line}: " in str(caught.value)


def test_faults_of_syntax_are_named_with_their_line(write):
    with pytest.raises(ConfigError, match="line 3"):
        read_config(write("[study]\n\ndesign = pairs\n"))


def test_missing_tables_and_files(write, tmp_path):
    with pytest.raises(ConfigError, match=r"\[corpora\] is missing"):
        read_config(write("[study]\n"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="must be a table"):
        read_config(write('study = 3\n[corpora.first]\npath = "first"\n'))
    with pytest.raises(ConfigError, match=r"expected sparsetransfer\.config of version 1"):
        read_config(write("{}", "study.json"))


def test_byte_order_mark_and_other_capitals_are_read(write):
    text = GOOD.replace('reader = "emodb"', 'reader = "EMO-DB"').replace(
        "first/manifest.csv", "first/ALL.CSV"
    )
    place = write("\ufeff" + text)
    (place.parent / "first" / "ALL.CSV").touch()
    first, second = read_config(place).corpora
    assert first.reader == "manifest"
    assert second.reader == "EMO-DB"


def test_a_table_of_an_audformat_database_is_kept(write):
    place = write(GOOD.replace('first/manifest.csv"', 'first/db.yaml"\ntable = "gold"'))
    (place.parent / "first" / "db.yaml").touch()
    config = read_config(place)
    assert config.corpora[0].table == "gold"
    assert config.as_dict()["corpora"]["first"]["table"] == "gold"
    with pytest.raises(ConfigError, match="line 11: table must be a text"):
        read_config(write(place.read_text(encoding="utf-8").replace('"gold"', "3")))
