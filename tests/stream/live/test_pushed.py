"""`truefeed watch rtmp+listen://...`: alerts end with the publisher who caused them, and Ctrl-C ends it at once."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np
from clips import moving_face, write_video
from models import write_models
from rtmp_publishers import ffmpeg
from webrtc_runs import free_port, truefeed


def _publish(clip: Path, url: str) -> subprocess.Popen[str]:
    """Try until somebody listens: the port is open once the models are loaded, which nothing on stdout tells."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        publisher = ffmpeg(clip, url)
        try:
            _, said = publisher.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            return publisher
    raise AssertionError(said)


def test_a_publisher_who_leaves_takes_the_alert_along_and_may_return(tmp_path: Path) -> None:
    bright = [np.clip(picture * 1.7, 0, 255).astype(np.uint8) for picture in moving_face(8, fps=5)]
    clip = write_video(tmp_path / "bright.mp4", bright, fps=5, tone=300)
    model = write_models(tmp_path, gain=20, quality={"min_bits": 0})
    port, key = free_port(), "s3cr3t-k3y"
    config = tmp_path / "streams.yaml"
    config.write_text(f"streams:\n  - url: rtmp+listen://127.0.0.1:{port}/live/${{KEY}}\n    name: meeting\n")
    with truefeed("watch", "--config", config, "--model", model, env={"KEY": key}) as running:
        url = f"rtmp://127.0.0.1:{port}/live/{key}"
        publisher = _publish(clip, url)
        running.wait(60, event="alert", raised=True, source="meeting")
        publisher.kill()
        publisher.communicate()
        cleared = running.wait(60, event="alert", raised=False, source="meeting")
        ended = running.wait(60, event="stream", state="ended", source="meeting")
        assert cleared["detail"] == "the source has ended"
        assert "waiting for a publisher" in ended["detail"]
        left = len(running.events)
        publisher = _publish(clip, url)
        running.wait(60, left, event="stream", state="online", source="meeting")
        running.wait(60, left, event="verdict", source="meeting")
        publisher.kill()
        publisher.communicate()
        asked = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - asked < 5
        assert running.of(event="summary")[0]["reconnects"] == 1
        assert key not in f"{running.events}{running.errors}"
