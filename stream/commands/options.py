"""The options of every command of the live core. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

from ..config.convert import ENGINES, days, path, port, probability, seconds

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_ABOVE = {
    "preprocess": "cut aligned faces and 16 kHz sound out of videos, for training",
    "train": "train the face or the voice model",
    "evaluate": "measure a model, with confidence intervals",
    "export": "write ONNX, int8 or TensorRT models and prove that they agree",
}
"What the commands found through the entry-point group `truefeed.commands` do, for the list of commands."

_WATCH = """\
examples:
  truefeed watch demo --overlay window           a clip that is genuine at first, then manipulated
  truefeed watch 0 --mic --overlay window        the first camera with the default microphone
  truefeed watch rtsp://user:password@host/live --json
  truefeed watch call.mp4 --pace fast --overlay seen.mp4
  truefeed watch --config streams.yaml           several streams, one model

Ctrl-C ends it at any moment and prints the summary. Data goes to stdout (--json), words to stderr.
exit codes: 0 done or stopped by hand, 1 some source failed, 2 usage, 3 alert raised and --fail-on-alert given."""

_SERVE = """\
examples:
  truefeed serve                                 then open http://localhost:5000
  truefeed serve --data /srv/truefeed --keep 7   another folder; media are kept for a week
  truefeed serve --add-user ann:admin            asks for a password; from then on one has to sign in
  TRUEFEED_TOKEN=... truefeed serve --host 0.0.0.0 --certificate server.pem

Without a user or a token the server answers programs and pages of this machine only. By default a file is deleted as
soon as it was judged; what was found stays until it is deleted.

A browser, OBS or GStreamer publishes by WHIP to /whip/NAME; each publisher is judged as a participant."""

_EXTENSION = """\
examples:
  truefeed extension --out truefeed-extension    then load that folder in chrome://extensions

It watches calls in Google Meet, Microsoft Teams, Zoom, Jitsi and Whereby by itself and on other pages after a click,
and has them judged by `truefeed serve` on this machine."""

_SCAN = """\
examples:
  truefeed scan interview.mp4
  truefeed scan evidence/ --json > results.jsonl
  truefeed scan evidence/ --report results.html --csv results.csv --jobs 4
  truefeed scan archive/ --resume results.jsonl   interrupted, the same command goes on
  truefeed scan portrait.jpg --explain heatmaps/ --report portrait.html
  truefeed scan https://example.org/interview.mp4
  ffmpeg -i rtsp://HOST/live -t 10 -c copy -f matroska - | truefeed scan -
  truefeed scan -- -odd-name.mp4                 a name that starts with a dash

Files are told apart by content, not by name. In a folder, hidden files and what is no media are left out.
exit codes: 0 done, 1 some file failed, 2 usage."""


class _Help(argparse.RawDescriptionHelpFormatter):
    """A wider column for the options, at one width everywhere, so that the help in the documents stays in step."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)


