"""`truefeed serve`: the web interface. Files, calls and cameras come in, and a page shows what is thought of them."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..config.build import build
from ..config.option import of
from ..config.serve_settings import DoorSettings
from ..config.settings import StreamSettings, WatchSettings
from ..errors import ConfigError
from ..live.room import Room
from .watch import options_of, watch


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed serve`; returns the exit code."""
    from ..web.options import WebOptions
    from ..web.server import WebServer

    given = vars(arguments)
    web, door = of(WebOptions, given), of(DoorSettings, given)
    if "add_user" in given:
        return _add_user(given["add_user"], web.data)
    # Participants are settings without a URL of their own.
    settings = build(["call"], given, None)
    (stream,) = settings.streams
    web = replace(web, evidence=settings.evidence)

    def greet(url: str) -> None:
        if settings.verbosity > 0 or (settings.verbosity == 0 and not settings.json):
            sys.stderr.write(f"truefeed: open {url} in a browser\n")
            sys.stderr.flush()

    server = WebServer(options_of(stream, settings), web, _models(settings), greet=greet, **asdict(door))
    cameras = replace(stream, evidence=web.data / "alerts")
    rooms: list[tuple[Room, StreamSettings]] = [(server, stream), (server.streams, cameras)]
    try:
        return watch(replace(settings, streams=()), sys.stdout, sys.stderr, rooms=rooms)
    finally:
        server.close()


def _models(settings: WatchSettings) -> dict[str, Any]:
    """Return what the processes that judge files are told."""
    files = {"model": settings.model, "voice_model": settings.voice_model}
    return {
        "engine": settings.engine,
        "faces": settings.faces,
        **{key: str(file) for key, file in files.items() if file is not None},
    }


def _add_user(wish: str, data: Path) -> int:
    """Add a user to the server of a folder, which may be running, and return."""
    from ..web.database import Database
    from ..web.users import Users

    name, _, role = wish.partition(":")
    if not name:
        raise ConfigError(f"--add-user {wish}: write NAME or NAME:ROLE")
    password = os.environ.get("TRUEFEED_PASSWORD") or getpass.getpass(f"Password for {name}: ")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(data / "truefeed.sqlite")
    try:
        Users(database).add(name, role or "admin", password)
    finally:
        database.close()
    return 0
