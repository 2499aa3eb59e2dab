"""What WHIP reads in the descriptions of sessions (SDP), and writes into them."""

from __future__ import annotations

import re

from .deps import sdp
from .peer import Peer

SECTIONS = 4
"A camera, a microphone, a data channel, and one to spare."
_START = "x-google-start-bitrate=1500;x-google-min-bitrate=300"
"A browser otherwise takes the better part of a minute to send 720p."


def wrong(offer: str) -> tuple[int, str] | None:
    """Return the HTTP status and why an offer is refused before anything is made for it; None where it is not."""
    try:
        media = sdp.SessionDescription.parse(offer).media
    except Exception:  # the parser raises whatever comes, from IndexError to AssertionError
        return (400, "no usable offer")
    if not offer.startswith("v=0") or not any(m.kind in ("video", "audio") for m in media):
        return (400, "the offer has neither video nor sound")
    if len(media) > SECTIONS:
        return (422, f"too many tracks ({len(media)}): one camera and one microphone are taken")
    if any(m.direction not in ("sendonly", "sendrecv") for m in media if m.kind in ("video", "audio")):
        return (422, "only what is sent is taken: sendonly, please")
    return None


def ufrag(text: str) -> str:
    """Return the user name of an ICE session; empty where none is given."""
    found = re.search(r"^a=ice-ufrag:(\S+)", text, re.MULTILINE)
    return found[1] if found else ""


def faster(answer: str) -> str:
    """Ask a browser to begin with a good picture, rather than to work up to it."""
    lines = []
    for line in answer.split("\r\n"):
        fmtp = re.match(r"a=fmtp:(\d+) (?!apt=)", line)
        if fmtp and re.search(rf"^a=rtpmap:{fmtp[1]} H264/", answer, re.MULTILINE):
            line += f";{_START}"
        lines.append(line)
        vp8 = re.match(r"a=rtpmap:(\d+) VP8/", line)
        if vp8:
            lines.append(f"a=fmtp:{vp8[1]} {_START}")
    return "\r\n".join(lines)


async def trickle(peer: Peer, text: str) -> None:
    """Add the candidates of a fragment (RFC 8840). Raises whatever aiortc's parser does, such as IndexError."""
    mid: str | None = None
    for line in text.splitlines()[:200]:
        if line.startswith("a=mid:"):
            mid = line[6:].strip()
        elif line.startswith("a=candidate:"):
            candidate = sdp.candidate_from_sdp(line[12:])
            candidate.sdpMid = mid or "0"
            await peer.pc.addIceCandidate(candidate)
