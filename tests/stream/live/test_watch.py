"""`truefeed watch` from real files and servers to events."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from clips import moving_face, write_video
from models import write_models
from rtsp_server import RtspServer, available, free_port
from truefeed.stream.cli import main
from truefeed.stream.commands.watch import watch
from truefeed.stream.config.settings import StreamSettings, WatchSettings
from truefeed.stream.open import open_source
from truefeed.stream.scoring.analyzer import Analyzer
from truefeed.stream.scoring.models import Models
from truefeed.stream.sinks.base import Sink
from truefeed.stream.sources import SourceOptions
from truefeed.stream.types import AudioChunk, Frame, StateChange, Verdict
from truefeed.stream.webrtc.arrival import Arrival

ROOT = Path(__file__).parents[3]
SUMMARY = ["event", "frames_read", "frames_scored", "dropped"]

needs_server = pytest.mark.skipif(not available(), reason="gst-rtsp-server is not installed")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a face, with sound; ten pictures a second are enough, and cheap."""
    return write_video(tmp_path_factory.mktemp("clip") / "a face.mp4", moving_face(4, fps=10), fps=10, tone=300)


@pytest.fixture(scope="module")
def server(clip: Path) -> Iterator[RtspServer]:
    with RtspServer(clip, user="me", password="s3cret") as running:
        yield running


