"""Videos coded anew, as a poor line would bring them, before they are judged."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from clips import moving_face, write_video
from media import scene, write_clip
from models import write_models
from truefeed.stream.errors import ConfigError
from truefeed.train.eval import evaluate
from truefeed.train.eval.recompress import Recode


def test_a_video_becomes_smaller_and_keeps_its_times_and_sound(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", moving_face(4, size=(1280, 720)), tone=300)
    how = Recode.of("360p:150k")
    copy = how.cached(clip, tmp_path)
    written = copy.stat().st_mtime_ns
    assert how.cached(clip, tmp_path) == copy
    assert copy.stat().st_mtime_ns == written
    with av.open(str(clip)) as before, av.open(str(copy)) as after:
        times = [[f.time for f in media.decode(video=0)] for media in (before, after)]
        assert times[1] == pytest.approx(times[0], abs=0.002)
    with av.open(str(copy)) as media:
        assert (media.streams.video[0].width, media.streams.video[0].height) == (640, 360)
        sizes = {"video": 0, "audio": 0}
        order = []
        for packet in media.demux():
            if packet.size:
                sizes[packet.stream.type] += packet.size
                order.append(packet.stream.type)
        assert 50_000 < sizes["video"] * 8 / 4 < 190_000
        assert sizes["audio"] > 0
        assert order.index("audio") < len(order) // 10  # side by side, not one after the other


def test_a_small_video_is_not_magnified(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", moving_face(1, size=(322, 180)))
    with av.open(str(Recode.of("360p:150k").cached(clip, tmp_path))) as media:
        assert (media.streams.video[0].width, media.streams.video[0].height) == (322, 180)


@pytest.mark.parametrize("text", ["360", "360p", "20p:150k", "360p:150", "x"])
def test_what_is_no_height_and_rate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="as in 360p:150k"):
        Recode.of(text)


def test_an_evaluation_prints_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (folder, light) in enumerate((("real", 0.5), ("fake/Bright", 1.9))):
        path = tmp_path / "set" / folder / f"{number}_a.mp4"
        path.parent.mkdir(parents=True)

        def picture(index: int, light: float = light) -> np.ndarray:
            return np.clip(scene(index, width=320, height=180, size=150) * light, 0, 255).astype(np.uint8)

        write_clip(path, frames=20, fps=10, width=320, height=180, picture=picture)
    (tmp_path / "set" / "fake" / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and no more")
    (tmp_path / "m").mkdir()
    words = ["--dataset", str(tmp_path / "set"), "--model", str(write_models(tmp_path / "m")), "--rounds", "20"]
    plain, poor = tmp_path / "plain", tmp_path / "poor"
    assert evaluate.main([*words, "--out", str(plain)]) == 1  # one file is broken
    against = str(plain / "evaluation.json")
    assert evaluate.main([*words, "--out", str(poor), "--recode", "90p:60k", "--against", against]) == 1
    out, err = capsys.readouterr()
    assert "AUC lost: all 0.000, Bright 0.000" in out
    assert "3/3 coded at 90p:60k" in err
    told = json.loads((poor / "evaluation.json").read_text())
    assert (told["recoded"], told["loss"]) == ("90p:60k", {"all": 0.0, "Bright": 0.0})
    assert [f["path"] for f in told["files"]["failed"]] == ["fake/broken.mp4"]
    # Names are those of the files given, not of the copies.
    assert {f["path"] for f in told["worst"]["real"]} == {"real/0_a.mp4"}
    assert len(list((poor / "recoded").glob("*.mkv"))) == 2
