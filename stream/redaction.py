"""What may be shown of what a user or a peer wrote: no secret, and no character that breaks what shows it.

An address is taken apart before it is shown, and only the parts known to be harmless are kept: scheme, host and port,
path segments that look like words, and the values of a few query parameters. Everything else becomes `***`. A password
may hold `@`, `/`, `?` or blanks that should have been percent-encoded; where it can't be told where such an address'
host begins, scheme and host are all that is shown.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

HIDDEN = "***"
"Stands for what is not shown."

_SCHEMES = (
    "rtsp|rtsps|rtmp|rtmps|rtmp\\+listen|rtp|srt|udp|tcp|tls|http|https|ws|wss|ftp|ftps|sftp|smb|mms|hls|"
    "whep\\+https?|janus\\+wss?|livekit\\+wss?"
)
_START = re.compile(rf"(?i)(?P<scheme>[a-z][a-z0-9+.-]*)://+|(?<![\w+.-])(?:{_SCHEMES}):/(?!/)")
"Where an address begins; with one slash (what a file path makes of two), only one of a scheme that carries secrets."
_INSIDE = re.compile(rf"(?i)\b(?:{_SCHEMES})://")
_NEXT = re.compile(rf"(?i)(?<=[\s\"'<>(\[{{,;=])(?:{_SCHEMES}|file):/")
_END = re.compile(r"[\s\"'<>]|$")
_TAIL = re.compile(r"[:;,.!?)\]}'\"]*$")
_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "hdfs", "memory")
"Schemes of object stores, whose credentials come from elsewhere."
_HOST = re.compile(r"(?:[\w-]+(?:\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+(?:%\w+)?\])?(?::\d{1,5})?")
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_ICE = re.compile(r"\b((?i:stuns?|turns?)):(?!//|USER:PASSWORD@)\S*@")
_HARMLESS_KEYS = (
    "app audio camera cam ch channel chn codec feed format fps framerate height host lang latency listen mode profile"
    " proto protocol quality resolution room size stream streamtype subtype track transport type vhost video videocodec"
    " view width"
)
"Query parameters whose values tell streams apart and let nobody in."
_BEFORE_SECRETS = (
    "apikey auth bot hook hooks key login pass passphrase passwd password psw pw pwd secret secrets services sig"
    " signature token tokens user username webhook webhookb2 webhooks workflows"
)
"Path segments after which nothing is shown."
_SEGMENT = re.compile(r"@?[\w.~,+()-]*")
_NAME = re.compile(r"[\w.,()-]+")
_VALUE = re.compile(r"[\w.,:-]*")
_GUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNFIT = re.compile("[\ud800-\udfff\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"Lone surrogates can't be encoded; control characters and marks of direction rearrange the line that shows them."
_CREDENTIAL = re.compile(r"(?i)(?:pass|pwd|psw|token|secret|key|sig|auth)[\w-]*=")


def encodable(text: str) -> str:
    """Return text with U+FFFD for every lone surrogate, such as a byte of a file name that is no UTF-8."""
    return _SURROGATE.sub("\ufffd", text)


def displayable(text: str) -> str:
    """Return text with U+FFFD for every character that can't be encoded or would steer a terminal."""
    return _UNFIT.sub("\ufffd", text)


def public_name(word: str) -> str:
    """Return what to call a source that was given as this word: a file, a device or an address."""
    if _START.match(word):
        return displayable(_public(word))
    if _INSIDE.search(word) or _ICE.match(word):
        return displayable(redact(word))
    if not _exists(word) and (_CREDENTIAL.search(word) or re.search(r":.*@", word, re.DOTALL)):
        return _last(word) or HIDDEN  # perhaps an address whose scheme was forgotten
    return displayable(word)


def public_host(url: str) -> str:
    """Return scheme, host and port: all that is shown of an address whose path is itself a secret (a webhook)."""
    found = _START.match(url)
    return displayable(_host(url[: found.end()], url[found.end() :])) if found else HIDDEN


def public_server(text: str) -> str:
    """Return what may be shown of a STUN or TURN server, however it was mistyped."""
    head, colon, rest = text.partition(":")
    host = rest.rpartition("@")[2].partition("?")[0]
    if not colon or not _HOST.fullmatch(host) or ("@" not in rest and not head.lower().startswith("stun")):
        return f"{displayable(head)}:{HIDDEN}" if colon and head.isalpha() else HIDDEN
    return displayable(f"{head}:{HIDDEN + '@' if '@' in rest else ''}{host}")


def redact(text: str) -> str:
    """Return text with the secrets of every address in it replaced.

    An address ends at a blank or a quote; where an `@` follows on the same line, at the first one after it, since a
    password may hold either.
    """
    if "@" not in text and ":/" not in text:
        return text
    if ":/" not in text:
        return _ICE.sub(rf"\1:{HIDDEN}@", text)
    parts: list[str] = []
    done = 0
    while found := _START.search(text, done):
        end = _end(text, found.end())
        address = text[found.start() : end]
        tail = _TAIL.search(address)
        cut = tail.start() if tail else len(address)
        parts += [text[done : found.start()], _public(address[:cut]), address[cut:]]
        done = end
    return _ICE.sub(rf"\1:{HIDDEN}@", "".join((*parts, text[done:])))


