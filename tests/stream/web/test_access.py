"""What keeps people from using the pages, after axe-core, and who may sign in, in a real browser."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")

import cv2
from media import portrait
from web_server import Web, small_models

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
AXE = files("axe_playwright_python") / "axe.min.js"
PAGES = {"/": ".drop", "/history": ".result", "/live": "form", "/ways": "#law", "/people": "#who"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return small_models(tmp_path_factory.mktemp("models"))


def _serious(page: Any) -> list[tuple[str, str]]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")
    return [
        (one["id"], node["html"]) for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_people_out(browser: Any, models: dict[str, Any], tmp_path: Path, scheme: str) -> None:
    cv2.imwrite(str(tmp_path / "face.jpg"), portrait())
    with Web(tmp_path / "data", models) as web:
        page = browser.new_context(base_url=web.root, color_scheme=scheme, reduced_motion="reduce").new_page()
        page.goto("/")
        page.set_input_files("#file", tmp_path / "face.jpg")
        page.wait_for_selector("main .answer", timeout=90_000)
        assert _serious(page) == []
        for path, there in PAGES.items():
            page.goto(path)
            page.wait_for_selector(there)
            assert (path, _serious(page)) == (path, [])
        page.context.close()


def test_the_first_user_is_added_on_the_page_and_two_browsers_differ_in_what_they_may(
    browser: Any, models: dict[str, Any], tmp_path: Path
) -> None:
    with Web(tmp_path / "data", models) as web:
        one, other = (browser.new_context(base_url=web.root).new_page() for _ in range(2))
        one.goto("/")
        one.click("#people")
        for name, role in (("ann", "admin"), ("bob", "viewer")):
            if name == "bob":
                one.goto("/people")
            one.fill("#who", name)
            one.fill("#secret", f"{name} has a long secret")
            one.select_option("#role", role)
            one.click("form button:not([type])")
            if name == "ann":
                _sign_in(one, "ann")
        one.wait_for_selector("li:has-text('bob')")
        other.goto("/")
        _sign_in(other, "bob")
        other.wait_for_selector(".drop")
        assert other.locator("#people").is_hidden()
        other.goto("/people")
        other.wait_for_selector(".error:not(:empty)")
        one.click("li:has-text('bob') button")
        one.click("dialog button:has-text('Remove')")
        one.wait_for_selector("li:has-text('bob')", state="detached")
        other.goto("/history")
        other.wait_for_selector("#password")
        one.context.close()
        other.context.close()


def _sign_in(page: Any, name: str) -> None:
    page.wait_for_selector("#password")
    page.fill("#name", name)
    page.fill("#password", f"{name} has a long secret")
    page.click("form button")
    page.wait_for_selector("#signout:not([hidden])")
