"""The studies that ``evaluate`` makes itself."""

import pytest
from typer.testing import CliRunner

from sparsetransfer import corpora
from sparsetransfer._progress import PlainBars
from sparsetransfer.cli.application import application
from sparsetransfer.cli.demonstrations import METHODS, demonstration
from sparsetransfer.evaluation.protocol.designs import Design
from sparsetransfer.evaluation.study.prepare import read_entry


def recordings(folder, names):
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / f"{name}.wav").write_bytes(b"%d" % number)  # no table reads them
    return folder


def test_one_corpus_becomes_two_of_either_gender(tmp_path):
    root = recordings(tmp_path / "any", ["03a01Fa", "10a01Wa", "08b02Wb", "16a01Lb", "16a02Na"])
    config = demonstration(f"emodb={root}", tmp_path / "cache", PlainBars(None))
    men, women = (read_entry(entry) for entry in config.corpora)
    assert (men.name, women.name) == ("emodb-m", "emodb-f")
    assert men.speakers == ("03", "10")
    assert women.speakers == ("08", "16")
    whole = corpora.read("emodb", root)
    assert set(men.table["file"]) | set(women.table["file"]) == set(whole.table["file"])
    tasks = [task.name for task in Design.from_dict(config.design).tasks()]
    assert tasks == ["emodb-m → emodb-f", "emodb-f → emodb-m"]
    assert config.methods == METHODS
    assert config.normalisation == "source"


def test_two_folders_of_one_corpus_do_not_share_their_manifests(tmp_path):
    places = set()
    for name in ("one", "two"):
        root = recordings(tmp_path / name, ["03a01Fa", "08b02Wb"])
        config = demonstration(f"EMO-DB={root}", tmp_path / "cache", PlainBars(None))
        places |= {entry.path for entry in config.corpora}
    assert len(places) == 4


def test_a_fetched_corpus_needs_no_path(tmp_path):
    recordings(tmp_path / "corpora" / "emodb", ["03a01Fa", "08b02Wb"])
    config = demonstration("emodb", tmp_path, PlainBars(None))
    assert [entry.name for entry in config.corpora] == ["emodb-m", "emodb-f"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--demo", "emodb"], "run `sparsetransfer corpora fetch emodb`, or name the folder"),
        (["--demo", "emodb={root}"], "expected male and female speakers, got none of gender f"),
        (["--demo", "nothing={root}"], "no reader for a corpus named 'nothing'"),
        (["--demo", "emodb={root}", "--source", "emodb={root}"], "give --source and --target, or"),
    ],
)
def test_errors_name_the_remedy(tmp_path, options, expected):
    root = recordings(tmp_path / "men", ["03a01Fa", "10a01Wa"])
    options = [option.format(root=root) for option in options]
    finished = CliRunner().invoke(
        application, ["evaluate", *options, "--cache", str(tmp_path / "cache")]
    )
    assert finished.exit_code == 2
    assert expected in " ".join(finished.stderr.split())
