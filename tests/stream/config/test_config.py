"""The settings of `truefeed watch`, from its options and from YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from truefeed.stream.config.settings import WatchSettings, build
from truefeed.stream.errors import ConfigError

ROOT = Path(__file__).parents[3]


def _written(folder: Path, text: str) -> Path:
    path = folder / "streams.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _built(folder: Path, text: str, **options: object) -> WatchSettings:
    return build([], options, _written(folder, text))


def test_sources_of_the_command_line_share_its_options() -> None:
    settings = build(["a.mp4", "0"], {"stall": 5.0, "json": True, "alert_at": 0.7}, None)
    assert [(s.url, s.stall, s.alert_at) for s in settings.streams] == [("a.mp4", 5.0, 0.7), ("0", 5.0, 0.7)]
    assert settings.json
    assert settings.engine == "auto"


def test_a_stream_beats_the_defaults_and_the_command_line_beats_both(tmp_path: Path) -> None:
    text = """
engine: cpu
defaults: {stall: 4, transport: udp, overlay: none}
streams:
  - {name: one, url: rtsp://host/a, stall: 6}
  - rtsp://host/b
"""
    settings = _built(tmp_path, text)
    assert [(s.name, s.stall, s.transport) for s in settings.streams] == [("one", 6.0, "udp"), (None, 4.0, "udp")]
    assert settings.engine == "cpu"
    again = _built(tmp_path, text, stall=9.0, engine="openvino")
    assert [s.stall for s in again.streams] == [9.0, 9.0]
    assert again.engine == "openvino"


def test_sources_named_beside_a_file_are_added_to_it(tmp_path: Path) -> None:
    path = _written(tmp_path, "defaults: {stall: 4}\nstreams: [a.mp4]")
    assert [(s.url, s.stall) for s in build(["b.mp4"], {}, path).streams] == [("a.mp4", 4.0), ("b.mp4", 4.0)]


def test_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR", "p:w: #x")
    monkeypatch.delenv("NOT_THERE", raising=False)
    text = "streams: [{url: 'rtsp://me:${DOOR}@${HOST_OF_IT:-door.local}/$${x}', stall: '${NOT_THERE:-7}'}]"
    (stream,) = _built(tmp_path, text).streams
    assert (stream.url, stream.stall) == ("rtsp://me:p:w: #x@door.local/${x}", 7.0)
    with pytest.raises(ConfigError, match=r"line 2: url needs the environment variable NOT_THERE, which is not set"):
        _built(tmp_path, "streams:\n  - url: rtsp://${NOT_THERE}@host")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("streams:\n  - url: a\n    overlya: b", r"line 3: unknown key 'overlya'; known here: .*overlay"),
        ("sterams: []", "line 1: unknown key 'sterams'"),
        ("defaults:\n  url: a", "line 2: unknown key 'url'"),
        ("streams:\n  - url: a\n    alert_at: 1.2", "line 3: alert_at must be a probability from 0 to 1, not 1.2"),
        ("streams:\n  - url: a\n    alert_at: yes", "line 3: alert_at must be a probability"),
        ("streams:\n  - url: a\n    stall: 0", "line 3: stall must be a number of seconds above 0"),
        ("streams:\n  - url: a\n    stall: .nan", "line 3: stall must be a number of seconds"),
        ("streams:\n  - url: a\n    transport: quic", "line 3: transport must be tcp or udp, not 'quic'"),
        ("streams:\n  - url: a\n    audio: maybe", "line 3: audio must be true or false"),
        ("streams:\n  - url: [a]", "line 2: url must be a text"),
        ("streams:\n  - name: a", "line 2: this stream has no `url`"),
        ("streams: {url: a}", "line 1: streams must be a list"),
        ("- a\n- b", "line 1: expected `key: value` lines"),
        ("streams:\n  - url: a\n    url: b", "line 3: 'url' is given twice"),
        ("streams:\n  - url: a\n   name: b", "line 3: not valid YAML"),
        ("metrics_port: 99999\nstreams: [a]", "line 1: metrics_port must be a port"),
        ("streams: [{url: a, alert_at: 0.4, clear_at: 0.5}]", "clear-at .0.5. must not be above alert-at"),
        ("streams: [{url: a, name: x}, {url: b, name: x}]", "two streams are named 'x'"),
        ("engine: cpu", "no SOURCE given"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _built(tmp_path, text)


def test_a_dash_in_a_key_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    assert _built(tmp_path, "streams: [{url: a, alert-at: 0.8}]").streams[0].alert_at == 0.8


@pytest.mark.parametrize(("text", "mic"), [("true", ""), ("false", None), ("3", "3"), ("USB Audio", "USB Audio")])
def test_a_microphone_is_default_none_or_named(tmp_path: Path, text: str, mic: str | None) -> None:
    assert _built(tmp_path, f"streams: [{{url: 0, mic: {text}}}]").streams[0].mic == mic


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file"):
        build([], {}, tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml: not a text file in UTF-8"):
        build([], {}, tmp_path / "binary.yaml")
    with pytest.raises(ConfigError, match="is a directory"):
        build([], {}, tmp_path)


def test_one_microphone_cannot_serve_two_sources() -> None:
    with pytest.raises(ConfigError, match="--mic goes with one SOURCE"):
        build(["a", "b"], {"mic": ""}, None)


def test_the_example_is_valid() -> None:
    settings = build([], {}, ROOT / "examples" / "streams.yaml")
    assert [s.name for s in settings.streams] == ["reception", "desk", "archive"]
    assert settings.streams[1].mic == ""
    assert settings.streams[0].url == "rtsp://viewer:secret@192.0.2.20/live"
