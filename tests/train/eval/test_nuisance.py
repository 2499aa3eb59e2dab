"""Whether something beside the manipulation tells fakes apart is itself measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media import write_clip
from truefeed.stream.errors import ConfigError
from truefeed.train.data.datasets import Clip
from truefeed.train.eval import nuisance


def _clips() -> list[Clip]:
    """Two pages with pairs, one of fakes alone, and people."""
    out = []
    for page in ("modern/a", "modern/b", "modern/bare", "people"):
        for who in range(8):
            for fake in {"modern/bare": (True,), "people": (False,)}.get(page, (False, True)):
                name = f"{page}/{who}_{fake:d}.mp4"
                out.append(Clip(Path(name), name, fake, "made" if fake else "genuine", f"{page}{who}", ""))
    return out


def test_a_clue_is_told_inside_its_group_and_on_groups_left_out() -> None:
    clips = _clips()
    fake = np.array([clip.fake for clip in clips])
    rng = np.random.default_rng(0)
    size = np.where(fake, 6.0, 5.0) + rng.normal(0, 0.01, len(clips))
    rows = dict(nuisance.told(clips, np.stack([size, rng.normal(0, 1, len(clips))], 1)))
    assert rows["a"][0] == rows["a"][2] == 1.0
    assert np.isnan(rows["bare"][:2]).all()
    assert rows["bare"][2] == 1.0


def test_what_is_alike_tells_nothing() -> None:
    clips = _clips()
    rows = dict(nuisance.told(clips, np.ones((len(clips), 2))))
    assert rows["a"] == [0.5, 0.5, 0.5]


def test_the_command_prints_a_line_a_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["path,label,identity"]
    for label, width in (("real", 64), ("fake", 96)):
        for who in range(4):
            name = f"page/{who}_{label}.mp4"
            (tmp_path / "page").mkdir(exist_ok=True)
            grey = np.full((64, width, 3), 90, np.uint8)
            write_clip(tmp_path / name, frames=4, width=width, height=64, picture=lambda _, grey=grey: grey)
            lines.append(f"{name},{label},{who}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    assert nuisance.main(["--dataset", str(tmp_path)]) == 0
    assert "page" in capsys.readouterr().out


def test_both_labels_are_needed(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,label,identity\na.mp4,real,ann\n")
    with pytest.raises(ConfigError, match="genuine clips and fakes are needed"):
        nuisance.main(["--dataset", str(tmp_path)])
