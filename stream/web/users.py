"""Who may do what: users with roles, sessions, and a log of what was done."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Literal, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import ConfigError
from .database import Database, Row

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"From the one who may least: look; submit and delete; also manage users."
_LIFE = 7 * 86400.0
"Of a session, s."
_AUDIT_ROWS = 100_000
COOKIE = "truefeed"


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks."""

    name: str
    role: Role
    csrf: str | None = None
    "Set where a cookie says who it is: changes must then carry this."

    def may(self, role: Role) -> bool:
        """Tell whether it may do what this role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Users:
    """Passwords are kept as argon2id hashes, sessions as SHA-256 of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex(8))
        self._known: bool | None = None

    @property
    def any(self) -> bool:
        """Whether there are users at all."""
        if self._known is None:
            self._known = self._database.row("SELECT 1 FROM users LIMIT 1") is not None
        return self._known

    def add(self, name: str, role: str, password: str) -> None:
        """Add somebody, or change role and password. Raises ConfigError."""
        if role not in ROLES:
            raise ConfigError(f"{role}: a role is {', '.join(ROLES)}")
        if len(password) < 10:
            raise ConfigError("the password must have ten characters or more")
        self._database.run(
            "INSERT OR REPLACE INTO users VALUES (?,?,?,?)", name, role, self._hasher.hash(password), time.time()
        )
        self._database.run("DELETE FROM sessions WHERE user=?", name)
        self._known = True

    def remove(self, name: str) -> bool:
        """Remove somebody, and end its sessions. Raises ConfigError where no administrator would be left."""
        with self._database.transaction():
            left = self._database.row("SELECT count(*) FROM users WHERE role='admin' AND name<>?", name)
            row = self._database.row("SELECT role FROM users WHERE name=?", name)
            if row is None:
                return False
            if row["role"] == "admin" and left is not None and not left[0]:
                raise ConfigError("the last administrator cannot be removed")
            self._database.run("DELETE FROM users WHERE name=?", name)
            self._database.run("DELETE FROM sessions WHERE user=?", name)
        self._known = None
        return True

    def all(self) -> list[Row]:
        """Return everybody."""
        return self._database.rows("SELECT name, role, created FROM users ORDER BY name")

    def check(self, name: str, password: str) -> Role | None:
        """Return the role of somebody whose password this is. A name that nobody has takes as long."""
        row = self._database.row("SELECT role, secret FROM users WHERE name=?", name)
        try:
            self._hasher.verify(row["secret"] if row else self._nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        return cast(Role, row["role"]) if row else None

    def sign_in(self, name: str, role: Role) -> tuple[str, Who]:
        """Begin a session; return its secret and who it is."""
        secret, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(24), time.time()
        self._database.run("DELETE FROM sessions WHERE expires < ?", now)
        self._database.run(
            "INSERT INTO sessions VALUES (?,?,?,?,?,?)", _hash(secret), name, role, csrf, now, now + _LIFE
        )
        return secret, Who(name, role, csrf)

    def session(self, secret: str) -> Who | None:
        """Return whose session it is."""
        row = self._database.row("SELECT * FROM sessions WHERE hash=?", _hash(secret))
        if row is None or row["expires"] < time.time():
            return None
        return Who(row["user"], row["role"], row["csrf"])

    def sign_out(self, secret: str) -> None:
        """End a session."""
        self._database.run("DELETE FROM sessions WHERE hash=?", _hash(secret))

    def note(self, who: str, address: str, action: str, subject: str = "", detail: str = "") -> None:
        """Write down what somebody did."""
        self._database.run(
            "INSERT INTO audit (at, who, address, action, subject, detail) VALUES (?,?,?,?,?,?)",
            *(time.time(), who, address, action, subject[:300], detail[:300]),
        )
        self._database.run("DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?", _AUDIT_ROWS)


def same(given: str, known: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), known.encode())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Allowance:
    """So much a second for each of many askers (token buckets). From any thread."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, asker: str) -> bool:
        """Take one; False where nothing is left."""
        now = time.monotonic()
        with self._lock:
            if len(self._left) > 10_000:
                self._left.clear()
            left, since = self._left.get(asker, (self._burst, now))
            left = min(left + (now - since) * self._rate, self._burst) - 1
            self._left[asker] = max(left, -1.0), now
            return left >= 0
