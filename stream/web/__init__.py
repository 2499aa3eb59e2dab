"""The web interface of `truefeed serve`: pages, the HTTP interface, jobs and what they keep."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtraError

for _module, _package in (("fastapi", "fastapi"), ("uvicorn", "uvicorn"), ("argon2", "argon2-cffi")):
    if find_spec(_module) is None:
        raise MissingExtraError(_package, "web")
