"""A badge that visits a network takes its publishers' lists, and nothing more than it needs."""

from __future__ import annotations

import json

import pytest
from sites import Site

from certificates import Authority
from servers import TimeServer

NOBODY = "127.0.0.1:9"
DAY_S = 86400


def configure(authority: Authority, time_server: str = NOBODY, pins=None):
    return ["configure", authority.der.hex(), pins or {}, time_server]


def begin(site: Site, authority: Authority):
    """Return the steps of a badge that knows the date, a network and a publisher."""
    return [["date", site.unix], configure(authority), ["trust", site.descriptor]]


def first(state: dict) -> dict:
    return state["publishers"][0]


@pytest.fixture
def time_server():
    started: list[TimeServer] = []

    def start(unix, forge=None):
        started.append(TimeServer(unix, forge))
        return started[-1]

    yield start
    for server in started:
        server.close()


def test_a_badge_takes_the_list_and_does_not_ask_again_before_its_time(visitor, site, authority):
    *_, synced, state, again = visitor.run(*begin(site, authority), ["sync"], ["match"], ["sync"])
    assert synced["error"] == "" and synced["failures"] == 0 and synced["radio_is_on"]
    assert first(state)["published_at"] == site.unix
    assert synced["bytes"] == len(site.server.files["/pub/full"])
    assert site.server.paths == [("/pub/full", 200)]
    assert again["bytes"] == len(site.server.files["/pub/full"])  # of the last visit: there was no other
    assert 1800 - 60 <= again["wait_s"] <= 3600 and "wifi.list" not in again["files"]


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ({"hours": 1}, "hour"),
        ({"hours": 5}, "day"),
        ({"days": 1}, "full"),
        ({"weeks": 2}, "full"),
    ],
    ids=["an hour", "five hours", "a day", "two weeks"],
)
def test_a_late_badge_fetches_the_smallest_file_without_a_gap(
    visitor, site, authority, capsys, late, expected
):
    """The worked policy: this hour's, this day's, the full one, by the links of the list taken last."""
    site.now = site.now.replace(hour=12)  # so that five hours later is the same day
    site.publish()
    visitor.run(*begin(site, authority), ["sync"], ["match"])
    names = {"hour": site.now.strftime("%Y%m%d%H"), "day": site.now.strftime("%Y%m%d00"), "full": "full"}
    gone = {"hour": [], "day": ["hour"], "full": ["hour", "day"]}[expected]
    site.pass_time(**late)
    site.publish()
    site.server.requests.clear()
    synced, state = visitor.run(["date", site.unix], ["sync"], ["match"])[1:]
    with capsys.disabled():
        late_text = ", ".join(f"{count} {unit}" for unit, count in late.items())
        print(f"\n{late_text} late: {names[expected]}, {synced['bytes']} bytes")
    assert synced["error"] == "" and first(state)["published_at"] == site.unix
    walked = [(f"/pub/{names[name]}", 404) for name in gone]
    assert site.server.paths == [*walked, (f"/pub/{names[expected]}", 200)]
    errors = len(gone) * len(b"not here")
    assert synced["bytes"] == len(site.server.files[f"/pub/{names[expected]}"]) + errors


def test_an_unchanged_list_is_not_fetched_again(visitor, site, authority):
    visitor.run(*begin(site, authority), ["sync"], ["match"])
    site.server.requests.clear()
    hour = f"/pub/{site.now.strftime('%Y%m%d%H')}"
    later = site.unix + 3550
    # The link to this hour's file comes first: it is another file, of the same time, so it is taken once.
    said = visitor.run(["date", later], ["sync"], ["match"], ["date", later], ["sync"])
    assert site.server.paths == [(hour, 200), (hour, 304)]
    assert said[1]["error"] == said[4]["error"] == ""
    assert said[1]["bytes"] == len(site.server.files[hour]) and said[4]["bytes"] == 0


