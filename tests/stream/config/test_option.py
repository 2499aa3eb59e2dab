"""An option is declared once: the command line and the file set the same field to the same value."""

from __future__ import annotations

from pathlib import Path

import pytest
from truefeed.stream.commands.options import parser
from truefeed.stream.config.build import build
from truefeed.stream.config.option import options
from truefeed.stream.config.settings import StreamSettings, WatchSettings

GIVEN = [
    ("transport", "--transport", "udp"),
    ("audio", "--no-audio", "false"),
    ("mic", "--mic", "USB Audio"),
    ("pace", "--pace", "fast"),
    ("stall", "--stall", "5"),
    ("overlay", "--overlay", "seen.mp4"),
    ("alert_at", "--alert-at", "0.8"),
    ("clear_at", "--clear-at", "0.2"),
    ("token", "--token", "t0ken"),
    ("ice_server", "--ice-server", "stun:host:3478"),
    ("relay_only", "--relay-only", "true"),
    ("engine", "--engine", "cpu"),
    ("faces", "--faces", "insightface"),
    ("model", "--model", "face.onnx"),
    ("voice_model", "--voice-model", "accurate"),
    ("json", "--json", "true"),
    ("seconds", "--seconds", "7.5"),
    ("evidence", "--evidence", "kept"),
    ("webhook", "--webhook", "http://host/x"),
    ("metrics_port", "--metrics-port", "9100"),
    ("fail_on_alert", "--fail-on-alert", "true"),
]


def _of_the_command_line(*words: str) -> WatchSettings:
    given = vars(parser().parse_args(["watch", "a.mp4", *words]))
    return build(given["sources"], given, None)


@pytest.mark.parametrize(("name", "flag", "value"), GIVEN, ids=[name for name, _, _ in GIVEN])
def test_command_line_and_file_say_the_same(tmp_path: Path, name: str, flag: str, value: str) -> None:
    switch = value in ("true", "false")
    typed = _of_the_command_line(flag, *([] if switch else [value]))
    file = tmp_path / "run.yaml"
    of_stream = name in options(StreamSettings)
    file.write_text(
        f"streams: [{{url: a.mp4, {name}: '{value}'}}]" if of_stream else f"{name}: '{value}'\nstreams: [a.mp4]"
    )
    if switch:
        file.write_text(file.read_text().replace("'", ""))
    assert typed == build([], {}, file)
    assert typed != _of_the_command_line()


def test_each_option_is_among_them() -> None:
    """What a WebRTC room shows of this peer is for the file alone."""
    assert {*options(StreamSettings, WatchSettings)} == {"title", *(name for name, _, _ in GIVEN)}
