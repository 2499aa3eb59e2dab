"""Who may do what, and what the server does not do for anybody."""

from __future__ import annotations

import http.server
import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from truefeed.stream.errors import ConfigError, SourceError
from truefeed.stream.scan.fetch import fetch, is_private, resolve
from truefeed.stream.web.database import Database
from truefeed.stream.web.options import EXTENSION, Limits
from truefeed.stream.web.users import Allowance, Users
from web_server import Web


@pytest.fixture
def open_web(tmp_path: Path) -> Iterator[Web]:
    with Web(tmp_path, {}) as web:
        yield web


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Web]:
    """A server with a user of each role."""
    database = Database(tmp_path / "truefeed.sqlite")
    for role in ("viewer", "operator", "admin"):
        Users(database).add(role, role, f"{role} {role}")
    database.close()
    with Web(tmp_path, {}) as web:
        yield web


def signed_in(web: Web, name: str) -> dict[str, str]:
    """Sign in; return the headers of a page that did."""
    answer = web.ask("POST", "/api/v1/session", {"name": name, "password": f"{name} {name}"})
    assert (answer.status, answer.json["role"]) == (200, name)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    return {"Cookie": cookie.partition(";")[0], "X-CSRF-Token": answer.json["csrf"]}


def test_pages_of_other_sites_and_other_names_are_kept_out(open_web: Web) -> None:
    for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "rebound.example"}, {"Origin": "null"}):
        for method, path in (("GET", "/api/v1/scans"), ("POST", "/api/v1/scans"), ("GET", "/")):
            assert open_web.ask(method, path, headers=headers).status == 403
    assert open_web.ask("GET", "/api/v1/scans", headers={"Origin": open_web.root}).status == 200


def test_our_own_extension_may_publish_and_do_nothing_else(open_web: Web) -> None:
    ours, other = {"Origin": EXTENSION}, {"Origin": EXTENSION.replace("enph", "enpa")}
    for method, path in (("OPTIONS", "/whip"), ("POST", "/whip/Ann"), ("DELETE", "/session/none")):
        assert open_web.ask(method, path, headers=ours).status != 403
        assert open_web.ask(method, path, headers=other).status == 403
        assert open_web.ask(method, path, headers=ours | {"Host": "rebound.example"}).status == 403
    for method, path in (("GET", "/api/v1/scans"), ("POST", "/api/v1/scans"), ("GET", "/events"), ("GET", "/")):
        assert open_web.ask(method, path, headers=ours).status == 403


def test_with_users_the_extension_has_no_privilege(people: Web) -> None:
    assert people.ask("POST", "/whip/Ann", headers={"Origin": EXTENSION}).status == 401


def test_every_answer_is_dressed(open_web: Web) -> None:
    for path in ("/", "/assets/main.js", "/api/v1/scans", "/api/v1/none", "/call", "/metrics"):
        headers = open_web.ask("GET", path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert "server" not in headers


def test_each_role_may_what_it_may(people: Web) -> None:
    assert people.ask("GET", "/api/v1/scans").status == 401
    assert people.ask("GET", "/").status == 200
    may = {
        ("GET", "/api/v1/scans"): ("viewer", "operator", "admin"),
        ("POST", "/api/v1/scans"): ("operator", "admin"),
        ("DELETE", "/api/v1/scans/none"): ("operator", "admin"),
        ("GET", "/api/v1/users"): ("admin",),
        ("GET", "/api/v1/audit"): ("admin",),
    }
    for role in ("viewer", "operator", "admin"):
        headers = signed_in(people, role)
        for (method, path), roles in may.items():
            refused = people.ask(method, path, headers=headers).status == 403
            assert refused == (role not in roles), (role, method, path)


def test_a_change_needs_the_token_of_the_session(people: Web) -> None:
    headers = signed_in(people, "operator")
    cookie = {"Cookie": headers["Cookie"]}
    assert people.ask("DELETE", "/api/v1/scans/none", headers=cookie).json["type"] == "urn:truefeed:csrf"
    assert people.ask("DELETE", "/api/v1/scans/none", headers=cookie | {"X-CSRF-Token": "guess"}).status == 403
    assert people.ask("DELETE", "/api/v1/scans/none", headers=headers).status == 404
    across = headers | {"Origin": "https://elsewhere.example"}
    assert people.ask("GET", "/api/v1/scans", headers=across).status == 401
    assert people.ask("DELETE", "/api/v1/session", headers=headers).status == 204
    assert people.ask("GET", "/api/v1/scans", headers=headers).status == 401


def test_what_was_done_is_written_down(people: Web) -> None:
    people.ask("POST", "/api/v1/session", {"name": "admin", "password": "wrong"})
    headers = signed_in(people, "admin")
    added = {"name": "new", "role": "viewer", "password": "long enough"}
    assert people.ask("POST", "/api/v1/users", added, headers).status == 201
    assert people.ask("DELETE", "/api/v1/users/admin", headers=headers).status == 422
    log = people.ask("GET", "/api/v1/audit", headers=headers)
    done = [(entry["who"], entry["action"]) for entry in log.json["items"]]
    assert done[:3] == [("admin", "user"), ("admin", "sign-in"), ("admin", "sign-in refused")]
    assert "long enough" not in log.body.decode()


def test_passwords_are_not_guessed_in_bulk(tmp_path: Path) -> None:
    with Web(tmp_path, {}, token="s3cret", limits=Limits(sign_ins=0.001)) as web:
        answers = [web.ask("POST", "/api/v1/session", {"token": str(number)}).status for number in range(12)]
    assert (answers[0], answers[-1]) == (401, 429)


def test_requests_are_limited_and_large_ones_refused(tmp_path: Path) -> None:
    with Web(tmp_path, {}, limits=Limits(requests=2.0, file_bytes=1 << 20)) as web:
        large = web.ask("POST", "/api/v1/scans", headers={"Content-Length": str(1 << 30)})
        assert large.status == 413
        assert web.ask("POST", "/api/v1/uploads", {"name": "a", "size": 1 << 21}).status == 413
        assert web.ask("POST", "/api/v1/uploads", b"{" + b" " * (1 << 18)).status == 413
        statuses = [web.ask("DELETE", "/api/v1/scans/none").status for _ in range(30)]
        assert statuses[0] == 404
        assert statuses[-1] == 429


def test_a_token_opens_it_to_programs(tmp_path: Path) -> None:
    with Web(tmp_path, {}, token="s3cret") as web:
        assert web.ask("GET", "/api/v1/scans").headers["www-authenticate"] == "Bearer"
        assert web.ask("GET", "/api/v1/scans", headers={"Authorization": "Bearer wrong"}).status == 401
        assert web.ask("GET", "/api/v1/scans", headers={"Authorization": "Bearer s3cret"}).status == 200
        assert web.ask("POST", "/api/v1/session", {"token": "s3cret"}).json["role"] == "admin"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
    ],
)
def test_addresses_inside_are_known(address: str) -> None:
    assert is_private(ipaddress.ip_address(address))


