"""The settings of `truefeed watch`, from its options and from YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from truefeed.stream.config.build import build
from truefeed.stream.config.settings import WatchSettings
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
        ("streams:\n  - url: a\n    alert_at: 1.2", "line 3: alert_at must be a probability from 0 to 1, not '1.2'"),
        ("streams:\n  - url: a\n    alert_at: yes", "line 3: alert_at must be a probability"),
        ("streams:\n  - url: a\n    stall: 0", "line 3: stall must be a number of seconds above 0"),
        ("streams:\n  - url: a\n    stall: .nan", "line 3: stall must be a number of seconds"),
        ("streams:\n  - url: !secret cam_url", "line 2: the tag !secret is not known here"),
        ("streams:\n  - url: !!binary YQ==", "line 2: the tag !!binary is not known here"),
        ("streams: &s\n  - url: *s", "line 2: expected a single value"),
        ("streams: &s [*s]", "line 1: expected `key: value` lines"),
        ("streams:\n  - &a\n    <<: *a\n    url: b", "line 2: merges itself"),
        ("streams:\n  - url: a\n    name:", "line 3: name has no value"),
        ("streams:\n  - url: a\n    stall: 12:30", "line 3: stall must be a number of seconds"),
        ("streams:\n  - url: a\n    ? [x, y]\n    : b", "line 3: unknown key that is no word"),
        ('streams:\n  - url: a\n    name: "\x00"', "line 3: not valid YAML"),
        ("[" * 5000, "nested too deeply"),
        ("evidence: ~nobody-of-this-name/x\nstreams: [a]", "line 1: evidence must be a path, and there is no home"),
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


@pytest.mark.parametrize(
    "written",
    ["0012345670", "0123", "12:30", "2026-13-45", "2026-01-02", "=", "no", "1_000", "0x1f", "1e3", ".inf", "on"],
)
def test_a_text_is_taken_as_it_is_written(tmp_path: Path, written: str) -> None:
    text = f"streams:\n  - url: whep+https://host/x\n    name: {written}\n    token: {written}"
    (stream,) = _built(tmp_path, text).streams
    assert (stream.name, stream.token) == (written, written)


def test_numbers_and_switches_are_read_as_people_write_them(tmp_path: Path) -> None:
    text = "metrics_port: 09100\njson: yes\nstreams: [{url: a, stall: 1e1, audio: Off, alert_at: '0.5'}]"
    settings = _built(tmp_path, text)
    (stream,) = settings.streams
    assert (settings.metrics_port, settings.json) == (9100, True)
    assert (stream.stall, stream.audio, stream.alert_at) == (10.0, False, 0.5)
    with pytest.raises(ConfigError, match="audio must be true or false, not 'no'"):
        _built(tmp_path, "streams: [{url: a, audio: 'no'}]")


def test_anchors_and_merge_keys_save_writing(tmp_path: Path) -> None:
    text = """
x-camera: &camera {transport: udp, stall: 5}
x-loud: &loud {audio: false, stall: 7}
streams:
  - <<: *camera
    url: rtsp://host/a
  - <<: [*camera, *loud]
    url: rtsp://host/b
  - {<<: *loud, url: rtsp://host/c, stall: 9}
"""
    streams = _built(tmp_path, text).streams
    assert [(s.transport, s.stall, s.audio) for s in streams] == [
        ("udp", 5, True),
        ("udp", 5, False),
        ("tcp", 9, False),
    ]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    text = "evidence: ~/ev\nmodel: ~/face.onnx\nstreams: [{url: ~/a.mp4, overlay: ~/seen.mp4}]"
    settings = _built(tmp_path, text)
    (stream,) = settings.streams
    assert (settings.evidence, settings.model) == (tmp_path / "ev", tmp_path / "face.onnx")
    assert (stream.url, stream.overlay) == (f"{tmp_path}/a.mp4", f"{tmp_path}/seen.mp4")


# Tokens

ONE, OTHER = "whep+https://one.example/a", "janus+wss://other.example/?room=1"


def _tokens(*urls: str, token: str | None = "t0ken") -> list[str | None]:
    return [stream.token for stream in build(list(urls), {"token": token}, None).streams]


def test_a_token_is_for_the_calls_of_one_server() -> None:
    assert _tokens(ONE, "whep+https://one.example:443/b", "rtsp://cam/x") == ["t0ken", "t0ken", "t0ken"]
    assert _tokens(ONE, "whep+https://me@other.example/x") == ["t0ken", None]
    with pytest.raises(
        ConfigError, match=r"--token: a token goes to one server, and 2 are named \(one.example:443, oth"
    ):
        _tokens(ONE, OTHER)
    with pytest.raises(ConfigError, match="2 are named"):
        _tokens(ONE, "whep+https://one.example:8443/a")


def test_the_environments_token_is_for_one_server_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEFEED_TOKEN", "t0ken")
    assert _tokens(ONE, token=None) == ["t0ken"]
    with pytest.raises(ConfigError, match="TRUEFEED_TOKEN: a token goes to one server"):
        _tokens(ONE, OTHER, token=None)


def test_each_stream_of_a_file_may_have_a_token_of_its_own(tmp_path: Path) -> None:
    text = f"streams: [{{url: '{ONE}', token: a}}, {{url: '{OTHER}', token: b}}, 'whep+https://third.example/x']"
    assert [s.token for s in _built(tmp_path, text).streams] == ["a", "b", None]
    assert [s.token for s in _built(tmp_path, text, token="c").streams] == ["a", "b", "c"]
    with pytest.raises(ConfigError, match="token of `defaults`: a token goes to one server"):
        _built(tmp_path, f"defaults: {{token: x}}\nstreams: ['{ONE}', '{OTHER}']")
