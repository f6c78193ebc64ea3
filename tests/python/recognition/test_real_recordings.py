"""EMO-DB to URDU without URDU's labels: the deployed model is the evaluated one."""

import numpy as np
import pytest

from sparsetransfer import corpora
from sparsetransfer.evaluation import EvaluationProtocol, SourceToTarget, make_methods, run, score
from sparsetransfer.evaluation.data.dataset import select_classes
from sparsetransfer.evaluation.study.prepare import describe
from sparsetransfer.recognition import Recogniser

CLASSES = ("anger", "happiness", "neutral", "sadness")

pytest.importorskip("safetensors", reason="models are files of safetensors")


@pytest.fixture(scope="module")
def pair(real_speech):
    root, cache = real_speech
    read = [corpora.read(name, root / name) for name in ("emodb", "urdu")]
    own = corpora.read_unlabelled(root / "urdu", name="urdu")
    return [describe(each, ["functionals"], cache=cache) for each in (*read, own)]


@pytest.mark.parametrize("name", ["transfer-sparse-coding", "multi-view"])
def test_recall_of_the_deployed_model_is_that_of_the_evaluation(pair, name, tmp_path):
    emodb, urdu, own = pair
    method = make_methods([name])[0]
    recogniser = Recogniser(method).fit(emodb, own, classes=CLASSES)
    recogniser.save(tmp_path / "model.st")
    found = Recogniser.load(tmp_path / "model.st").predict(own)
    protocol = EvaluationProtocol(
        SourceToTarget(("emodb",), ("urdu",)), CLASSES, own.feature_sets, n_resamples=20
    )
    cell = run([emodb, urdu], [method], protocol).cells[0]
    order = {file.rsplit("/", 1)[-1]: row for row, file in enumerate(own.files.tolist())}
    rows = [order[file.rsplit("/", 1)[-1]] for file in urdu.files.tolist()]
    assert sorted(rows) == list(range(len(own)))
    np.testing.assert_array_equal(found[rows], cell.predictions)
    known = select_classes(urdu, CLASSES).labels
    assert score(known, found[rows], CLASSES).uar == cell.scores.uar
