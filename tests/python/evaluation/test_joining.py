from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sparsetransfer.corpora import Corpus
from sparsetransfer.evaluation.data.joining import join
from sparsetransfer.exceptions import CorpusError


@pytest.fixture
def recordings(tmp_path):
    files = []
    for number in range(4):
        file = tmp_path / "deep" / f"{number}.wav"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes([number]) * 10)
        files.append(str(file))
    table = pd.DataFrame(
        {
            "file": [*files, files[3]],
            "start": [np.nan] * 3 + [0.0, 1.5],
            "end": [np.nan] * 3 + [1.5, 2.0],
            "label": ["anger", "neutral", "anger", "neutral", "anger"],
            "speaker": ["a", "a", "b", "b", ""],
        }
    )
    return Corpus("tiny", table, dropped={"label 'x' unmapped": 2})


def feature_table(corpus, order, failures=()):
    index = corpus.table[["file", "start", "end"]].iloc[list(order)].reset_index(drop=True)
    values = np.array([[row, -row] for row in order], dtype=float)
    return SimpleNamespace(
        values=values,
        names=["row", "minus"],
        index=index,
        feature_set="set-1",
        failures=pd.DataFrame(failures, columns=["file", "error"]),
    )


def test_join_goes_by_file_start_end_and_not_by_order(recordings):
    domain = join(recordings, feature_table(recordings, [3, 0, 4, 1, 2]))
    assert domain.features[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert domain.labels.tolist() == recordings.table["label"].tolist()
    assert domain.files.tolist() == ["0.wav", "1.wav", "2.wav", "3.wav#t=0,1.5", "3.wav#t=1.5,2"]
    assert dict(domain.dropped) == {"label 'x' unmapped": 2}
    assert domain.speaker_keys.tolist() == ["tiny/a", "tiny/a", "tiny/b", "tiny/b", ""]
    assert len(set(domain.digests.tolist())) == 5


def test_join_refuses_missing_and_strange_rows(recordings):
    with pytest.raises(CorpusError, match=r"without features: .*2\.wav"):
        join(recordings, feature_table(recordings, [0, 1, 3, 4]))
    table = feature_table(recordings, range(5))
    table.index.loc[0, "file"] = "/elsewhere/9.wav"
    with pytest.raises(CorpusError, match=r"only in the features: /elsewhere/9\.wav"):
        join(recordings, table)
    table = feature_table(recordings, range(5))
    table.index.loc[4, "end"] = 3.0
    with pytest.raises(CorpusError, match="do not list the same recordings"):
        join(recordings, table)


def test_unreadable_recordings_are_an_error_or_a_declared_loss(recordings):
    broken = recordings.table["file"][1]
    table = feature_table(recordings, [0, 2, 3, 4], [(broken, "not audio")])
    with pytest.raises(CorpusError, match=r"1 recordings cannot be read: .*1\.wav.*not audio"):
        join(recordings, table)
    domain = join(recordings, table, unreadable="drop")
    assert len(domain) == 4
    assert domain.failures == (("1.wav", "not audio"),)


class Frames(SimpleNamespace):
    """A table of spectrograms that tell their row."""

    def __getitem__(self, row):
        return np.full((2, 3), self.rows[row], dtype=np.float32)


def frames_of(corpus, order, failures=()):
    table = feature_table(corpus, order, failures)
    return Frames(
        index=table.index, failures=table.failures, rows=list(order), feature_set="frames-1"
    )


def test_spectrograms_are_joined_by_file_start_end_too(recordings):
    table = feature_table(recordings, [3, 0, 4, 1, 2])
    domain = join(recordings, table, frames_of(recordings, [4, 3, 1, 2, 0]))
    assert [float(part[0, 0]) for part in domain.spectrograms] == [0, 1, 2, 3, 4]
    assert domain.spectrogram_set == "frames-1"


def test_a_recording_without_spectrogram_is_missed_or_dropped(recordings):
    table = feature_table(recordings, range(5))
    with pytest.raises(CorpusError, match=r"no frames-1 of .*2\.wav"):
        join(recordings, table, frames_of(recordings, [0, 1, 3, 4]))
    lost = [(recordings.table["file"][2], "broken")]
    with pytest.raises(CorpusError, match=r"cannot be read.*broken"):
        join(recordings, table, frames_of(recordings, [0, 1, 3, 4], lost))
    rest = join(recordings, table, frames_of(recordings, [0, 1, 3, 4], lost), unreadable="drop")
    assert rest.features[:, 0].tolist() == [0, 1, 3, 4]
    assert [float(part[0, 0]) for part in rest.spectrograms] == [0, 1, 3, 4]
    assert rest.failures == (("2.wav", "broken"),)
