"""Every error that truefeed raises on purpose.

TruefeedError
    SourceError(ConnectionError)        a camera, a stream or a file could not be opened or read
        SourceNotFoundError(FileNotFoundError)
        SourceAuthError(PermissionError)
    MissingExtraError(ImportError)           an optional package is absent; the message names the extra
    ConfigError(ValueError)             a setting or a configuration file is wrong
    ScoringError(RuntimeError)          the scores of one source failed again and again; the others go on
    EngineError(RuntimeError)           lives in truefeed.engines, below this package

Each is also the built-in error a caller would expect. Messages name the file or the URL with credentials removed
(see `redaction`).
"""

from __future__ import annotations


class TruefeedError(Exception):
    """Base of every error raised on purpose; its text is fit to be shown to a user."""


class SourceError(TruefeedError, ConnectionError):
    """A source could not be opened or read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is no such file, device or stream."""


class SourceAuthError(SourceError, PermissionError):
    """The server refused the credentials."""


class MissingExtraError(TruefeedError, ImportError):
    """An optional package is absent."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'truefeed[{extra}]'")


class ScoringError(TruefeedError, RuntimeError):
    """The scoring of one source failed again and again."""


class ConfigError(TruefeedError, ValueError):
    """A setting or a configuration file is wrong."""
