"""The command line: finds the command, runs it, and turns every expected error into one line and an exit code.

Exit codes: 0 done (also when a person stops a live stream), 1 some input failed, 2 usage, 3 an alert was raised and
--fail-on-alert was given, 130 interrupted before the work was done.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from . import signals
from .commands.options import parser
from .errors import ConfigError, TruefeedError
from .redaction import encodable, redact


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; argv without the program's name. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _prepare()
    try:
        code = _run(words)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a usage error
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:
        _abandon_stdout()  # the reader (`| head`) has what it wanted
        return 0
    except KeyboardInterrupt:
        return 130
    except TruefeedError as error:
        return _say(redact(str(error)), 2 if isinstance(error, ConfigError) else 1)
    except RuntimeError as error:
        from ..engines import EngineError  # not before: it loads numpy

        if not isinstance(error, EngineError):
            raise
        return _say(redact(str(error)), 1)
    except ImportError as error:  # a package is damaged, or a system library that it needs is absent
        return _say(f"{error}; run `truefeed doctor`", 1)
    except OSError as error:  # the disk is full, standard output is gone
        _abandon_stdout()
        return _say(redact(str(error)), 1)
    return code


def _prepare() -> None:
    """Make the standard streams fit for what is written to them."""
    # Closed (`>&-`, a service without a terminal) they are None, and nobody wants to ask at every write.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _Words(sys.stderr.detach(), sys.stderr.encoding, "backslashreplace", line_buffering=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8 whatever the locale, and a file name that is no UTF-8 (a lone surrogate) becomes a JSON escape.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


class _Words(io.TextIOWrapper):
    """Standard error, which also takes what nobody here has written: usage errors, tracebacks, a library's warnings."""

    def write(self, text: str, /) -> int:
        super().write(encodable(redact(text)))
        return len(text)


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"truefeed: {text}\n")
    return code


def _abandon_stdout() -> None:
    """Send what is still to be written nowhere; the interpreter would complain once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    extra = {e.name: e for e in entry_points(group="truefeed.commands")}
    if words and words[0] in extra:
        return _call(extra[words[0]], words[1:])
    if not words:
        parser(tuple(extra)).print_help(sys.stderr)
        return 2
    arguments = parser(tuple(extra)).parse_args(words)
    # Imported only now: `truefeed --help` need not load OpenCV.
    command = import_module(f".commands.{arguments.command}", __package__).command
    signals.interrupt_is_raised()
    return int(command(arguments))


def _call(entry: EntryPoint, words: list[str]) -> int:
    """Run a command that lives above the live core and may need packages that the base install has not."""
    try:
        command = entry.load()
        signals.interrupt_is_raised()
        return int(command(words))
    except ModuleNotFoundError as error:
        extra = "export" if entry.name == "export" else "train"
        raise TruefeedError(f"{error.name} is not installed: pip install 'truefeed[{extra}]'") from error
