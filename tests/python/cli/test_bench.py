import json

from typer.testing import CliRunner

from sparsetransfer.cli.application import application


def test_table_and_file_tell_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    path = tmp_path / "figures.json"
    arguments = ["bench", "omp", "lasso", "--rounds", "1", "--threads", "1", "--output", str(path)]
    finished = CliRunner().invoke(application, arguments)
    assert finished.exit_code == 0, finished.output
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert [row["name"] for row in figures["measurements"]] == ["omp", "lasso"]
    for row in figures["measurements"]:
        assert f"{1e3 * row['wall']:.1f}" in finished.output
    assert figures["environment"]["processor"] in finished.output
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_kernel_is_one_line():
    finished = CliRunner().invoke(application, ["bench", "fft"])
    assert finished.exit_code == 2
    assert "kernels must be among" in finished.output
