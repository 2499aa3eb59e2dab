"""The voices' part of the suite is made of the result cards of `truefeed train voice`."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("torch")

from truefeed.stream.errors import ConfigError
from truefeed.train.eval import suite_voice

RESULTS = Path(__file__).parents[3] / "docs" / "results"
CARD = {
    "left_out": {
        "4 s, as it comes": {
            "cell": [0.9, 0.85, 0.95, 0.15],
            "within": 0.92,
            "pages": {"one": 0.92},
            "spoof": 5,
            "genuine": 4,
            "genuine called fake": 0.0,
            "spoof called fake": 0.4,
        },
        "2 s, Opus 12 kbit/s": {"spoof": 0, "genuine": 4, "genuine called fake": 0.25},
    },
    "live": {
        "by_group": {
            "genuine one": {"alerts": 0},
            "spoof one: vc_a": {"alerts": 1},
            "spoof one: vc_b": {"alerts": 0},
            "spoof one: zs_c": {"alerts": 2},
        },
        "genuine": {"minutes": 6.0, "alerts": 0, "windows_fake": 0.01, "alerts_an_hour": [0.0, 0.0, 36.9]},
        "spoof": {"generators": 3, "alert": 0.667, "soon": 0.333},
    },
}


def test_rows_are_those_of_both_cards(tmp_path: Path) -> None:
    for name in ("accurate", "fast"):
        (tmp_path / f"voice-{name}.json").write_text(json.dumps(CARD))
    result = suite_voice.measure(tmp_path, tmp_path, io.StringIO())
    rows = {(row.measure, row.group, row.condition): row for row in result.rows}
    left_out = rows["left out", "fast", "4 s"]
    assert (left_out.auc, left_out.low, left_out.high, left_out.note) == (0.9, 0.85, 0.95, "EER 0.150")
    assert rows["lines, left out, 2 s", "Opus 12 kbit/s", "accurate"].called_fake_genuine == 0.25
    assert rows["page", "one", "accurate"].auc == 0.92
    conversion = rows["alerts", "voice conversion", "fast"]
    assert (conversion.n_fake, conversion.called_fake_fake) == (2, 0.5)
    assert rows["alerts within 15 s", "all", "fast"].called_fake_fake == 0.333
    assert "(0.0 to 36.9)" in rows["false alarms", "genuine pages (accurate)", ""].note
    assert set(result.models) == {"voice, accurate", "voice, fast"}


def test_the_rows_in_the_repository_are_those_of_its_result_cards(tmp_path: Path) -> None:
    found = suite_voice.measure(tmp_path, RESULTS, io.StringIO())
    told = json.loads((RESULTS / "voice.json").read_text())
    assert json.loads(json.dumps([asdict(row) for row in found.rows])) == told["rows"]
    assert found.models == told["models"]


def test_without_cards_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="truefeed train voice"):
        suite_voice.measure(tmp_path, None, io.StringIO())
    with pytest.raises(ConfigError, match="no such file"):
        suite_voice.measure(tmp_path, tmp_path, io.StringIO())
