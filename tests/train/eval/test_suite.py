"""`truefeed evaluate --suite`: one table from the results of the parts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from truefeed.stream.errors import ConfigError
from truefeed.train.eval import evaluate, suite
from truefeed.train.eval.suite import Result, Row


def _row() -> Row:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    scores = labels + rng.normal(0, 0.5, 40)
    people = np.array([f"person {i // 4}" for i in range(40)])
    return suite.judged("face", "left out", "swaps", labels, scores, people, called=scores > 0.9, condition="360p:150k")


def test_a_row_counts_judges_and_tells_its_interval() -> None:
    row = _row()
    assert (row.n_genuine, row.n_fake) == (20, 20)
    assert row.auc is not None
    assert row.low is not None
    assert row.high is not None
    assert 0.8 < row.low <= row.auc <= row.high <= 1
    assert row.called_fake_genuine is not None
    assert row.called_fake_fake is not None
    assert row.called_fake_genuine < row.called_fake_fake


def test_a_group_without_fakes_has_no_auc() -> None:
    row = suite.judged("face", "false alarms", "people", np.zeros(3, int), np.zeros(3), np.array(["a", "b", "c"]))
    assert row.auc is None
    assert row.low is None
    assert row.called_fake_genuine is None
    assert row.n_genuine == 3


def test_results_are_written_and_read_back_whole(tmp_path: Path) -> None:
    result = Result([_row()], {"face.onnx": "ab12"}, "truefeed evaluate --suite", "2026-12-01T00:00:00+0000")
    suite.write(tmp_path / "face.json", result)
    assert suite.read(tmp_path / "face.json") == result


def test_the_table_is_printed_of_the_results_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite.write(tmp_path / "face.json", Result([_row()]))
    suite.write(tmp_path / "voice.json", Result([Row("voice", "left out", "page one", "2 s", 3, 4, 0.8, 0.7, 0.9)]))
    assert evaluate.main(["--suite", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "360p:150k" in lines[1]
    assert "0.800 (0.70 to 0.90)" in lines[2]
    assert evaluate.main(["--suite", "--out", str(tmp_path), "--json"]) == 0
    assert [row["part"] for row in json.loads(capsys.readouterr().out)] == ["face", "voice"]
    assert suite.table(suite.read(tmp_path / "voice.json").rows, markdown=True).splitlines()[1].startswith("|---|")


def test_nothing_to_print_and_broken_results_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--dataset"):
        suite.run(tmp_path, None, None, suite.PARTS, io.StringIO())
    (tmp_path / "face.json").write_text('{"rows": [{"colour": 1}]}')
    with pytest.raises(ConfigError, match=r"face\.json"):
        suite.run(tmp_path, None, None, suite.PARTS, io.StringIO())
    with pytest.raises(ConfigError, match="choose from"):
        suite.run(tmp_path / "out", tmp_path, None, ["smell"], io.StringIO())


def test_without_the_suite_data_are_needed() -> None:
    with pytest.raises(SystemExit):
        evaluate.main([])
