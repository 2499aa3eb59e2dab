"""A TCP port at which publishers ask to come in: by their keys, one for each source, however many others are silent."""

from __future__ import annotations

import hmac
import socket
import threading
import time
from collections import deque
from contextlib import suppress

from ...errors import SourceError
from .peer import GoneError, Peer

_GREETING = 5.0
"A connection has so long to say what it wants to publish, s."
_PENDING = 32
"Connections that have not said so yet; the oldest makes room for a newer one."
_WRONG = 1.0
"A wrong key is answered after so long, s."
_LOOK = 1.0
"Where closing the port does not wake its thread, it looks so often, s."


class Slot:
    """A place for one publisher, held by one source.

    Args:
        path: `APP/KEY` that lets one in; `APP` or nothing where no key is asked for.
        keyless: no key is asked for.
    """

    def __init__(self, path: str, *, keyless: bool) -> None:
        self.path, self.keyless = path, keyless
        self.idle = False
        "Its publisher sends nothing: another may take its place."
        self._peer: Peer | None = None
        self._new = False
        self._told = ""
        self._changed = threading.Condition()

    def fits(self, path: str) -> bool:
        """Tell whether a publisher of this path is meant for here, in a time that does not tell how much was right."""
        if self.keyless:
            return not self.path or path == self.path or path.startswith(f"{self.path}/")
        return hmac.compare_digest(path.encode(), self.path.encode())

    def offer(self, peer: Peer) -> bool:
        """Let a publisher in and tell it so; False where there is one already. Raises GoneError."""
        with self._changed:
            if self._peer is not None and not self.idle:
                return False
            peer.accept()
            if self._peer is not None:
                self._peer.close()
            self._peer, self._new, self.idle = peer, True, False
            self._changed.notify_all()
            return True

    def tell(self, text: str) -> None:
        """Remember who was refused."""
        with self._changed:
            self._told = text

    def told(self) -> str:
        """Return who was refused since this was last asked; empty: nobody."""
        with self._changed:
            text, self._told = self._told, ""
        return text

    def take(self, timeout: float) -> Peer | None:
        """Return a publisher that has come in within `timeout` s."""
        with self._changed:
            self._changed.wait_for(lambda: self._new, timeout)
            if not self._new:
                return None
            self._new = False
            return self._peer

    def free(self, peer: Peer | None) -> None:
        """A publisher has gone, or all of them have to go."""
        with self._changed:
            if self._peer is not None and peer in (None, self._peer):
                self._peer.close()
                self._peer, self._new, self.idle = None, False, False
        if peer is not None:
            peer.close()


class Port:
    """Listens until its last source has left.

    Args:
        host, port: where.

    Raises SourceError where that is not possible.
    """

    def __init__(self, host: str, port: int) -> None:
        self.where = (host, port)
        self.slots: list[Slot] = []
        self._pending: deque[Peer] = deque()
        self._lock = threading.Lock()
        self._socket = _listen(host, port)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtmp {host}:{port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no longer, and hang up on who has not been let in."""
        self._closed.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            pending = list(self._pending)
        for peer in pending:
            peer.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                connection, address = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                # Closed, or there is no room for one more connection at the moment.
                if self._closed.wait(0.1):
                    return
                continue
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            peer = Peer(connection, str(address[0]))
            with self._lock:
                self._pending.append(peer)
                oldest = self._pending.popleft() if len(self._pending) > _PENDING else None
            if oldest is not None:
                oldest.close()
            threading.Thread(target=self._greet, args=(peer,), name=f"rtmp from {peer.address}", daemon=True).start()

    def _greet(self, peer: Peer) -> None:
        try:
            path = peer.greet(time.monotonic() + _GREETING)
            self._decide(peer, path)
        except (GoneError, TimeoutError):
            peer.close()
        finally:
            with self._lock, suppress(ValueError):
                self._pending.remove(peer)

    def _decide(self, peer: Peer, path: str) -> None:
        """Let a publisher in or refuse it. Raises GoneError where it does not wait for the answer."""
        path = _plain(path)
        with _registry:
            slots = sorted(self.slots, key=lambda slot: slot.keyless)  # whose key it is comes first
        slot = next((slot for slot in slots if slot.fits(path)), None)
        if slot is None:
            for each in slots:
                each.tell(f"{peer.address} was refused: not the key")
            self._closed.wait(_WRONG)
            peer.refuse("wrong application or stream key")
            return
        if not slot.offer(peer):
            slot.tell(f"{peer.address} was refused: somebody else is publishing")
            peer.refuse("somebody else is publishing with this key")


def _plain(path: str) -> str:
    """Return `APP/KEY` without what a publisher added: slashes and parameters."""
    return "/".join(part for part in path.split("?")[0].split("/") if part)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        both = host == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server((host, port), family=family, backlog=64, dualstack_ipv6=both)
    except OSError as error:
        raise SourceError((error.strerror or str(error)).lower()) from None
    listening.settimeout(_LOOK)
    return listening


_registry = threading.Lock()
_ports: dict[tuple[str, int], Port] = {}


def enter(host: str, port: int, slot: Slot) -> Port:
    """Have publishers for a slot come in at a port, which several sources may share. Raises SourceError."""
    with _registry:
        found = _ports.get((host, port))
        if found is None:
            found = _ports[(host, port)] = Port(host, port)
        if any(other.path == slot.path for other in found.slots):
            raise SourceError("another source has this application and key")
        found.slots.append(slot)
        return found


def leave(port: Port, slot: Slot) -> None:
    """Give a slot up, and the port where it was the last one."""
    with _registry:
        port.slots.remove(slot)
        slot.free(None)
        if not port.slots:
            del _ports[port.where]
            port.close()