def parser(above: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser.

    Args:
        above: names of installed commands that live above the live core, only listed here.
    """
    root = argparse.ArgumentParser(
        "truefeed",
        description="Tells, while a call or a camera is live, whether its faces and voices are made by a machine.",
        epilog="`truefeed COMMAND --help` tells more; `truefeed watch demo` shows it at work.",
        formatter_class=_Help,
    )
    root.add_argument("-V", "--version", action="version", version=f"truefeed {_version()}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    _watch(_command(commands, "watch", "watch cameras, streams or files live: verdicts, overlay, alerts", _WATCH))
    _scan(_command(commands, "scan", "judge files and folders: video, image, audio", _SCAN))
    _serve(_command(commands, "serve", "the web interface on http://localhost:5000: files, calls, cameras", _SERVE))
    _extension(_command(commands, "extension", "the browser extension that watches calls, as a folder", _EXTENSION))
    for name in (n for n in _ABOVE if n in above):
        commands.add_parser(name, help=_ABOVE[name], add_help=False)
    bench = _command(commands, "bench", "measure the speed of this machine (about 20 s)", None)
    _json(bench, "print one JSON object on stdout")
    _engine(bench)
    doctor = _command(commands, "doctor", "what works on this machine, and what to install for the rest", None)
    _json(doctor, "print one JSON object on stdout")
    return root


def _command(commands: _Commands, name: str, text: str, epilog: str | None) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=epilog, formatter_class=_Help
    )


def _watch(command: argparse.ArgumentParser) -> None:
    # Only what is given arrives, so that the configuration file can tell a default from a wish.
    command.argument_default = argparse.SUPPRESS
    command.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="camera number, /dev/video0, rtsp://, whep+https://, janus+ws://HOST/?room=N, livekit+wss://HOST/ROOM, "
        "a file, or `demo`; several at once are welcome",
    )
    source = command.add_argument_group("the source")
    source.add_argument("--config", type=_as(path), metavar="FILE.yaml", help="several streams with their own settings")
    source.add_argument(
        "--pace", choices=("realtime", "fast"), help="files: as they were recorded (default) or as fast as possible"
    )
    source.add_argument("--transport", choices=("tcp", "udp"), help="how RTSP brings its packets (default tcp)")
    source.add_argument(
        "--stall", type=_as(seconds), metavar="SECONDS", help="no frame for so long: open it anew (default 3)"
    )
    source.add_argument("--no-audio", dest="audio", action="store_false", help="leave the sound of the source alone")
    source.add_argument(
        "--mic",
        nargs="?",
        const="",
        metavar="DEVICE",
        help="take the sound from a microphone, by name or number (none named: the default one)",
    )
    source.add_argument("--seconds", type=_as(seconds), metavar="N", help="stop after so long")
    _call(command)
    _model(command)
    _alarm(command.add_argument_group("the alarm"))
    _watch_output(command.add_argument_group("what it shows"))


def _alarm(alarm: argparse._ArgumentGroup) -> None:
    alarm.add_argument(
        "--alert-at",
        type=_as(probability),
        metavar="P",
        help="probability that raises it (default: the model's)",
    )
    alarm.add_argument(
        "--clear-at",
        type=_as(probability),
        metavar="P",
        help="probability that clears it (default: the model's)",
    )
    alarm.add_argument(
        "--evidence", type=_as(path), metavar="DIR", help="keep a still, a clip and the scores of each alert"
    )
    alarm.add_argument("--webhook", metavar="URL", help="POST each alert there as JSON")
    alarm.add_argument("--fail-on-alert", action="store_true", help="exit with 3 where an alert was raised")


def _call(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("calls (WebRTC)")
    group.add_argument(
        "--token", metavar="TOKEN", help="what the server asks for (better: in the variable TRUEFEED_TOKEN)"
    )
    group.add_argument(
        "--ice-server",
        action="append",
        metavar="URL",
        help="stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT[?transport=tcp]; may be given again (default: none)",
    )
    group.add_argument("--relay-only", action="store_true", help="go through the TURN servers and in no other way")


def _serve(command: argparse.ArgumentParser) -> None:
    command.argument_default = argparse.SUPPRESS
    door = command.add_argument_group("the server")
    door.add_argument("--host", metavar="ADDRESS", help="listen here (default 127.0.0.1; others need a token or users)")
    door.add_argument("--port", type=_as(port), metavar="N", help="listen on this port (default 5000)")
    door.add_argument(
        "--certificate", type=_as(path), metavar="FILE.pem", help="serve HTTPS with this certificate and key"
    )
    door.add_argument(
        "--add-user", metavar="NAME[:ROLE]", help="add a viewer, operator or admin (default), who then has to sign in"
    )
    files = command.add_argument_group("files")
    files.add_argument("--data", type=_as(path), metavar="DIR", help="keep all there (default ~/.local/share/truefeed)")
    files.add_argument(
        "--keep",
        dest="keep_days",
        type=_as(days),
        metavar="DAYS",
        help="keep media for so long (default 0: not at all)",
    )
    files.add_argument("--jobs", type=_as(_jobs), metavar="N", help="files judged at once (default 1)")
    files.add_argument(
        "--allow-private", action="store_true", help="also fetch addresses of this machine and its network"
    )
    door.add_argument("--stall", type=_as(seconds), metavar="SECONDS", help="no sign of life for so long: gone")
    door.add_argument("--no-audio", dest="audio", action="store_false", help="leave the sound alone")
    door.add_argument("--seconds", type=_as(seconds), metavar="N", help="stop after so long")
    _call(command)
    _model(command)
    _alarm(command.add_argument_group("the alarm"))
    _watch_output(command.add_argument_group("what it shows"), overlay=False)


def _watch_output(output: argparse._ArgumentGroup, *, overlay: bool = True) -> None:
    if overlay:
        output.add_argument(
            "--overlay",
            metavar="window|FILE|none",
            help="draw the verdicts: in a window, into a video file (several sources: one file each), or not (default)",
        )
    _json(output, "print events as JSON lines on stdout", default=argparse.SUPPRESS)
    output.add_argument(
        "--metrics-port", type=_as(port), metavar="N", help="serve Prometheus /metrics and /healthz on this port"
    )
    output.add_argument(
        "-q", "--quiet", dest="verbosity", action="store_const", const=-1, help="on stderr only alerts and errors"
    )
    output.add_argument(
        "-v", "--verbose", dest="verbosity", action="store_const", const=1, help="on stderr every verdict"
    )


def _model(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the models")
    _engine(group)
    group.add_argument(
        "--faces", metavar="NAME", help="face detector: centerface (default) or insightface[:MODEL] with your own model"
    )
    group.add_argument(
        "--model",
        type=_as(path),
        metavar="NAME|FILE",
        help="face model: fast (default), or a file or folder of your own",
    )
    group.add_argument(
        "--voice-model",
        type=_as(path),
        metavar="NAME|FILE",
        help="fast or accurate (default), or a file or folder of your own",
    )


def _scan(command: argparse.ArgumentParser) -> None:
    command.argument_default = argparse.SUPPRESS
    command.add_argument(
        "paths", nargs="+", metavar="PATH", help="files, folders, http(s):// addresses; - is standard input"
    )
    _json(command, "print one JSON line a file on stdout")
    command.add_argument(
        "--report", type=_as(path), metavar="FILE.html", help="also write a page to read and to pass on"
    )
    command.add_argument(
        "--csv", type=_as(path), metavar="FILE.csv", help="also write a table, a row a file, for a spreadsheet"
    )
    command.add_argument(
        "--resume",
        type=_as(path),
        metavar="FILE.jsonl",
        help="append each result to this file, and judge no file again that is in it",
    )
    command.add_argument(
        "--explain", type=_as(path), metavar="DIR", help="keep a heat map of each face there: where the evidence lies"
    )
    command.add_argument("--jobs", type=_as(_jobs), metavar="N", help="files judged at once (default 1)")
    command.add_argument(
        "--allow-private", action="store_true", help="also fetch addresses of this machine and its network"
    )
    command.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    _model(command)


def _extension(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out",
        type=_as(path),
        metavar="DIR",
        required=True,
        help="folder to write, or to renew",
    )


def _json(command: argparse._ActionsContainer, text: str, default: object = False) -> None:
    command.add_argument("--json", action="store_true", default=default, help=text)


def _engine(command: argparse._ActionsContainer) -> None:
    command.add_argument("--engine", choices=ENGINES, help="what runs the models (default auto)")


def _jobs(value: object) -> int:
    text = str(value)
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise ValueError(f"must be a number from 1 to 64, not {text!r}")
    return int(text)


def _as(convert: Callable[[object], object]) -> Callable[[str], object]:
    """Let argparse print what the converter says."""

    def typed(text: str) -> object:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


def _version() -> str:
    try:
        return version("truefeed")
    except PackageNotFoundError:
        return "(not installed)"
