"""`truefeed evaluate` and the calibration that follows it, on real clips with models whose answer is known."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from media import scene, write_clip, write_sound
from models import THRESHOLDS, write_models
from truefeed.engines import load
from truefeed.stream.errors import ConfigError
from truefeed.stream.scan.probe import Found
from truefeed.stream.scan.scanner import Job, judge
from truefeed.stream.scoring.alarm import Alarm
from truefeed.stream.scoring.analyzer import Analyzer
from truefeed.stream.scoring.models import card_of
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.file import FileSource
from truefeed.stream.types import Frame
from truefeed.train.common.card_file import restamp
from truefeed.train.eval import calibrate, evaluate
from truefeed.train.eval.observe import observe, scorer_key
from truefeed.train.eval.replay import Judgement, outcome

FRAMES, FPS = 40, 10


def _clip(path: Path, light: float, seed: int) -> Path:
    """A clip of the portrait in a given light: to the models of tests/models.py the brighter is the more fake."""

    def picture(index: int) -> np.ndarray:
        image = scene(index + 7 * seed, width=320, height=180, size=150)
        return np.clip(image * light, 0, 255).astype(np.uint8)

    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, frames=FRAMES, fps=FPS, width=320, height=180, picture=picture)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    for number in range(2):
        _clip(root / "real" / f"{number}_a.mp4", 0.55, number)
        _clip(root / "fake" / "Bright" / f"{number}_a.mp4", 1.9, number)
    wall = np.full((180, 320, 3), 90, np.uint8)
    write_clip(root / "real" / "wall.mp4", frames=10, fps=FPS, width=320, height=180, picture=lambda _: wall)
    (root / "fake" / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and no more")
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def result(data: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("result")
    words = ["--dataset", str(data), "--out", str(out), "--model", str(model), "--rounds", "50", "--json"]
    assert evaluate.main(words) == 1  # one file is broken
    return out


def test_the_figures_are_those_of_the_files(result: Path) -> None:
    told = json.loads((result / "evaluation.json").read_text())
    assert told["files"]["given"] == 6
    assert told["files"]["scored"] == 4
    assert [f["path"] for f in told["files"]["failed"]] == ["fake/broken.mp4"]
    assert told["files"]["not_scored"] == [{"path": "real/wall.mp4", "reasons": ["no-face"]}]
    assert (told["all"]["real"], told["all"]["fake"], told["all"]["auc"]["value"]) == (2, 2, 1.0)
    assert list(told["by_method"]) == ["Bright"]
    assert told["all"]["brier"]["value"] < 0.1
    assert told["status"]["real"]["real"] == 2
    assert {f["path"] for f in told["worst"]["real"]} == {"real/0_a.mp4", "real/1_a.mp4"}
    assert told["status"]["fake"]["fake"] == 2
    # 4 s of each genuine clip, and nothing went off; on the fakes it did.
    assert told["false_alarms"]["alerts"] == 0
    assert told["false_alarms"]["hours"] == pytest.approx(2 * 3.9 / 3600 + 0.9 / 3600, abs=1e-4)
    assert told["alarms"]["alerted"] == 2
    assert 0 < told["alarms"]["median_seconds_to_alert"] < 3.9
    after = {row["seconds"]: row for row in told["by_seconds"]}
    assert [after[s]["fake"] for s in (0.0, 1.0, 2.0, 4.0, 10.0)] == [2, 2, 2, 2, 0]
    assert after[4.0]["called_fake"] == 1.0
    assert after[4.0]["genuine_called_fake"] == 0.0
    assert sum(bucket["real"] for bucket in told["by_quality"]["face"]) == 2


def test_the_card_is_one_whole_page(result: Path) -> None:
    page = (result / "evaluation.html").read_text()

    class Reader(HTMLParser):
        tags: set[str] = set()  # noqa: RUF012
        links: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            self.links += [value or "" for name, value in attrs if name in ("src", "href") and tag != "use"]

    reader = Reader()
    reader.feed(page)
    assert {"svg", "table", "figure"} <= reader.tags
    assert [link for link in reader.links if not link.startswith("#")] == []
    assert "Bright" in page
    assert "fake/broken.mp4" in page


def test_a_second_run_only_computes(data: Path, model: Path, result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in (result / "observed").iterdir()}
    first = json.loads((result / "evaluation.json").read_text())
    words = ["--dataset", str(data), "--out", str(result), "--model", str(model), "--rounds", "50"]
    assert evaluate.main(words) == 1
    out, err = capsys.readouterr()
    assert "4 of 6 files scored" in out
    assert "fake/broken.mp4: " in err
    assert {p.name: p.stat().st_mtime_ns for p in (result / "observed").iterdir()} == before
    again = json.loads((result / "evaluation.json").read_text())
    assert {**again, "made": ""} == {**first, "made": ""}


def test_what_is_measured_is_what_users_get(data: Path, model: Path) -> None:
    models = Job(model=model).load()
    path = data / "fake" / "Bright" / "0_a.mp4"
    said = outcome(observe(path, models), Judgement.of(models))
    report = judge(Found(path, named=True), models)
    assert report is not None
    assert said.status == report.status
    assert said.fake == pytest.approx(report.fake_probability, abs=1e-4)
    analyzer, alarm = Analyzer(models, source="x"), Alarm(Judgement.of(models).alarm)
    live, alerts = [], []
    from threading import Event

    for item in FileSource(path, SourceOptions(pace="fast")).items(Event()):
        verdict = analyzer.frame(item, item.bitrate_kbps) if isinstance(item, Frame) else None
        if verdict is not None:
            live.append(verdict)
            alerts += [(a.t, a.subject) for a in alarm.update(verdict) if a.raised]
    assert [m[0] for m in said.moments] == pytest.approx([v.t for v in live], abs=1e-3)
    assert [m[1] for m in said.moments] == pytest.approx([v.fake for v in live], abs=1e-4)
    assert [m[2] for m in said.moments] == [v.status for v in live]
    assert [s for _, s in said.alerts] == [s for _, s in alerts]


def test_a_picture_and_a_sound_are_judged_too(tmp_path: Path, model: Path) -> None:
    models = Job(model=model).load()
    cv2.imwrite(str(tmp_path / "face.png"), scene(0))
    seen = observe(tmp_path / "face.png", models)
    assert (seen["kind"], len(seen["tracks"])) == ("image", 1)
    report = judge(Found(tmp_path / "face.png", named=True), models)
    assert report is not None
    assert outcome(seen, Judgement.of(models)).fake == pytest.approx(report.fake_probability, abs=1e-3)
    write_sound(tmp_path / "tone.wav")
    if models.voice is None:
        assert "no voice model" in observe(tmp_path / "tone.wav", models)["error"]
    else:
        assert observe(tmp_path / "tone.wav", models)["kind"] == "audio"


def test_a_new_calibration_keeps_what_was_observed(tmp_path: Path) -> None:
    path = write_models(tmp_path)
    job = Job(model=path)
    before = scorer_key(job, job.load())
    head = tmp_path / "face-window.onnx"
    card = card_of(load(head, "cpu"))
    restamp(head, replace(card, calibration=(3.0, 1.0), thresholds={"fake": 0.7}))
    assert scorer_key(job, job.load()) == before
    restamp(head, replace(card, quality={"min_face_px": 99.0}))
    assert scorer_key(job, job.load()) != before


def _observed(count: int = 160) -> list[dict[str, Any]]:
    """Files whose logits are normal, 0 on average for genuine ones and 2 for fakes."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        fake = number % 2 == 1
        logit = float(rng.normal(2 * fake, 1))
        verdicts = [[i / 8, [[1, logit, [] if i > 8 else ["too-short"]]]] for i in range(48)]
        seen = {
            "kind": "video",
            "error": None,
            "seconds": 6.0,
            "tracks": [[1, logit, []], [2, 9.0, ["face-too-small"]]],
            "verdicts": verdicts,
            "voice": None,
            "voices": [],
            "quality": [],
        }
        name = f"{number}.mp4"
        rows.append(
            {"name": name, "fake": fake, "method": "m", "identity": str(number // 4), "split": "", "seen": seen}
        )
    return rows


def test_calibration_finds_the_odds_and_keeps_false_alarms_rare() -> None:
    found = calibrate.fit(_observed())
    a, b = found.calibration
    # Two unit normals two apart: the log-odds are 2 * (x - 1).
    assert a == pytest.approx(2, rel=0.25)
    assert -b / a == pytest.approx(1, abs=0.25)
    t = found.thresholds
    assert t["real"] < 0.5 < t["fake"] <= t["alert"] < 1
    assert 0 < t["clear"] < t["alert"]
    assert found.report["genuine_called_fake"] <= 1
    assert found.report["genuine_called_fake_95"][1] > 0.03  # eighty files prove no more
    assert found.report["false_alerts"] == 0
    assert 0.3 < found.report["fakes_called_fake"] < 0.6
    # The doubtful face with its high logit took no part.
    assert found.report["auc"] > 0.88


def test_the_calibration_is_written_into_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_models(tmp_path)
    (tmp_path / "observed.json").write_text(json.dumps(_observed()))
    observed = str(tmp_path / "observed.json")
    words = ["--observed", observed, observed, "--model", str(path), "--quality", "min_face_px=40"]
    assert calibrate.main(words) == 0
    said = json.loads(capsys.readouterr().out)
    card = card_of(load(tmp_path / "face-window.onnx", "cpu"))
    assert card.calibration == tuple(said["calibration"])
    assert card.thresholds == said["thresholds"] != THRESHOLDS
    assert card.quality["min_face_px"] == 40
    assert card.training["calibrated"]["genuine"] == 2 * 80
    judgement = Judgement.of(Job(model=path).load())
    assert judgement.alarm.raise_at == card.thresholds["alert"]


def test_too_few_files_are_no_calibration() -> None:
    with pytest.raises(ConfigError, match="five genuine and five fakes"):
        calibrate.fit(_observed(8))
