"""The options of every command of the live core. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias

from ..config.convert import Choice, microphone, path, switch, text, texts, word
from ..config.option import Option, options
from ..config.scan_settings import ScanSettings
from ..config.serve_settings import DoorSettings, FileSettings
from ..config.settings import ModelSettings, ReportSettings, StreamSettings, WatchSettings
from .examples import EXTENSION, SCAN, SERVE, WATCH

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_ABOVE = {
    "preprocess": "cut aligned faces and 16 kHz sound out of videos, for training",
    "train": "train the face or the voice model",
    "evaluate": "measure a model, with confidence intervals",
    "export": "write ONNX, int8 or TensorRT models and prove that they agree",
}
"What the commands found through the entry-point group `truefeed.commands` do, for the list of commands."

_MODELS = {"the models": tuple(options(ModelSettings))}
_LIVE = {
    "calls (WebRTC)": ("token", "ice_server", "relay_only"),
    **_MODELS,
    "the alarm": ("alert_at", "clear_at", "evidence", "webhook", "fail_on_alert"),
}
_SHOWN = ("json", "metrics_port", "quiet", "verbose")
_WATCH = {
    "the source": ("config", "pace", "transport", "stall", "audio", "mic", "seconds"),
    **_LIVE,
    "what it shows": ("overlay", *_SHOWN),
}
_SERVE = {
    "the server": (*options(DoorSettings), "add_user", "stall", "audio", "seconds"),
    "files": tuple(options(FileSettings)),
    **_LIVE,
    "what it shows": _SHOWN,
}
_SCAN = {"": tuple(name for name in options(ScanSettings) if name not in options(ModelSettings)), **_MODELS}
"The options of a command, by the heading that they stand under; empty: the command's own."

_VERBOSITY = {"action": "store_const", "dest": "verbosity"}
_WATCHED = {
    **options(StreamSettings, WatchSettings),
    "config": Option("several streams with their own settings", path, "FILE.yaml"),
    "quiet": Option("on stderr only alerts and errors", flags=("-q", "--quiet"), more={**_VERBOSITY, "const": -1}),
    "verbose": Option("on stderr every verdict", flags=("-v", "--verbose"), more={**_VERBOSITY, "const": 1}),
}
_SERVED = {
    **_WATCHED,
    **options(DoorSettings, FileSettings),
    "add_user": Option("add a viewer, operator or admin (default), who then has to sign in", metavar="NAME[:ROLE]"),
    # Of a participant of a call, not of a source.
    "stall": replace(_WATCHED["stall"], help="no sign of life for so long: gone"),
    "audio": replace(_WATCHED["audio"], help="leave the sound alone"),
}


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
    _watch(commands)
    _scan(commands)
    _serve(commands)
    _extension(commands)
    for name in (n for n in _ABOVE if n in above):
        commands.add_parser(name, help=_ABOVE[name], add_help=False)
    bench = _command(commands, "bench", "measure the speed of this machine (about 20 s)")
    _add(bench, {"": ("json", "engine")}, options(ReportSettings))
    doctor = _command(commands, "doctor", "what works on this machine, and what to install for the rest")
    _add(doctor, {"": ("json",)}, options(ReportSettings))
    return root


def _watch(commands: _Commands) -> None:
    text = "watch cameras, streams or files live: verdicts, overlay, alerts"
    command = _command(commands, "watch", text, WATCH)
    command.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="camera number, /dev/video0, screen or screen:WINDOW, rtsp://, rtmp+listen://HOST:PORT/live/KEY, "
        "whep+https://, janus+ws://HOST/?room=N, livekit+wss://HOST/ROOM, a file, or `demo`; several at once are "
        "welcome",
    )
    _add(command, _WATCH, _WATCHED)


def _scan(commands: _Commands) -> None:
    text = "judge files and folders: video, image, audio"
    command = _command(commands, "scan", text, SCAN)
    command.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files, folders, addresses (http(s)://, s3://, gs:// and what else fsspec reaches); - is standard input",
    )
    _add(command, _SCAN, options(ScanSettings))


def _serve(commands: _Commands) -> None:
    text = "the web interface on http://localhost:5000: files, calls, cameras"
    command = _command(commands, "serve", text, SERVE)
    _add(command, _SERVE, _SERVED)


def _extension(commands: _Commands) -> None:
    command = _command(commands, "extension", "the browser extension that watches calls, as a folder", EXTENSION)
    out = Option("folder to write, or to renew", path, "DIR", more={"required": True})
    _add(command, {"": ("out",)}, {"out": out})


def _command(commands: _Commands, name: str, text: str, examples: str | None = None) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=examples, formatter_class=_Help
    )
    # Only what is given arrives, so that the configuration file can tell a default from a wish.
    command.argument_default = argparse.SUPPRESS
    return command


def _add(command: argparse.ArgumentParser, headings: Mapping[str, Sequence[str]], known: Mapping[str, Option]) -> None:
    """Add options under their headings."""
    for title, names in headings.items():
        group = command.add_argument_group(title) if title else command
        for name in names:
            way = known[name]
            flags = way.flags or ("--" + name.replace("_", "-"),)
            group.add_argument(*flags, **{"dest": name, "help": way.help, **_reading(way), **way.more})


def _reading(way: Option) -> dict[str, Any]:
    """Return how argparse is to read an option."""
    if "action" in way.more:
        return {}
    if way.convert is switch:
        return {"action": "store_false" if way.flags and way.flags[0].startswith("--no-") else "store_true"}
    if isinstance(way.convert, Choice):
        return {"choices": way.convert.allowed}
    if way.convert is texts:
        return {"action": "append", "metavar": way.metavar}
    # A text arrives as the shell made it.
    typed = {} if way.convert in (text, word, microphone) else {"type": _as(way.convert)}
    return {"metavar": way.metavar, **typed}


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