def test_a_stale_list_is_not_good_enough(visitor, site, authority):
    visitor.run(*begin(site, authority), ["sync"], ["match"])
    visitor.run(["date", site.unix + 3550], ["sync"], ["match"])
    site.server.requests.clear()
    # Nobody published since: whatever is there is past its time.
    synced = visitor.run(["date", site.unix + 7200], ["sync"])[1]
    assert [status for _path, status in site.server.paths] == [304, 200, 200, 200]
    assert "nextUpdateNotAfter" in synced["error"] and synced["failures"] == 1
    assert 900 <= synced["wait_s"] <= 1125


def test_older_lists_and_other_publishers_lists_are_refused(visitor, site, authority, tmp_path, serve):
    old = dict(site.server.files)
    site.pass_time(hours=2)
    site.publish()
    before = visitor.run(*begin(site, authority), ["sync"], ["match"])[-1]
    site.server.files.update(old)
    site.pass_time(hours=2)
    other = Site(tmp_path / "other", serve(tls=True))
    for wrong in (
        old["/pub/full"],
        other.server.files["/pub/full"],
        site.signed(zone="https://else.example/cx.json"),
        site.signed(aggregated=False),
        site.signed(excludes_published_before=site.now),
        site.server.files["/pub/full"][:-1],
        b"",
        b"<html>login</html>",
    ):
        for path in list(site.server.files):
            if path.startswith("/pub/"):
                site.server.files[path] = wrong
        synced, state = visitor.run(["date", site.unix], ["sync"], ["state"])[1:]
        assert synced["error"].startswith("Ruritania: ") and synced["bytes"] >= len(wrong)
        assert state["publishers"] == before["publishers"]
    other.publisher.close()


def test_the_next_url_is_tried_whatever_is_wrong_with_one(visitor, site, authority):
    visitor.run(*begin(site, authority), ["sync"], ["match"])
    site.pass_time(hours=1)
    site.publish()
    for path in list(site.server.files):
        if path.startswith("/pub/2"):
            site.server.files[path] = b"0\x03abc"
    synced, state = visitor.run(["date", site.unix], ["sync"], ["match"])[1:]
    assert synced["error"] == "" and first(state)["published_at"] == site.unix
    assert site.server.paths[-1] == ("/pub/full", 200)


def test_an_address_and_a_name_for_each_connection(visitor, site, authority):
    visit = [["sync"], ["match"], ["open"]]
    *_, seen = visitor.run(*begin(site, authority), *visit, *visit, ["sync"], ["seen"], speed=400)
    addresses = {bytes.fromhex(address) for address, _name, _network in seen}
    names = {name for _address, name, _network in seen}
    assert len(addresses) == len(names) == len(seen) >= 2
    for address in addresses:
        assert address[0] & 3 == 2 and address[:3] != b"\x24\x0a\xc4"
    assert all(len(name) == 10 and name.isalpha() for name in names)
    assert {network for _address, _name, network in seen} == {"shelf"}


def test_no_network_is_normal(visitor, site, authority):
    wrong = ["configure", authority.der.hex(), {}, NOBODY, 21589, "wrong horse"]
    away = [["date", site.unix], wrong, ["trust", site.descriptor]]
    *_, first_try, second = visitor.run(*away, ["sync"], ["sync"])
    assert "did not let this badge in" in first_try["error"] and first_try["radio_is_on"]
    assert 900 <= first_try["wait_s"] <= 1125 and 1800 <= second["wait_s"] <= 2250
    tries = visitor.run(*[["sync"]] * 8)
    assert tries[-1]["failures"] == 8 and tries[-1]["wait_s"] <= 7200 * 5 / 4
    assert "wrong horse" not in json.dumps([first_try, second, tries])


def test_a_kept_report_is_sent(visitor, site, authority):
    code = "4KQ7-93XT"
    site.server.post_status = 503
    *_, size, failed, _ = visitor.run(*begin(site, authority), ["report", code], ["sync"], ["match"])
    assert "unsent" in failed["files"]
    assert "report" not in failed["error"]  # any computer may read that
    assert code not in json.dumps(failed)
    site.server.post_status = 200
    sent = visitor.run(["date", site.unix], ["sync"])[1]
    assert not sent.get("error") and "unsent" not in sent["files"]
    assert [len(body) for body in site.server.posted] == [size, size]
    posts = [headers for method, _path, headers, *_ in site.server.requests if method == "POST"]
    assert posts[0]["Content-Type"] == "application/octet-stream"
    again = visitor.run(["date", site.unix], ["sync"])[1]
    assert len(site.server.posted) == 2 and not again.get("error")


