"""The voices' rows of the suite come from the result cards of the trainings."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from truefeed.stream.errors import ConfigError
from truefeed.train.eval.suite_voice import measure

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def test_both_models_are_told_by_length_and_line(tmp_path: Path) -> None:
    found = measure(tmp_path, RESULTS, io.StringIO())
    assert set(found.models) == {"voice, fast", "voice, accurate"}
    left_out = [row for row in found.rows if row.measure == "left out" and row.condition == "4 s, as it comes"]
    assert len(left_out) == 2
    for row in left_out:
        assert row.low is not None
        assert row.auc is not None
        assert row.low < row.auc
    assert {row.measure for row in found.rows} == {"left out", "false alarms", "time to detect"}
    told = json.loads((RESULTS / "voice.json").read_text())
    assert len(told["rows"]) == len(found.rows)
    with pytest.raises(ConfigError, match=r"voice-fast\.json"):
        measure(tmp_path, tmp_path, io.StringIO())
    with pytest.raises(ConfigError, match="--folds"):
        measure(tmp_path, None, io.StringIO())
