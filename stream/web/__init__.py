"""The web interface of `truefeed serve`: pages, the HTTP interface, jobs and what they keep."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtraError


def _absent(module: str) -> bool:
    try:
        return find_spec(module) is None
    except ModuleNotFoundError:
        return True


for _module, _package in (("fastapi", "fastapi"), ("uvicorn", "uvicorn"), ("argon2", "argon2-cffi")):
    if _absent(_module):  # looked for and not loaded: the processes that judge files need none of them
        raise MissingExtraError(_package, "web")
