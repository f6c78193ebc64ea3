import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from sparsetransfer.evaluation import score, speaker_bootstrap
from sparsetransfer.evaluation.scoring.metrics import confusion_matrix


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c", "d"])
    truth = names[rng.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])]
    guesses = np.where(rng.random(200) < 0.6, truth, names[rng.integers(0, 4, 200)])
    return truth, guesses, tuple(names)


def test_figures_agree_with_scikit_learn(answers):
    truth, guesses, classes = answers
    result = score(truth, guesses, classes)
    assert result.uar == pytest.approx(balanced_accuracy_score(truth, guesses))
    assert result.war == pytest.approx(accuracy_score(truth, guesses))
    np.testing.assert_array_equal(
        result.confusion, sklearn_confusion_matrix(truth, guesses, labels=classes)
    )


def test_figures_do_not_depend_on_row_order_and_recalls_follow_class_order(answers):
    truth, guesses, classes = answers
    forward = score(truth, guesses, classes)
    backward = score(truth[::-1], guesses[::-1], classes[::-1])
    assert forward.uar == pytest.approx(backward.uar)
    np.testing.assert_array_equal(forward.recalls, backward.recalls[::-1])


def test_a_class_absent_from_the_target_has_no_recall_and_no_vote():
    result = score(["a", "a", "b", "b"], ["a", "c", "b", "b"], ["a", "b", "c"])
    assert result.recalls.tolist()[:2] == [0.5, 1.0]
    assert np.isnan(result.recalls[2])
    assert result.uar == 0.75
    assert result.war == 0.75


@pytest.mark.parametrize(
    ("truth", "guesses", "message"),
    [
        (["a"], ["a", "b"], "equally long"),
        ([], [], "must not be empty"),
        (["a"], ["z"], "'z'.*not among"),
    ],
)
def test_wrong_input_is_refused(truth, guesses, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(truth, guesses, ["a", "b"])


def test_bootstrap_equals_a_plain_loop_over_resampled_speakers(answers):
    truth, guesses, classes = answers
    speakers = np.array([f"s{row % 7}" for row in range(len(truth))])
    low, high = speaker_bootstrap(
        truth, guesses, speakers, classes, rng=np.random.default_rng(3), n_resamples=200
    )
    names = np.unique(speakers)
    draws = np.random.default_rng(3).multinomial(7, np.full(7, 1 / 7), size=200)
    values = []
    for times in draws:
        rows = np.concatenate(
            [np.tile(np.flatnonzero(speakers == s), n) for s, n in zip(names, times, strict=True)]
        )
        values.append(score(truth[rows], guesses[rows], classes).uar)
    np.testing.assert_allclose([low, high], np.percentile(values, [2.5, 97.5]))
    assert low < score(truth, guesses, classes).uar < high


def test_bootstrap_of_one_speaker_is_not_a_number():
    bounds = speaker_bootstrap(
        ["a", "b"], ["a", "a"], ["s", "s"], ["a", "b"], rng=np.random.default_rng(0)
    )
    assert np.isnan(bounds).all()
