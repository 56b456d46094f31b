"""The page for staff, used as a browser would: log in, issue, look up, withdraw; and kept from others."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest
from publisher_support import Owner, dump

from cxhost.asn1 import publication_data
from cxhost.publisher import Publisher
from cxhost.publisher.operators import OperatorError, permissions

CODE = re.compile(r"<code>((?:\w{4}-){2}\w{4})</code>")


class Page(HTMLParser):
    """What matters of a page: forms with their fields, labels, and anything that is fetched or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.labels: set[str] = set()
        self.fields: set[str] = set()
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "form":
            assert values["method"] == "post"
            self.forms[values["action"]] = self._form = {}
        elif tag in ("input", "select"):
            self.fields.add(values["id"])
            self._form[values["name"]] = values.get("value", "")
        elif tag == "label":
            self.labels.add(values["for"])
        elif tag in ("script", "link", "img", "iframe") or any(key.startswith("on") for key in values):
            self.outside.append(tag)


def send(client: httpx.Client, name: str, **fields: str) -> httpx.Response:
    origin = str(client.base_url).rstrip("/")
    return client.post(f"/staff/{name}", data=fields, headers={"Origin": origin})


@pytest.fixture
def token(publisher: Publisher) -> str:
    return publisher.operators.add("Clinic East")


