"""Tables of the documents come from the result files, and are up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from truefeed.train.eval.suite import Result, Row, write
from truefeed.train.eval.suite_tables import fill, main

DOCS = Path(__file__).parents[3] / "docs"


def test_a_marked_table_is_made_of_the_rows_of_its_measure(tmp_path: Path) -> None:
    rows = [
        Row("face", "left out", "mocha", "", 4, 2, 0.625, 0.5, 1.0, 0.25, None, "before 0.5"),
        Row("face", "old methods", "FaceSwap", n_genuine=1),
    ]
    (tmp_path / "results").mkdir()
    write(tmp_path / "results" / "face.json", Result(rows))
    card = tmp_path / "card.md"
    card.write_text("before\n<!-- table face: left out -->\nold\n<!-- end -->\nafter\n")
    assert main([str(tmp_path)]) == 0
    assert card.read_text().splitlines() == [
        "before",
        "<!-- table face: left out -->",
        "| | genuine | fakes | AUC (95%) | genuine called fake | |",
        "|---|---|---|---|---|---|",
        "| MoCha (text to video) | 4 | 2 | .625 (.50 to 1.00) | 25.0% | before .5 |",
        "<!-- end -->",
        "after",
    ]


def test_conditions_stand_side_by_side(tmp_path: Path) -> None:
    rows = [
        Row("stills", "known", "SDXL", condition, 7, 7, auc, None, None, 0.0, share)
        for condition, auc, share in (("plain", 0.95, 0.5), ("JPEG 75", 0.9, 0.25))
    ]
    write(tmp_path / "stills.json", Result(rows))
    text = fill(
        "<!-- table stills: known -->\n<!-- end --><!-- table stills: known, called fake -->\n<!-- end -->", tmp_path
    )
    assert "| SDXL | 7 | 7 | .950 | .900 |" in text
    assert "| SDXL | 7 | 7 | 0.0%, 50.0% | 0.0%, 25.0% |" in text


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_the_tables_of_the_documents_are_those_of_the_results(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert fill(text, DOCS / "results") == text, "run python -m truefeed.train.eval.suite_tables docs"
