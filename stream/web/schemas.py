"""What goes in and out of the HTTP interface, for its checks and its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Days = Annotated[
    float, Field(ge=0, le=3650, description="Keep the media for so long after the analysis; 0 deletes them")
]
_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Status = Literal["real", "uncertain", "fake", "error"]
Kind = Literal["video", "image", "audio"]
State = Literal["receiving", "queued", "running", "done", "failed"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class Scan(BaseModel):
    """A file that was given to be judged."""

    id: str
    name: str
    origin: str = Field(description="`upload`, or the address it came from")
    size: int | None
    sha256: str | None
    kind: Kind | None
    state: State
    stage: str = Field(description="What is being done: start, fetch, read, frames, sound, faces, pictures")
    progress: float = Field(ge=0, le=1)
    status: Status | None
    fake_probability: float | None
    voice_probability: float | None
    reasons: list[str]
    seconds: float | None = Field(description="Length of the media")
    error: str | None
    created: str | None
    started: str | None
    finished: str | None
    has_media: bool = Field(description="Whether the file itself is still kept")
    expires: str | None = Field(description="When it will be deleted")
    poster: str | None = Field(description="A small picture of it")


class ScanWithResult(Scan):
    """A job, and what was found, as far as there is something."""

    result: dict[str, Any] | None


class ScanPage(BaseModel):
    """Some of the history, the newest first."""

    items: list[Scan]
    next: str | None = Field(description="`cursor` of the next page; null on the last")
    total: int


class Address(_Strict):
    """What to fetch."""

    url: Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=2000)]
    keep_days: Days | None = None


class Keep(_Strict):
    """How long the media are kept from now on."""

    keep_days: Days


class UploadRequest(_Strict):
    """A file that will come in pieces."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    size: Annotated[int, Field(gt=0, le=1 << 50)]
    keep_days: Days | None = None


class Upload(BaseModel):
    """How much of a file has come."""

    id: str
    name: str
    size: int
    offset: int
    piece: int = Field(description="Send about so many bytes at a time")
    scan: str | None = Field(description="The job, once all has come")


class StreamRequest(_Strict):
    """A camera or a stream to watch."""

    url: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    name: _Line | None = None


class Stream(BaseModel):
    """A camera or a stream that is watched."""

    id: str
    name: str
    url: str = Field(description="Credentials removed")
    state: Literal["connecting", "online", "stalled", "retrying", "ended"]
    detail: str
    verdict: dict[str, Any] | None
    created: str | None


class StreamList(BaseModel):
    """All of them."""

    items: list[Stream]


class Alert(BaseModel):
    """An alarm that went up, and perhaps down again."""

    id: str
    stream: str | None
    source: str
    participant: str | None
    subject: str
    probability: float
    t: float
    raised: str | None
    cleared: str | None
    picture: str | None
    clip: str | None


class AlertPage(BaseModel):
    """Some of the alerts, the newest first."""

    items: list[Alert]
    next: str | None


class SignIn(_Strict):
    """Name and password, or a token."""

    name: Annotated[str, StringConstraints(max_length=80)] | None = None
    password: Annotated[str, StringConstraints(max_length=500)] | None = None
    token: Annotated[str, StringConstraints(max_length=500)] | None = None


class Session(BaseModel):
    """Who asks, and what it may do."""

    name: str | None
    role: Literal["viewer", "operator", "admin"] | None
    needs_sign_in: bool
    csrf: str | None = Field(description="To be sent as X-CSRF-Token with every change")
    keep_days: float
    largest: int = Field(description="Of one file, bytes")
    version: str


class UserRequest(_Strict):
    """A new user."""

    name: Annotated[str, StringConstraints(pattern=r"^[\w.@-]{1,40}$")]
    role: Literal["viewer", "operator", "admin"]
    password: Annotated[str, StringConstraints(min_length=10, max_length=500)]


class User(BaseModel):
    """Somebody who may sign in."""

    name: str
    role: Literal["viewer", "operator", "admin"]
    created: str | None


class UserList(BaseModel):
    """All of them."""

    items: list[User]


class AuditEntry(BaseModel):
    """Something that somebody did."""

    at: str | None
    who: str
    address: str
    action: str
    subject: str
    detail: str


class AuditPage(BaseModel):
    """Some of what was done, the newest first."""

    items: list[AuditEntry]
    next: str | None