def _watch(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["watch", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def _of(events: list[dict[str, Any]], kind: str, source: object = None) -> list[dict[str, Any]]:
    return [e for e in events if e["event"] == kind and (source is None or e["source"] == str(source))]


def test_a_file_gives_states_verdicts_and_a_summary(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, events, err = _watch(capsys, clip, "--pace", "fast")
    assert (code, err) == (0, "")
    assert [e["state"] for e in _of(events, "stream")] == ["online", "ended"]
    verdicts = _of(events, "verdict")
    assert list(verdicts[0]) == ["event", "source", "t", "fake", "status", "reasons", "voice", "faces", "latency_ms"]
    assert list(verdicts[0]["faces"][0]) == ["id", "fake", "box"]
    times = [v["t"] for v in verdicts]
    assert times == sorted(times)
    summary = events[-1]
    assert list(summary)[:4] == SUMMARY
    assert (summary["frames_read"], summary["dropped"]) == (40, 0)
    assert summary["frames_scored"] == len(verdicts)
    assert {
        "alerts",
        "reconnects",
        "decode_errors",
        "latency_ms_p50",
        "latency_ms_p95",
        "seconds",
        "scored_fps",
    } <= set(summary)


def test_a_file_paced_as_live_loses_nothing(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, events, _ = _watch(capsys, clip)
    assert code == 0
    assert (events[-1]["frames_read"], events[-1]["dropped"]) == (40, 0)
    assert events[-1]["seconds"] >= 3.9


def test_the_thread_changes_no_score(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analyzer = Analyzer(Models.load("cpu"), source=str(clip))
    direct: list[Verdict] = []
    for item in open_source(str(clip), SourceOptions(pace="fast")).items(threading.Event()):
        if isinstance(item, Frame) and (verdict := analyzer.frame(item, item.bitrate_kbps)) is not None:
            direct.append(verdict)
        elif isinstance(item, AudioChunk):
            analyzer.audio(item)
    _, events, _ = _watch(capsys, clip, "--pace", "fast", "--engine", "cpu")
    threaded = [(e["t"], e["fake"], e["status"], e["voice"]) for e in _of(events, "verdict")]
    assert threaded == [
        (round(v.t, 3), v.fake and round(v.fake, 4), v.status, v.voice and round(v.voice, 4)) for v in direct
    ]


def test_several_sources_are_told_apart(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_video(tmp_path / "b.mp4", moving_face(2, fps=10), fps=10)
    code, events, err = _watch(capsys, clip, other, clip, tmp_path / "absent.mp4", "--pace", "fast")
    assert code == 1
    assert err.startswith(f"truefeed: {tmp_path / 'absent.mp4'}: no such file")
    assert len(err.splitlines()) == 1
    read = {e["source"]: e["frames_read"] for e in _of(events, "summary")}
    assert read == {str(clip): 40, str(other): 20, f"{clip} (2)": 40, str(tmp_path / "absent.mp4"): 0}
    assert [e["state"] for e in _of(events, "stream", tmp_path / "absent.mp4")] == ["ended"]
    # Fair: the short file is not served after the long ones.
    order = [e["source"] for e in _of(events, "verdict")]
    assert len(set(order[:6])) == 3


@pytest.fixture(scope="module")
def brightness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for which a bright face is a fake."""
    return write_models(tmp_path_factory.mktemp("model"), gain=20, quality={"min_bits": 0})


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that is dark for 3 s, bright for 8 s and dark again for 11 s."""
    light = [0.5] * 15 + [1.7] * 40 + [0.5] * 55
    pictures = [np.clip(p * g, 0, 255).astype(np.uint8) for p, g in zip(moving_face(22, fps=5), light, strict=True)]
    return write_video(tmp_path_factory.mktemp("turning") / "turning.mp4", pictures, fps=5)


def test_an_alert_is_raised_and_cleared(
    turning: Path, brightness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--pace", "fast", "--model", brightness, "--evidence", tmp_path / "kept", "--fail-on-alert"]
    code, events, err = _watch(capsys, turning, *words)
    assert (code, err) == (3, "")
    raised, cleared = _of(events, "alert")
    assert list(raised) == ["event", "raised", "subject", "probability", "t", "evidence", "source"]
    assert (raised["raised"], raised["subject"], cleared["raised"], cleared["subject"]) == (
        True,
        "face 1",
        False,
        "face 1",
    )
    assert 3 < raised["t"] < 10 < cleared["t"]
    assert raised["probability"] >= 0.85
    assert events[-1]["alerts"] == 1
    # The verdict that caused it stands right before it.
    before = events[events.index(raised) - 1]
    assert (before["event"], before["t"], before["status"]) == ("verdict", raised["t"], "fake")
    kept = Path(raised["evidence"])
    assert {"alert.json", "clip.mp4", "frame.jpg", "verdicts.jsonl"} <= {path.name for path in kept.iterdir()}
    last = json.loads((kept / "verdicts.jsonl").read_text().splitlines()[-1])
    assert last == before


def test_the_user_may_set_the_threshold(turning: Path, brightness: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--pace", "fast", "--model", brightness, "--fail-on-alert"]
    code, events, _ = _watch(capsys, turning, *words, "--alert-at", "1", "--clear-at", "0.9")
    assert (code, _of(events, "alert")) == (0, [])


def test_the_overlay_of_each_source_has_a_file(
    clip: Path, turning: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = _watch(
        capsys, clip, turning, clip, "--pace", "fast", "--seconds", "2", "--overlay", tmp_path / "o.mp4"
    )
    assert code == 0
    frames = {path.name: _frames(path) for path in tmp_path.iterdir()}
    assert frames == {"o-a-face.mp4": 20, "o-turning.mp4": 10, "o-a-face-2.mp4": 20}


def _frames(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_the_source_is_not_overwritten(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = clip.read_bytes()
    code, _, err = _watch(capsys, clip, "--overlay", clip)
    assert (code, clip.read_bytes()) == (2, before)
    assert "this is the source itself" in err


def test_a_window_without_a_display_is_refused(
    clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    code, _, err = _watch(capsys, clip, "--overlay", "window")
    assert code == 2
    assert "needs a display" in err


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_the_window_opens_beside_the_decoder(clip: Path) -> None:
    """OpenCV's window and PyAV carry X libraries of the same names; loaded in the wrong order they wait for ever."""
    with subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as screen:
        assert screen.stdout is not None
        display = f":{screen.stdout.readline().strip()}"
        words = [sys.executable, "-m", "truefeed.stream", "watch", str(clip), "--overlay", "window", "--json"]
        environment = {**os.environ, "DISPLAY": display, "QT_LOGGING_RULES": "*=false"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=120)
        screen.terminate()
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["frames_read"] == 40


def test_a_configuration_file_names_the_streams(
    clip: Path, turning: Path, brightness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "streams.yaml"
    file.write_text(
        f"model: {brightness}\ndefaults: {{pace: fast}}\nstreams:\n"
        f"  - {{name: left, url: '{turning}', overlay: '{tmp_path / 'left.mp4'}'}}\n"
        f"  - {{name: right, url: '{clip}', audio: false}}\n"
    )
    code, events, _ = _watch(capsys, "--config", file)
    assert code == 0
    assert {e["source"] for e in events} == {"left", "right"}
    assert {a["source"] for a in _of(events, "alert")} == {"left"}
    assert _frames(tmp_path / "left.mp4") == 110


def test_a_sound_without_picture_gives_verdicts_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "tone.wav", np.sin(np.arange(160000) / 20) * 0.3, 16000)
    code, events, _ = _watch(capsys, tmp_path / "tone.wav", "--pace", "fast")
    assert code == 0
    assert events[-1]["event"] == "summary"
    assert all(v["faces"] == [] for v in _of(events, "verdict"))


def test_seconds_ends_a_file_by_its_own_time(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, events, _ = _watch(capsys, clip, "--pace", "fast", "--seconds", "2")
    assert code == 0
    assert max(v["t"] for v in _of(events, "verdict")) < 2
    assert [e["state"] for e in _of(events, "stream")] == ["online", "ended"]


def test_run_stream_takes_what_watch_takes(clip: Path) -> None:
    words = [sys.executable, str(ROOT / "run_stream.py"), str(clip), "--pace", "fast", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["frames_read"] == 40


@pytest.mark.parametrize("name", ["-odd.mp4", "with  space.mp4", "ümläut ☃.mp4", "a%03d.mp4", "http:x.mp4", "0"])
def test_odd_names(clip: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(clip.read_bytes())
    spec = f"./{name}" if name == "0" else name
    words = [sys.executable, "-m", "truefeed.stream", "watch", "--pace", "fast", "--json", "--seconds", "1", "--", spec]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("content", [b"", b"no media at all\n", bytes(2000)])
def test_what_is_no_media_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    code, events, err = _watch(capsys, path)
    assert code == 1
    assert err.startswith(f"truefeed: {path}: ")
    assert len(err.splitlines()) == 1
    assert [e["event"] for e in events] == ["stream", "summary"]


@needs_server
def test_a_stream_over_rtsp(server: RtspServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, events, err = _watch(capsys, server.url, "--seconds", "6")
    assert (code, err) == (0, "")
    source = server.url.replace("me:s3cret", "***")
    assert [e["state"] for e in _of(events, "stream", source)] == ["online", "ended"]
    times = [v["t"] for v in _of(events, "verdict", source)]
    assert times
    assert times == sorted(times)
    assert "s3cret" not in json.dumps(events)


@needs_server
def test_wrong_credentials_and_addresses_are_one_line_each(
    server: RtspServer, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = server.url.replace("s3cret", "n0pe")
    nobody = f"rtsp://me:n0pe@127.0.0.1:{free_port()}/live"
    nothing = server.url.replace("/live", "/nothing")
    code, events, err = _watch(capsys, wrong, nobody, nothing)
    assert code == 1
    assert "n0pe" not in err + json.dumps(events)
    lines = err.splitlines()
    assert len(lines) == 3
    assert any("refused the user or the password" in line for line in lines)
    assert any("connection refused" in line for line in lines)
    assert any("no such stream" in line for line in lines)


class _Running:
    """A watch in a process of its own, whose events are read as they come."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "truefeed.stream", "watch", *words, "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events: list[dict[str, Any]] = []

    def until(self, kind: str, **values: object) -> dict[str, Any]:
        """Read on to an event of that kind with those values."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            assert len(self.events) < 2000, f"no {kind} {values}: {self.events[-3:]}"
            if event["event"] == kind and all(event.get(k) == v for k, v in values.items()):
                return dict(event)
        _, err = self.process.communicate()
        raise AssertionError(f"ended without {kind} {values}: {self.events[-3:]} {err}")

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send the signal; return the exit code and what was written to stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        self.events += [json.loads(line) for line in out.splitlines()]
        return self.process.returncode, err


@needs_server
def test_a_killed_server_is_noticed_and_found_again(clip: Path) -> None:
    with RtspServer(clip) as server:
        running = _Running(server.url, "--stall", "2")
        while "too-short" in running.until("verdict")["reasons"]:
            pass  # the window fills
        server.kill()
        running.until("stream", state="retrying")
        server.restart()
        running.until("stream", state="online")
        fresh = running.until("verdict")
        assert fresh["reasons"] == ["too-short"]  # the window began anew
        code, err = running.end()
    assert (code, err) == (0, "")
    assert running.events[-1]["reconnects"] == 1


@needs_server
def test_a_frozen_server_is_noticed(clip: Path) -> None:
    with RtspServer(clip) as server:
        running = _Running(server.url, "--stall", "1")
        running.until("verdict")
        server.freeze()
        running.until("stream", state="stalled")
        code, err = running.end(signal.SIGTERM)
        server.thaw()
    assert (code, err) == (0, "")
    assert [e["state"] for e in running.events if e["event"] == "stream"][-1] == "ended"
    assert running.events[-1]["event"] == "summary"


@needs_server
def test_an_end_while_a_frozen_server_is_being_opened(clip: Path) -> None:
    with RtspServer(clip) as server:
        server.freeze()
        running = _Running(server.url, "-v")
        assert running.process.stderr is not None
        assert running.process.stderr.readline().endswith("connecting\n")
        code, err = running.end()
        server.thaw()
    assert code == 0
    assert "Traceback" not in err
    assert running.events[-1]["event"] == "summary"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_summary(clip: Path, number: signal.Signals) -> None:
    running = _Running(str(clip), str(clip))
    running.until("verdict")
    code, err = running.end(number)
    assert (code, err) == (0, "")
    assert [e["event"] for e in running.events[-2:]] == ["stream", "summary"]
    assert len(_of(running.events, "summary")) == 2


def test_a_reader_that_goes_away_ends_it_quietly(clip: Path) -> None:
    running = _Running(str(clip))
    running.until("verdict")
    assert running.process.stdout is not None
    assert running.process.stderr is not None
    running.process.stdout.close()
    assert running.process.wait(timeout=20) == 0
    assert running.process.stderr.read() == ""
    running.process.stderr.close()


def test_a_reader_that_sleeps_holds_up_neither_the_watching_nor_the_end() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    words = ["watch", "lavfi:testsrc=size=64x48:rate=25,realtime", "--json", "--seconds", "6", "--engine", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "truefeed.stream", *words], stdout=write, stderr=subprocess.PIPE, text=True, timeout=120
    )
    os.close(write)
    with os.fdopen(read) as lines:
        assert json.loads(lines.readline())["state"] == "online"
    assert done.returncode == 1
    assert re.search(r"truefeed: [1-9]\d* of the events on standard output not written\n$", done.stderr)


def test_no_thread_is_left(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    _watch(capsys, clip, "--seconds", "1")
    assert set(threading.enumerate()) <= before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not [n for n in os.listdir("/proc/self/fd") if _is(n, clip)]  # noqa: PTH208


def _is(number: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{number}") == str(path)  # noqa: PTH115
    except OSError:
        return False


def test_a_name_that_cannot_be_encoded_is_shown_with_a_replacement_sign(
    turning: Path, brightness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte that is no UTF-8 in a file's name and in the names of folder and overlay: drawn, kept and told."""
    odd = Path(shutil.copy(turning, tmp_path / os.fsdecode(b"caf\xe9.mp4")))
    kept, overlay = tmp_path / os.fsdecode(b"ev\xe9"), tmp_path / os.fsdecode(b"o\xe9.mp4")
    words = ["--pace", "fast", "--model", brightness, "--evidence", kept, "--overlay", overlay, "--seconds", "10"]
    code, events, err = _watch(capsys, odd, *words)
    assert (code, err) == (0, "")
    assert {e["source"] for e in events} == {f"{tmp_path}/caf\ufffd.mp4"}
    raised, cleared = _of(events, "alert")
    assert (cleared["raised"], cleared["detail"]) == (False, "the source has ended")
    (folder,) = kept.iterdir()
    assert os.fsencode(raised["evidence"]) == os.fsencode(folder)  # a JSON escape keeps the path whole
    about = json.loads((folder / "alert.json").read_text("utf-8"))
    assert about["alert"]["source"] == f"{tmp_path}/caf\ufffd.mp4"
    assert {"frame.png", "frame.jpg", "verdicts.jsonl", "manifest.json"} <= {path.name for path in folder.iterdir()}
    with av.open(str(overlay)) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) > 20


def test_a_name_in_the_configuration_may_hold_half_a_character(
    turning: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "streams.yaml"
    entry = f'- {{url: "{turning}", name: "door \\uD83D", pace: fast, overlay: "{tmp_path}/seen.mp4"}}'
    config.write_text(f"streams:\n  {entry}\n")
    code, events, err = _watch(capsys, "--config", config, "--seconds", "2")
    assert (code, err) == (0, "")
    assert {e["source"] for e in events} == {"door \ufffd"}
    assert (tmp_path / "seen.mp4").stat().st_size > 1000


def test_alerts_that_could_not_be_delivered_are_told_and_fail_the_run(
    turning: Path, brightness: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--pace", "fast", "--model", brightness, "--webhook", f"http://127.0.0.1:{free_port()}/Überwachung"]
    code, events, err = _watch(capsys, turning, *words)
    assert (code, len(_of(events, "alert"))) == (1, 2)
    assert err.splitlines()[-1].startswith("truefeed: 2 alerts not delivered to http://127.0.0.1:")


class Heard(Sink):
    """Remembers whose results it was given."""

    def __init__(self) -> None:
        self.sources: set[str] = set()

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self.sources.add(verdict.source)

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        self.sources.add(source)


class OneGuest:
    """A room into which one person comes, whose name is that of the guest of every other room."""

    ended = False
    sink = None

    def __init__(self, name: str, clip: Path) -> None:
        self.name, self.results, self.heard = name, Heard(), Heard()
        self._coming = [Arrival("Ann", open_source(str(clip), SourceOptions(pace="fast")), self.heard)]

    def start(self, wake: threading.Event) -> None:
        pass

    def arrivals(self) -> list[Arrival]:
        came, self._coming, self.ended = self._coming, [], True
        return came

    def changes(self) -> list[StateChange]:
        return []

    def close(self) -> None:
        pass


def test_the_guests_of_two_rooms_are_told_of_themselves_alone(clip: Path, tmp_path: Path) -> None:
    rooms = [OneGuest("one", clip), OneGuest("two", clip)]
    settings = WatchSettings(streams=(), model=write_models(tmp_path), json=True)
    out = io.StringIO()
    assert watch(settings, out, io.StringIO(), rooms=[(room, StreamSettings("call")) for room in rooms]) == 0
    assert [room.heard.sources for room in rooms] == [{"one#Ann"}, {"two#Ann"}]
    assert [room.results.sources for room in rooms] == [set(), set()]
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {e["source"] for e in events} == {"one#Ann", "two#Ann"}


def test_a_source_whose_scoring_fails_ends_alone(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_models(tmp_path, batch=1)
    pictures = [np.hstack([picture, picture]) for picture in moving_face(3, fps=10, size=(360, 360))]
    crowd = write_video(tmp_path / "two faces.mp4", pictures, fps=10)
    code, events, err = _watch(capsys, crowd, clip, "--pace", "fast", "--model", model)
    assert code == 1
    assert err.count("scoring failed 3 times in a row") == 1
    assert str(crowd) in err
    assert [e["state"] for e in _of(events, "stream", crowd)] == ["online", "ended"]
    assert _of(events, "summary", clip)[0]["frames_read"] == 40
    assert _of(events, "verdict", clip)


def test_no_alert_outlives_its_source(brightness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bright = [np.clip(picture * 1.7, 0, 255).astype(np.uint8) for picture in moving_face(5, fps=5)]
    path = write_video(tmp_path / "bright.mp4", bright, fps=5)
    code, events, _ = _watch(capsys, path, "--pace", "fast", "--model", brightness)
    assert code == 0
    assert [(e["raised"], e["subject"], e.get("detail")) for e in _of(events, "alert")] == [
        (True, "face 1", None),
        (False, "face 1", "the source has ended"),
    ]
    assert [e["event"] for e in events][-3:] == ["alert", "stream", "summary"]