@pytest.fixture
def staff(client: httpx.Client, token: str) -> httpx.Client:
    answer = send(client, "login", token=token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff")
    return client


def test_cookie_is_for_this_page_alone(client, token):
    cookie = send(client, "login", token=f" {token}\n").headers["set-cookie"].lower()
    for rule in ("httponly", "secure", "samesite=strict", "path=/staff", "max-age=28800"):
        assert rule in cookie
    assert token.lower() not in cookie


def test_page_needs_nothing_from_outside_and_has_labels(client, token):
    login = Page(client.get("/staff").text)
    send(client, "login", token=token)
    home = client.get("/staff")
    page = Page(home.text)
    for one in (login, page):
        assert one.outside == []
        assert one.fields <= one.labels
    assert set(login.forms) == {"/staff/login"}
    assert set(page.forms) == {"/staff/issue", "/staff/lookup", "/staff/level", "/staff/logout"}
    assert "default-src 'none'" in home.headers["content-security-policy"]
    assert home.headers["cache-control"] == "no-store"
    assert home.headers["referrer-policy"] == "same-origin"


def test_issue_look_up_and_withdraw(staff, publisher):
    issued = send(staff, "issue", level="symptomatic", hours="48", count="3")
    codes = CODE.findall(issued.text)
    assert (issued.status_code, len(set(codes))) == (200, 3)
    owner = Owner()
    headers = {"Content-Type": "application/octet-stream"}
    assert staff.post("/report", content=owner.report(codes[0]), headers=headers).status_code == 200
    found = send(staff, "lookup", code=codes[0].lower())
    assert "used" in found.text
    assert "symptomatic" in found.text
    assert codes[0] not in found.text
    changed = send(staff, "level", code=codes[0], level="no-alert")
    assert "no-alert now" in changed.text
    publisher.publish()
    data = publication_data(publisher.publication_file.read_bytes()).native
    assert [one["alert_level"] for one in data["notifications"]] == [0]
    audit = publisher.audit()
    assert {entry.operator for entry in audit} == {"Clinic East"}
    assert [entry.action for entry in audit] == ["level", "issue", "issue", "issue"]


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("issue", {"level": "purple", "hours": "24", "count": "1"}, "Level"),
        ("issue", {"level": "diagnosed", "hours": "0", "count": "1"}, "Hours"),
        ("issue", {"level": "diagnosed", "hours": "24", "count": "101"}, "Count"),
        ("issue", {"level": "diagnosed", "hours": "\u0663", "count": "1"}, "Hours"),
        ("issue", {}, "Level"),
        ("lookup", {"code": "0000-0000-0000"}, "not known"),
        ("lookup", {"code": "0000-0000-0001"}, "mistyped"),
        ("lookup", {}, "There is no code"),
        ("level", {"code": "0000-0000-0000", "level": "no-alert"}, "not known"),
        ("level", {"code": "<b>x</b>", "level": "<b>"}, "Level"),
    ],
)
def test_wrong_input_is_explained_and_changes_nothing(staff, publisher, name, fields, said):
    before = dump(publisher)
    answer = send(staff, name, **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert "<b>" not in answer.text
    assert dump(publisher) == before


@pytest.mark.parametrize("name", ["issue", "lookup", "level"])
def test_nothing_without_a_session(client, publisher, token, name):
    before = dump(publisher)
    for cookie in (
        None,
        "",
        "1",
        "1.2.3",
        f"1.{2**40}.{'0' * 64}",
        "x.y.z",
        "1.99999999999999999999.a",
        "٣.٣.٣",
    ):
        client.cookies.clear()
        headers = {"Origin": str(client.base_url).rstrip("/")}
        if cookie is not None:
            headers["Cookie"] = f"__Secure-cx-staff={cookie}"
        encoded = {key: value.encode() for key, value in headers.items()}
        fields = {"level": "diagnosed", "hours": "24", "count": "1"}
        answer = client.post(f"/staff/{name}", data=fields, headers=encoded)
        assert answer.status_code == 403
        assert not CODE.search(answer.text)
    assert dump(publisher) == before


def test_forms_of_other_sites_are_refused(staff, publisher):
    before = dump(publisher)
    fields = {"level": "diagnosed", "hours": "24", "count": "1"}
    for headers in (
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost"},
    ):
        assert staff.post("/staff/issue", data=fields, headers=headers).status_code == 400
    assert dump(publisher) == before


@pytest.mark.parametrize("body", [b"a=" + b"x" * 5000, b"\xff\xfe", b"&" * 3000 + b"a=1&" * 20, b"a=%ff%fe"])
def test_bodies_that_are_no_forms(staff, publisher, body):
    before = dump(publisher)
    origin = str(staff.base_url).rstrip("/")
    assert staff.post("/staff/issue", content=body, headers={"Origin": origin}).status_code == 400
    assert dump(publisher) == before


def test_session_ends(staff, publisher, clock):
    assert "Issue codes" in staff.get("/staff").text
    clock.pass_time(hours=8)
    assert "Issue codes" not in staff.get("/staff").text


def test_logged_out(staff):
    assert send(staff, "logout").status_code == 303
    assert "Issue codes" not in staff.get("/staff").text


def test_removed_operator_is_out_at_once_and_stays_out(staff, publisher, token):
    publisher.operators.remove("Clinic East")
    assert "Issue codes" not in staff.get("/staff").text
    publisher.operators.add("Clinic West")  # may be given the same number
    assert "Issue codes" not in staff.get("/staff").text
    assert send(staff, "login", token=token).status_code == 403


def test_guessing_tokens_is_stopped(client, token):
    assert [send(client, "login", token="x" * 32).status_code for _ in range(12)] == [403] * 10 + [429] * 2
    assert send(client, "login", token=token).status_code == 429


def test_tokens_are_not_in_clear_in_the_database(publisher, token):
    assert token not in "".join(dump(publisher))


def test_operator_names(publisher, token):
    for name in ("Clinic East", "", " ", "a\nb", "x" * 101):
        with pytest.raises(OperatorError):
            publisher.operators.add(name)
    with pytest.raises(OperatorError):
        publisher.operators.remove("nobody")
    assert [one.name for one in publisher.operators.members()] == ["Clinic East"]


@pytest.mark.parametrize(
    ("may", "form"), [("issue", "/staff/issue"), ("look-up", "/staff/lookup"), ("withdraw", "/staff/level")]
)
def test_an_operator_does_what_is_permitted_and_nothing_else(staff, publisher, may, form):
    code = publisher.issue_code()
    publisher.operators.permit("Clinic East", permissions([may]))  # the session goes on
    assert set(Page(staff.get("/staff").text).forms) == {form, "/staff/logout"}
    forms = {
        "issue": {"level": "diagnosed", "hours": "24", "count": "1"},
        "lookup": {"code": code},
        "level": {"code": code, "level": "no-alert"},
        "zone": {"code": code, "zone": publisher.url},
    }
    for name, fields in forms.items():
        before = dump(publisher)
        answer = send(staff, name, **fields)
        if form.endswith(name) or (may, name) == ("withdraw", "zone"):
            assert answer.status_code == 200
        else:
            assert answer.status_code == 403
            assert "needs the permission" in answer.text
            assert not CODE.search(answer.text)
            assert dump(publisher) == before