def test_the_publisher_accepts_a_report_that_came_over_wifi(visitor, site, authority):
    code = site.publisher.issue_code()
    visitor.run(*begin(site, authority), ["report", code], ["sync"])
    assert site.publisher.accept_report(site.server.posted[0]).seeds == 1


def test_a_changed_descriptor_waits_for_the_owner(visitor, site, authority):
    visitor.run(*begin(site, authority), ["sync"], ["match"])
    changed = json.loads(site.descriptor) | {"name": "Somebody else"}
    site.server.files = {"/cx.json": json.dumps(changed).encode()}
    site.pass_time(hours=2)
    synced, state = visitor.run(["date", site.unix], ["sync"], ["state"])[1:]
    assert "descriptor has changed" in synced["error"] and "descriptors" in synced["files"]
    assert first(state)["name"] == "Ruritania"


def test_the_date_comes_from_a_time_server_and_a_signed_list(visitor, site, authority, time_server):
    server = time_server(site.unix + 100)
    steps = [configure(authority, server.name), ["trust", site.descriptor], ["sync"], ["match"]]
    *_, synced, state = visitor.run(*steps)
    assert synced["error"] == "" and abs(state["unix"] - site.unix - 100) < 10
    assert abs(state["chip"] - state["unix"]) < 3 and server.asked == 1


@pytest.mark.parametrize("days", [-400, -1, 3, 4000])
def test_a_date_that_no_list_bears_out_is_forgotten(visitor, site, authority, time_server, days):
    server = time_server(site.unix + days * DAY_S)
    steps = [configure(authority, server.name), ["trust", site.descriptor], ["sync"], ["match"]]
    *_, synced, state = visitor.run(*steps)
    assert first(state)["published_at"] == site.unix and synced["error"] == ""
    assert state["unix"] is None and state["chip"] < 946684800 + 120


def test_without_a_list_there_is_no_date(visitor, site, authority, time_server):
    site.server.files = {}
    server = time_server(site.unix)
    *_, synced, state = visitor.run(
        configure(authority, server.name), ["trust", site.descriptor], ["sync"], ["state"]
    )
    assert synced["error"] and state["unix"] is None and state["chip"] < 946684800 + 120


def test_a_known_date_is_put_right_by_little_only(visitor, site, authority, time_server):
    for was_s, serves_s, becomes_s in ((0, 200, 200), (0, 4000, 0), (-7200, 60, 60)):
        server = time_server(site.unix + serves_s)
        steps = [["date", site.unix + was_s], configure(authority, server.name), ["trust", site.descriptor]]
        state = visitor.run(*steps, ["sync"], ["match"])[-1]
        assert abs(state["unix"] - site.unix - becomes_s) < 10, (was_s, serves_s)
        visitor.reset()
        site.pass_time(minutes=1)
        site.publish()


def forge_nonce(answer):
    answer[31] ^= 1


def forge_mode(answer):
    answer[0] = 0x23


def forge_alarm(answer):
    answer[0] |= 0xC0


def forge_stratum(answer):
    answer[1] = 0


@pytest.mark.parametrize("forge", [forge_nonce, forge_mode, forge_alarm, forge_stratum])
def test_a_time_server_that_does_not_answer_properly_is_none(visitor, site, authority, time_server, forge):
    server = time_server(site.unix, forge)
    steps = [configure(authority, server.name), ["trust", site.descriptor], ["sync"], ["match"]]
    state = visitor.run(*steps, speed=20)[-1]
    assert state["unix"] is None and server.asked >= 1


def test_nothing_is_written_that_tells_a_network(visitor, site, authority):
    said = visitor.run(*begin(site, authority), ["sync"], ["match"], ["sync"])
    assert "shelf" not in json.dumps(said) and "correct horse" not in json.dumps(said)
