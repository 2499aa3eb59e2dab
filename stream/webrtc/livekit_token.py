"""What a LiveKit token (a JWT) says of itself: read to tell soon what is wrong; only the server can verify it."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from ..errors import SourceAuthError


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token allows."""

    room: str | None
    identity: str | None
    hidden: bool
    "The others can't see who joins with it."
    speaks: bool
    "Data packets may be sent."


def read(name: str, token: str | None, room: str | None) -> Grant:
    """Return what a token allows.

    Args:
        name: of the source, for errors.
        token: as the user gave it.
        room: that is to be joined; None: whichever the token names.

    Raises:
        SourceAuthError: there is none, it is no JWT, its time has passed, or it is for something else.
    """
    if not token:
        raise SourceAuthError(f"{name}: LiveKit asks for a token; set TRUEFEED_TOKEN to one with roomJoin")
    claims = _claims(token)
    if claims is None:
        raise SourceAuthError(f"{name}: the token is no LiveKit access token (a JWT: three parts with dots)")
    ends = claims.get("exp")
    if isinstance(ends, int | float) and ends < time.time():
        raise SourceAuthError(f"{name}: the token has expired")
    video = claims.get("video")
    grant: dict[str, Any] = video if isinstance(video, dict) else {}
    if not grant.get("roomJoin"):
        raise SourceAuthError(f"{name}: the token does not allow to join a room (roomJoin)")
    if grant.get("canSubscribe") is False:
        raise SourceAuthError(f"{name}: the token does not allow to receive anything (canSubscribe)")
    allowed = grant.get("room")
    if room is not None and allowed not in (None, "", room):
        raise SourceAuthError(f"{name}: the token is for another room ({allowed})")
    return Grant(
        allowed or room,
        claims.get("sub"),
        bool(grant.get("hidden")),
        grant.get("canPublishData", grant.get("canPublish")) is not False,
    )


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
