"""The extension in a real browser, on pages that hold calls like those of the sites."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")
pytest.importorskip("playwright")

import call_sites
from call_sites import MEET, PLAIN, ZOOM, Browser, badge, badges, pill, until
from models import write_models
from webrtc_runs import Running, truefeed

pytestmark = pytest.mark.skipif(
    call_sites.CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    model = write_models(tmp_path_factory.mktemp("models"))
    with truefeed("serve", "--port", "0", "--model", model) as running:
        running.wait(120, event="stream", source="call")
        yield running
        assert running.end() == 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, running: Running) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
    server = running.of(event="stream", source="call")[0]["detail"].rpartition("/")[0]
    with (
        call_sites.sites(folder) as port,
        call_sites.playing() as playwright,
        Browser(playwright, folder, port, server) as browser,
    ):
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Any]:
    """A tab that fails the test where its page reports an error."""
    wrong: list[str] = []
    page = browser.context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    page.close()
    assert wrong == []


def figure(name: str) -> str:
    return f"figure[data-participant-id='{name}'] video"


def test_each_person_has_a_badge_and_whoever_leaves_has_none(page: Any, browser: Browser, running: Running) -> None:
    page.goto(f"{MEET}/plain.html")
    page.evaluate("join('Ann', .45)")
    page.evaluate("join('Bob', 1.5)")
    assert badge(page, figure("Ann"), "real").text.startswith("Real · 1% fake")
    assert badge(page, figure("Bob"), "fake").text.startswith("Fake · 9")
    running.wait(60, event="alert", participant="Bob", raised=True)
    # The badge belongs to the person, wherever the page shows the picture.
    page.evaluate("swap('Ann', 'Bob')")
    badge(page, figure("Ann"), "fake")
    badge(page, figure("Bob"), "real")
    page.evaluate("swap('Ann', 'Bob')")
    panel = browser.panel(page)
    until(panel, "document.querySelectorAll('article').length === 2")
    assert until(panel, "document.querySelector('article.fake.alarmed .alerts')?.textContent").count("alert: face 1")
    panel.close()
    page.evaluate("leave('Bob')")
    running.wait(60, event="stream", participant="Bob", state="ended")
    badge(page, figure("Ann"), "real")
    assert [one.tone for one in badges(page) if one.left >= 0] == ["real"]


def test_a_server_whose_transceivers_are_used_again(page: Any, running: Running) -> None:
    page.goto(f"{MEET}/plain.html")
    page.evaluate("void (globalThis.server = new Server())")
    page.evaluate("server.enter('Cid', .45)")
    page.evaluate("server.enter('Dora', 1.5)")
    badge(page, figure("Cid"), "real")
    badge(page, figure("Dora"), "fake")
    page.evaluate("server.exit('Cid')")
    running.wait(60, event="stream", participant="Cid", state="ended")
    page.evaluate("server.enter('Eve', 1.5)")  # in the place of Cid, by the same transceivers and tracks
    badge(page, figure("Eve"), "fake")
    assert page.evaluate("server.near.getTransceivers().length") == 4
    assert len(badges(page)) == 2
    # A picture that is shown elsewhere on the page takes its badge along.
    page.evaluate("document.querySelector('figure').style.marginLeft = '300px'")
    badge(page, figure("Eve"), "fake")


@pytest.mark.parametrize("kind", ["streams", "script"])
def test_encrypted_frames_are_the_pages_own_affair(page: Any, running: Running, kind: str) -> None:
    page.goto(f"{MEET}/plain.html")
    page.evaluate(f"void join('{kind}', 1.5, scrambled('{kind}'))")
    badge(page, figure(kind), "fake")


def test_a_track_that_is_replaced_and_a_camera_that_is_off(page: Any, running: Running) -> None:
    page.goto(f"{MEET}/strict.html")
    page.evaluate("void join('Fay', .45)")
    badge(page, figure("Fay"), "real")
    page.evaluate("people.get('Fay').far.getSenders()[0].replaceTrack(camera(1.5))")
    badge(page, figure("Fay"), "fake")
    page.evaluate("people.get('Fay').far.getSenders()[0].replaceTrack(null)")
    assert "camera off" in badge(page, figure("Fay"), "").text
    page.evaluate("people.get('Fay').far.getSenders()[0].replaceTrack(camera(1.5))")
    badge(page, figure("Fay"), "fake")
    page.reload()
    running.wait(60, event="stream", participant="Fay", state="ended")


def test_a_call_in_a_frame_of_another_site(page: Any) -> None:
    page.goto(f"{PLAIN}/frame.html")
    (frame,) = [f for f in page.frames if "jit.si" in f.url]
    frame.wait_for_load_state()
    frame.evaluate("void join('Gus', 1.5)")
    badge(frame, figure("Gus"), "fake")


def test_other_pages_are_watched_after_a_click_also_calls_that_have_begun(page: Any, browser: Browser) -> None:
    page.goto(f"{PLAIN}/plain.html")
    page.evaluate("join('Hal', 1.5)")
    page.wait_for_timeout(1000)
    assert badges(page) == []
    browser.click(page)
    badge(page, figure("Hal"), "fake")
    page.evaluate("join('Ida', .45)")
    badge(page, figure("Ida"), "real")
    page.reload()
    page.evaluate("join('Ida', .45)")
    badge(page, figure("Ida"), "real")


def test_one_click_ends_it_everywhere_and_one_begins_it(page: Any, browser: Browser, running: Running) -> None:
    page.goto(f"{MEET}/plain.html")
    page.evaluate("join('Jon', .45)")
    badge(page, figure("Jon"), "real")
    other = browser.context.new_page()
    other.goto(f"{MEET}/plain.html")
    other.evaluate("join('', .45)")
    running.wait(60, event="stream", participant="participant 1", state="online")
    page.bring_to_front()
    told = len(running.events)
    page.mouse.click(*pill(page))
    for name in ("Jon", "participant 1"):
        running.wait(60, start=told, event="stream", participant=name, state="ended")
    other.close()
    assert badges(page) == []
    assert browser.worker.evaluate("chrome.action.getBadgeText({})") == "OFF"
    page.evaluate("join('Kim', .45)")
    page.wait_for_timeout(1000)
    assert badges(page) == []
    browser.click(page)
    badge(page, figure("Kim"), "real")
    badge(page, figure("Jon"), "real")


def test_a_page_that_draws_everybody_itself_is_captured_with_its_sound(
    page: Any, browser: Browser, running: Running
) -> None:
    page.goto(f"{ZOOM}/canvas.html")
    browser.click(page)
    (name,) = {running.wait(120, event="verdict", participant="A meeting in a canvas")["participant"]}
    running.until(lambda: [e for e in running.of(event="verdict", participant=name) if len(e["faces"]) == 2], 120)
    verdict = running.until(lambda: [e for e in running.of(event="verdict", participant=name) if e["fake"]], 120)[-1]
    left, right = sorted(verdict["faces"], key=lambda face: face["box"][0])
    assert left["fake"] < 0.3 < 0.8 < right["fake"]
    running.until(
        lambda: [e for e in running.of(event="stats", participant=name) if e.get("audio_codec") == "opus"], 60
    )
    pill(page)
    page.close()
    running.wait(60, event="stream", participant=name, state="ended")


def test_the_page_has_what_it_had(page: Any) -> None:
    page.goto(f"{MEET}/plain.html")
    assert (
        page.evaluate("""async () => {
        class Own extends RTCPeerConnection {}
        const pc = new RTCPeerConnection(), own = new Own(), wrong = [];
        const check = (what, good) => { if (!good) wrong.push(what); };
        check("instanceof", pc instanceof RTCPeerConnection && own instanceof Own && own instanceof RTCPeerConnection);
        check("constructor", pc.constructor === RTCPeerConnection && webkitRTCPeerConnection === RTCPeerConnection);
        check("static", typeof RTCPeerConnection.generateCertificate === "function");
        check("text", String(RTCPeerConnection).includes("native code"));
        const {getStats, addTrack, setRemoteDescription} = RTCPeerConnection.prototype;
        check("names", getStats.name === "getStats" && addTrack.length === 1);
        check("native", String(addTrack).includes("native code"));
        check("keys", Object.keys(pc).length === 0 && !("truefeedPublication" in window) && !("truefeed" in window));
        try { pc.addTrack(); check("throws", false); } catch (error) { check("throws", error instanceof TypeError); }
        const refused = await setRemoteDescription.call({}, {}).catch(error => error);
        check("rejects", refused instanceof TypeError);
        check("promise", pc.createOffer() instanceof Promise);
        check("list", Array.isArray(pc.getTransceivers()));
        return wrong;
    }""")
        == []
    )


def test_a_wrong_token_and_the_server_gone_and_back(page: Any, browser: Browser, tmp_path: Path) -> None:
    words = ("serve", "--model", write_models(tmp_path), "--port")
    keep = "kept => chrome.storage.local.set(kept)"
    before = browser.worker.evaluate("chrome.storage.local.get('server')")
    try:
        with truefeed(*words, "0", token="secret") as first:
            server = first.wait(120, event="stream", source="call")["detail"].rpartition("/")[0]
            browser.worker.evaluate(keep, {"server": server, "token": "wrong"})
            page.goto(f"{MEET}/plain.html")
            page.evaluate("join('Lea', 1.5)")
            lost(page, "wants another token")
            browser.worker.evaluate(keep, {"token": "secret"})
            first.wait(120, event="verdict", participant="Lea")
            first.end()
        lost(page, "start it with `truefeed serve`")
        with truefeed(*words, server.rpartition(":")[2], token="secret") as second:
            second.wait(150, event="verdict", participant="Lea")
            badge(page, figure("Lea"), "fake")
    finally:
        browser.worker.evaluate(keep, {**before, "token": ""})


def lost(page: Any, why: str) -> None:
    """Wait until a badge says that its person is not watched, and why."""
    deadline = time.monotonic() + 60
    while not any("Not watched" in one.text and why in one.text for one in badges(page)):
        assert time.monotonic() < deadline, badges(page)
        page.wait_for_timeout(200)
