"""The pages in a real browser: by keyboard alone, without scripts, and judged by axe-core (WCAG 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from host_tests.browser import chromium
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect
from publisher_support import Owner

from cxhost.publisher import Publisher
from cxhost.publisher.operators import Permission

CODE = re.compile(r"\b(?:\w{4}-){2}\w{4}\b")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


class Visit:
    """One page of one browser, and what it asked for and complained of."""

    def __init__(self, browser: Browser, base_url: str, scripts: bool) -> None:
        self._context = browser.new_context(
            base_url=base_url, ignore_https_errors=True, java_script_enabled=scripts
        )
        self.page: Page = self._context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", self._complain)

    def _complain(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def visit(browser: Browser, client, request: pytest.FixtureRequest) -> Iterator[Visit]:
    made = Visit(browser, str(client.base_url), scripts=getattr(request, "param", True))
    yield made
    made.close()


@pytest.fixture
def token(publisher: Publisher) -> str:
    return publisher.operators.add("Clinic East")


def tab_to(page: Page, form: str, name: str) -> None:
    """Press Tab until what has this name in that form has the focus, and see that a frame shows it."""
    inside = page.get_by_role("form", name=form)
    wanted = inside.get_by_label(name, exact=True).or_(named(inside, name))
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator("*:focus-visible").and_(wanted).count():
            return
    raise AssertionError(f"no way to {name} by keyboard")


def send(page: Page, key: str) -> None:
    """Press a key that sends a form, and wait for what is answered."""
    with page.expect_navigation():
        page.keyboard.press(key)


def named(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def log_in(page: Page, token: str) -> None:
    page.goto("/staff")
    tab_to(page, "Log in", "Token")
    page.keyboard.type(token)
    send(page, "Enter")
    expect(page.get_by_role("heading", name="Issue codes")).to_be_visible()


@pytest.mark.parametrize("visit", [False], indirect=True)
def test_all_of_the_staff_page_by_keyboard_without_scripts(visit: Visit, token: str, publisher: Publisher):
    page = visit.page
    log_in(page, token)
    tab_to(page, "Issue codes", "Level")
    page.keyboard.type("symp")
    tab_to(page, "Issue codes", "How many")
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    tab_to(page, "Issue codes", "Issue")
    send(page, "Enter")
    codes = CODE.findall(page.get_by_role("status").inner_text())
    assert len(set(codes)) == 3
    assert "symptomatic" in page.get_by_role("status").inner_text()
    publisher.accept_report(Owner(seeds=2).report(codes[0]))

    tab_to(page, "Look a code up", "Code")
    page.keyboard.type(codes[0].lower().replace("-", " "))
    send(page, "Enter")
    shown = page.get_by_role("status").get_by_role("row").all_inner_texts()
    assert {"State\tused", "Level\tsymptomatic", "Seeds\t2"} <= set(shown)

    tab_to(page, "Change or withdraw a case", "Code")
    page.keyboard.type(codes[0])
    tab_to(page, "Change or withdraw a case", "New level")
    page.keyboard.type("no-")
    tab_to(page, "Change or withdraw a case", "Change")
    send(page, "Space")
    expect(page.get_by_role("status")).to_contain_text("no-alert now")
    assert publisher.code_state(codes[0]).level == 0

    tab_to(page, "Look a code up", "Code")
    page.keyboard.type("0000-0000-0001")
    send(page, "Enter")
    expect(page.get_by_role("alert")).to_contain_text("mistyped")
    assert page.title().startswith("Error")
    tab_to(page, "Leave", "Log out")
    send(page, "Enter")
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.context.cookies() == []


def test_a_result_has_the_focus_and_nothing_comes_from_elsewhere(visit: Visit, token: str, client):
    page = visit.page
    log_in(page, token)
    named(page, "Issue").click()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "status"
    page.goto("/status")
    assert {url.split("/")[2] for url in visit.asked} == {client.base_url.netloc.decode()}
    assert visit.complaints == []


def test_only_what_is_permitted_is_offered(visit: Visit, token: str, publisher: Publisher):
    publisher.operators.permit("Clinic East", [Permission.LOOK_UP])
    visit.page.goto("/staff")
    visit.page.get_by_label("Token").fill(token)
    named(visit.page, "Log in").click()
    assert visit.page.get_by_role("heading", level=2).all_inner_texts() == ["Look a code up", "Leave"]


def test_status_page(visit: Visit, publisher: Publisher):
    page = visit.page
    page.goto("/status")
    expect(page.get_by_role("alert")).to_contain_text("publication")
    publisher.accept_report(Owner().report(publisher.issue_code()))
    publisher.publish()
    page.goto("/status")
    expect(page.get_by_role("status")).to_contain_text("well")
    sizes = {
        row.get_by_role("rowheader").inner_text(): int(row.get_by_role("cell").inner_text().replace(" ", ""))
        for row in page.get_by_role("table", name="Files").get_by_role("row").all()[1:]
    }
    assert sizes == {path.name: path.stat().st_size for path in publisher.publication_file.parent.iterdir()}
    assert "2026-04-12 10:20 UTC, 0 h 0 min ago" in page.get_by_role("table", name="Lists").inner_text()
    assert "odes" not in page.locator("body").inner_text()  # neither codes nor decoys


def judge(page: Page) -> None:
    """Fail with what axe-core finds, and if a phone would have to scroll sideways."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": 320, "height": 600})  # WCAG 2.1, 1.4.10
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 720})


def test_pages_are_accessible(visit: Visit, token: str, publisher: Publisher):
    page = visit.page
    publisher.publish()
    for path in ("/staff", "/status", "/nothing"):
        page.goto(path)
        judge(page)
    log_in(page, token)
    judge(page)
    named(page, "Issue").click()
    judge(page)
    code = CODE.findall(page.get_by_role("status").inner_text())[0]
    for typed in (code, "wrong"):
        page.get_by_label("Code", exact=True).first.fill(typed)
        named(page, "Look up").click()
        judge(page)