def test_addresses_outside_are_known() -> None:
    assert not any(is_private(ipaddress.ip_address(a)) for a in ("93.184.216.34", "2606:2800:220:1::1"))


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/file.jpg")  # type: ignore[attr-defined]
            self.end_headers()
            return
        data = b"\xff\xd8\xff" * 1000
        self.send_response(200)
        if self.path != "/short":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_fetched_only_where_that_is_allowed(elsewhere: str, tmp_path: Path) -> None:
    def get(url: str, *, private: bool, most: int = 1 << 20) -> tuple[str, int]:
        return fetch(url, lambda name: tmp_path / name, most=most, private=private, tell=lambda share: None)[1:]

    with pytest.raises(SourceError, match="--allow-private"):
        get(f"{elsewhere}/file.jpg", private=False)
    assert get(f"{elsewhere}/away", private=True) == ("file.jpg", 3000)
    with pytest.raises(SourceError, match="allowed"):
        get(f"{elsewhere}/file.jpg", private=True, most=100)
    with pytest.raises(SourceError, match="allowed"):
        get(f"{elsewhere}/short", private=True, most=100)
    for wrong in ("file:///etc/passwd", "gopher://127.0.0.1", "http://", "http://[::1", "http://a:99999/"):
        with pytest.raises(SourceError):
            get(wrong, private=True)
    with pytest.raises(SourceError, match="can't be found"):
        resolve("nowhere.invalid", 80, private=False)


def test_a_server_refuses_to_fetch_from_its_own_network(open_web: Web, elsewhere: str) -> None:
    key = open_web.ask("POST", "/api/v1/scans", {"url": f"{elsewhere}/file.jpg"}).json["id"]
    assert "--allow-private" in open_web.wait(key)["error"]


def test_cameras_are_no_way_to_read_files(open_web: Web) -> None:
    for url in ("/etc/passwd", "file:///etc/passwd", "lavfi:testsrc", "concat:/etc/passwd", "mic", "../x.mp4"):
        assert open_web.ask("POST", "/api/v1/streams", {"url": url}).status == 422, url


def test_one_server_a_folder(open_web: Web) -> None:
    with pytest.raises(ConfigError, match="another truefeed server"), Web(open_web.data, {}):
        pass


def test_a_later_database_is_not_touched(tmp_path: Path) -> None:
    import sqlite3

    Database(tmp_path / "truefeed.sqlite").close()
    with sqlite3.connect(tmp_path / "truefeed.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ConfigError, match="later truefeed"):
        Database(tmp_path / "truefeed.sqlite")


def test_an_allowance_fills_up_again() -> None:
    allowance = Allowance(1000.0, 2.0)
    assert [allowance.take("a") for _ in range(2)] == [True, True]
    assert allowance.take("b")
