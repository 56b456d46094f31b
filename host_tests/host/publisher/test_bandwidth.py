"""Partial publications: whenever a badge comes back, it finds a small file without a gap."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from publisher_support import Clock, Owner

from cxhost.asn1 import publication_data
from cxhost.publisher import AlertLevel, Publisher
from cxhost.publisher.publication import cut_offs, partial_name, update_names

EXPIRED = 2


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type]


def names(time: datetime) -> list[str]:
    return [partial_name(cut_off) for cut_off in cut_offs(time)]


def test_names():
    assert names(utc(2026, 4, 12, 21, 39)) == ["2026041221", "2026041220", "2026041200"]
    assert names(utc(2026, 4, 12, 0, 5)) == ["2026041200", "2026041123"]
    assert names(utc(2026, 4, 12, 1, 0)) == ["2026041201", "2026041200"]
    assert update_names(utc(2026, 4, 12, 21, 39)) == ["2026041221", "2026041200", "full"]
    assert update_names(utc(2026, 4, 12, 0, 5)) == ["2026041200", "full"]


class Badge:
    """An observer by the letter of the protocol, on files: what it holds, and from when."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self.publisher = publisher
        self.clock = clock
        self.levels: dict[bytes, int] = {}
        self.published_at: datetime | None = None
        self.urls: list[str] = []

    def sync(self) -> str:
        """Take the first file that passes; return its name."""
        for name in [*(url.rpartition("/")[2] for url in self.urls), "full"]:
            path = self.publisher.publication_file.with_name(name)
            if path.exists() and self._takes(publication_data(path.read_bytes()).native):
                return name
        raise AssertionError("no file passes")

    def _takes(self, data: dict) -> bool:
        since, at = data["excludes_published_before"], data["published_at"]
        if self.published_at is not None and at < self.published_at:
            return False
        if self.published_at == at and self.clock.now > data["next_update_not_after"]:
            return False
        if since is not None and (self.published_at is None or since >= self.published_at):
            return False
        if since is None:
            self.levels = {}
        for one in data["notifications"]:
            assert one["generator_type"] == 1
            for i in range(0, len(one["seed_values"]), 24):
                self.levels[one["seed_values"][i : i + 24]] = one["alert_level"]
        self.levels = {seed: level for seed, level in self.levels.items() if level != EXPIRED}
        self.published_at, self.urls = at, data["update_urls"]
        return True


def test_late_badges_find_the_smallest_file(publisher, clock):
    clock.now = utc(2026, 4, 12, 13, 40)
    publisher.accept_report(Owner(seeds=20).report(publisher.issue_code()))
    publisher.publish()
    waits = {20: "2026041213", 75: "2026041213", 400: "2026041200", 3000: "full"}
    badges = {minutes: Badge(publisher, clock) for minutes in waits}
    assert {badge.sync() for badge in badges.values()} == {"full"}
    start = clock.now
    took = {}
    for minutes, badge in badges.items():
        clock.now = start + timedelta(minutes=minutes)
        publisher.accept_report(Owner().report(publisher.issue_code()))
        publisher.publish()
        took[minutes] = badge.sync()
    assert took == waits


def test_partial_files_are_small_and_old_ones_go(publisher, clock):
    clock.now = utc(2026, 4, 12, 13, 40)
    publisher.accept_report(Owner(seeds=100).report(publisher.issue_code()))
    publisher.publish()
    clock.pass_time(hours=1)
    publisher.accept_report(Owner().report(publisher.issue_code()))
    sizes = {path.name: size for path, size in publisher.publish().files.items()}
    assert sizes["full"] - sizes["2026041214"] > 99 * 24
    folder = publisher.publication_file.parent
    assert {path.name for path in folder.iterdir()} == set(sizes)
    assert "2026041212" not in sizes


@pytest.mark.parametrize("number", range(2))
def test_any_badge_at_any_time_knows_what_the_full_list_says(publisher, clock, number):
    """Ten days of reports, withdrawals and expiry; badges that come whenever they like."""
    draw = random.Random(number)
    badges = [Badge(publisher, clock) for _ in range(6)]
    codes: list[str] = []
    files: set[str] = set()
    for _ in range(60):
        clock.pass_time(minutes=draw.choice([7, 30, 45, 60, 180, 600]))
        if draw.random() < 0.5:
            codes.append(publisher.issue_code(draw.choice([4, 5])))
            publisher.accept_report(Owner().report(codes[-1]))
        if codes and draw.random() < 0.3:
            publisher.set_level(draw.choice(codes), draw.choice(list(AlertLevel)))
        publisher.publish()
        fresh = Badge(publisher, clock)
        assert fresh.sync() == "full"
        for badge in badges:
            if draw.random() < 0.4:
                files.add(badge.sync()[8:] or "full")
                assert badge.levels == fresh.levels
    assert len(files) > 5


def test_expired_seeds_are_forgotten_at_last(publisher, clock):
    publisher.accept_report(Owner(seeds=3).report(publisher.issue_code()))
    publisher.publish()
    clock.pass_time(days=16)
    publisher.publish()
    assert publisher.status()["seeds"] == {EXPIRED: 3}
    clock.pass_time(days=4)
    publisher.publish()
    assert publisher.status()["seeds"] == {}
