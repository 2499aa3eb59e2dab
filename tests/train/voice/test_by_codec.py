"""What a line costs the voice model: the table by channel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from truefeed.engines import WEIGHTS  # noqa: E402
from truefeed.stream.audio import RATE  # noqa: E402
from truefeed.stream.errors import ConfigError  # noqa: E402
from truefeed.train.voice import by_codec  # noqa: E402
from truefeed.train.voice.dataset import dev  # noqa: E402
from voices import six_voices, voiced  # noqa: E402


def test_both_labels_are_heard_through_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    six_voices(tmp_path)
    # Those that are held out, with enough speech for this.
    for number, name in enumerate(("2.flac", "5.flac")):
        soundfile.write(tmp_path / name, voiced(90 + 25 * number, 4.0, number), RATE)
    out = tmp_path / "channels.json"
    assert sorted(clip.fake for clip in dev(tmp_path)) == [False, True]
    words = ["--dataset", str(tmp_path), "--model", str(WEIGHTS / "voice.onnx"), "--out", str(out)]
    with pytest.raises(ConfigError, match="9 s of speech"):
        by_codec.main([*words, "--seconds", "9"])
    assert by_codec.main([*words, "--seconds", "1"]) == 0
    printed = capsys.readouterr().out
    assert "1 genuine and 1 spoof clips" in printed
    found = json.loads(out.read_text())
    assert set(found) == set(by_codec.LINES) - {by_codec.DRAWN}
    for name, row in found.items():
        assert f"| {name} |" in printed
        assert row["cell"][0] in (0.0, 0.5, 1.0)
        assert {row["genuine"], row["spoof"]} <= {0.0, 1.0}
