"""The extension in a real browser, on pages that hold calls like those of the sites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("aiortc")
pytest.importorskip("playwright")

import call_sites
from call_sites import MEET, Browser, badge, badges, until
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
    assert badge(page, figure("Ann"), "real", 60).text.startswith("Real · 1% fake")
    assert badge(page, figure("Bob"), "fake", 60).text.startswith("Fake · 9")
    running.wait(20, event="alert", participant="Bob", raised=True)
    panel = browser.panel(page)
    until(panel, "document.querySelectorAll('article').length === 2")
    assert until(panel, "document.querySelector('article.fake.alarmed .alerts')?.textContent").count("alert: face 1")
    panel.close()
    page.evaluate("leave('Bob')")
    running.wait(10, event="stream", participant="Bob", state="ended")
    badge(page, figure("Ann"), "real")
    assert len(badges(page)) == 1