def _end(text: str, start: int) -> int:
    """Return where the address ends whose authority begins at start."""
    line = text.find("\n", start)
    limit = len(text) if line < 0 else line
    other = _NEXT.search(text, start, limit)
    limit = other.start() if other else limit
    at = text.rfind("@", start, limit)
    found = _END.search(text, max(at, start), limit)
    return found.start() if found else limit


def _public(url: str) -> str:
    found = _START.match(url)
    if found is None:
        return HIDDEN
    head, rest = url[: found.end()], url[found.end() :]
    if (found["scheme"] or "").lower() == "file":
        return url
    if (found["scheme"] or "").lower() in _STORES:
        return _object(head, rest)
    if not rest.strip("."):
        return url  # a hint that names a scheme
    authority, tail = _parted(rest)
    user, at, host = authority.rpartition("@")
    if not _HOST.fullmatch(host) or _doubtful(head, authority, tail):
        return _host(head, rest)
    tail, _, fragment = tail.partition("#")
    path, mark, query = tail.partition("?")
    key = 1 if head.lower().startswith("rtmp+listen") else 2 if head.lower().startswith("rtmp") else None
    shown = f"{head}{HIDDEN if user else ''}{at}{host}{_path(path, key)}"
    shown += mark + "&".join(map(_parameter, re.split("[&;]", query))) if mark else ""
    # Behind the address of a room stands who is in it; any other fragment has no meaning here and may be a secret.
    named = head.lower().startswith(("janus", "livekit")) and _NAME.fullmatch(fragment)
    return f"{shown}#{fragment}" if named else shown


def _object(head: str, rest: str) -> str:
    """Return the address of an object: its name is what tells it from others, and lets nobody in."""
    authority, _ = _parted(rest)
    user, at, host = authority.rpartition("@")
    # Before the `@` of abfs:// stands the name of a container; a password has a colon before it.
    return f"{head}{HIDDEN if ':' in user else user}{at}{host}{rest[len(authority) :]}"


def _parted(rest: str) -> tuple[str, str]:
    found = re.match(r"[^/?#\\]*", rest)
    cut = found.end() if found else 0
    return rest[:cut], rest[cut:]


def _doubtful(head: str, authority: str, tail: str) -> bool:
    """Tell whether an `@` behind the authority may mean that the password held a `/`, `?` or `#`."""
    if "@" not in tail:
        return False
    named = head.lower().startswith("http") and _DOMAIN.fullmatch(authority)
    return not (named and all(before == "/" for before, here in pairwise(tail) if here == "@"))


def _host(head: str, rest: str) -> str:
    """Return scheme and host alone; HIDDEN for a host that can't be told from a password."""
    authority, tail = _parted(rest)
    more = f"/{HIDDEN}" if tail not in ("", "/") else ""
    if _ADDRESS.fullmatch(authority) or (head.lower().startswith("http") and _DOMAIN.fullmatch(authority)):
        return f"{head}{authority}{more}"
    if "@" in tail or not _HOST.fullmatch(authority.rpartition("@")[2]):
        return head + (_last(rest) or HIDDEN)
    user, at, host = authority.rpartition("@")
    return f"{head}{HIDDEN if user else ''}{at}{host}{more}"


def _last(rest: str) -> str | None:
    """Return the host behind the last `@`, where it is certain to be one; what else stands there may be a password."""
    _, at, last = rest.rpartition("@")
    host = _parted(last)[0].partition(" ")[0]
    return f"{HIDDEN}@{host}" if at and _ADDRESS.fullmatch(host) else None


def _path(path: str, key: int | None) -> str:
    """Return a path; its last segment is a key if it has this number or a higher one."""
    shown: list[str] = []
    segments = path.split("/")
    for number, segment in enumerate(segments):
        plain = unquote(segment)
        last = number == len(segments) - 1
        shown.append(segment if _harmless(plain) and not (key and last and number >= key) else HIDDEN)
        if plain.lower() in _BEFORE_SECRETS.split() and not last:
            shown.append(HIDDEN)
            break
    return "/".join(shown)


def _harmless(segment: str) -> bool:
    return segment == HIDDEN or (_SEGMENT.fullmatch(segment) is not None and not _opaque(segment))


def _parameter(pair: str) -> str:
    key, equals, value = pair.partition("=")
    if not equals or not re.fullmatch(r"[\w.-]{1,40}", key) or _opaque(key):
        return HIDDEN if pair else ""
    plain = unquote(value)
    known = key.lower() in _HARMLESS_KEYS.split() and _VALUE.fullmatch(plain) and not _opaque(plain)
    return f"{key}={value if known else HIDDEN}"


def _opaque(text: str) -> bool:
    """Tell whether text looks drawn at random, as tokens and keys are."""
    return _GUID.search(text) is not None or any(map(_random, re.split(r"[._~,+()@:-]", text)))


def _random(word: str) -> bool:
    kinds = [("d" if c.isdigit() else "u" if c.isupper() else "l") for c in word]
    changes = sum(a != b for a, b in pairwise(kinds))
    return len(word) >= 20 or (len(word) >= 10 and changes >= 4)


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False
