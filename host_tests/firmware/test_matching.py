"""Lists of the host's own making on a badge's own code: levels, publishers, windows, persons, kills, sets.

In full: ``make test-matching``.
"""

from __future__ import annotations

from typing import Any

import pytest
from host_tests.firmware import population
from host_tests.firmware.population import DAY, TODAY, Row, Source, ids, play

NOW = int(TODAY.timestamp())
A, B, C = (bytes([number]) * 24 for number in (1, 2, 3))
USED = (DAY, 144)
FULL = (DAY, 2048)
IDENTIFIER_S = 605


def meeting(
    seed: bytes, place: int, start_s: int, minutes: float = 20, db: int = 50, kind: int = 1
) -> list[Any]:
    """Return a contact with the owner of a seed."""
    return [ids(kind, seed, 2048 if place > 143 else 144)[place].hex(), start_s, minutes, db]


class Badge:
    """A script of one badge's life, and what it tells."""

    def __init__(self, *sources: Source, now: int | None = NOW) -> None:
        self.lines: list[dict[str, Any]] = [{"new": {}}]
        self.lines += [{"publisher": source.descriptor} for source in sources]
        if now is not None:
            self.lines.append({"time": now})
        self.answers = 0
        self.tells: list[int] = []

    def meet(self, *contacts: list[Any]) -> Badge:
        self.lines += [{"meet": contacts}, {"wait": 7200}]
        return self

    def do(self, **line: Any) -> Badge:
        self.lines.append(line)
        return self

    def take(self, source: Source, *rows: Row, partial: bool = False) -> Badge:
        """Take a list and tell."""
        self.lines += [{"take": {"id": source.id, "list": source.sign(rows, partial)}}, {"tell": 1}]
        return self

    def tell(self) -> Badge:
        self.lines.append({"tell": 1})
        return self

    def play(self) -> list[dict[str, Any]]:
        """Return what each take and tell gave, joined: the errors, new seeds, and the summary's fields."""
        told: list[dict[str, Any]] = []
        last: dict[str, Any] = {}
        for answer in play(self.lines):
            if "summary" in answer:
                told.append(last | answer | answer["summary"])
                last = {}
            else:
                last = answer
        return told


def levels(told: dict[str, Any]) -> list[str]:
    return [one["level"] for one in told["alerts"]]


@pytest.mark.parametrize(
    ("level", "name", "alarm"),
    [
        (0, "no-alert", False),
        (1, "debug-alert", False),
        (2, None, False),
        (3, "unknown-alert", True),
        (4, "symptomatic", True),
        (5, "diagnosed", True),
        (6, "unknown-alert", True),
        (200, "unknown-alert", True),
    ],
)
def test_each_level_and_its_way_back(level, name, alarm):
    source = Source()
    badge = Badge(source).meet(meeting(A, 3, 3600))
    badge.take(source, (5, 1, A, USED), (5, 1, B, USED)).take(source, (level, 1, A, USED), (5, 1, B, USED))
    badge.take(source, (level, 1, A, USED), partial=True).take(source, (5, 1, A, USED), (5, 1, B, USED))
    first, changed, again, back = badge.play()
    assert first["alarm"] and levels(first) == ["diagnosed"] and first["new_seeds"] == 2
    for told in (changed, again):
        assert (told["alarm"], levels(told), told["new_seeds"]) == (alarm, [name] if name else [], 0)
    assert back["alarm"] and levels(back) == ["diagnosed"] and back["new_seeds"] == 0


def test_a_full_list_withdraws_and_a_partial_one_does_not():
    source = Source()
    badge = Badge(source).meet(meeting(A, 3, 3600)).take(source, (5, 1, A, USED))
    badge.take(source, (5, 1, B, USED), partial=True).take(source, (5, 1, B, USED)).take(source)
    badge.take(source, (4, 1, A, USED), partial=True)
    assert [levels(told) for told in badge.play()] == [["diagnosed"], ["diagnosed"], [], [], ["symptomatic"]]


def test_several_publishers_and_one_person():
    home, abroad = Source(), Source("https://abroad.example/cx.json")
    badge = Badge(home, abroad).meet(meeting(A, 3, 3600), meeting(B, 3, 3600))
    badge.take(home, (4, 1, A, USED)).take(abroad, (5, 1, A, USED), (1, 1, B, USED))
    badge.take(abroad, (1, 1, B, USED)).take(home, (4, 1, A, USED), (3, 1, B, USED)).take(home)
    told = badge.play()
    shown = [[(one["level"], sorted(one["publishers"])) for one in each["alerts"]] for each in told]
    both = sorted([home.id, abroad.id])
    assert shown == [
        [("symptomatic", [home.id])],
        [("diagnosed", both), ("debug-alert", [abroad.id])],
        [("symptomatic", [home.id]), ("debug-alert", [abroad.id])],
        [("symptomatic", [home.id]), ("unknown-alert", both)],
        [("debug-alert", [abroad.id])],
    ]
    assert [each["new_seeds"] for each in told] == [1, 1, 0, 0, 0]
    assert [each["alerts"][0]["contacts"] for each in told] == [1] * 5


@pytest.mark.parametrize(("days", "counts"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 1), (4, 0), (9, 0)])
def test_contacts_count_inside_the_window_of_the_usage_only(days, counts):
    source = Source()
    badge = Badge(source, now=NOW + days * 86400).meet(meeting(A, 3, 3600)).take(source, (5, 1, A, USED))
    (told,) = badge.take(source, (5, 1, A, None)).play()[:1]
    assert len(told["alerts"]) == counts


def test_without_usage_there_is_no_window_and_the_whole_chain_counts():
    source = Source()
    badge = Badge(source, now=NOW + 9 * 86400).meet(meeting(A, 2047, 3600), meeting(A, 150, 60, 5))
    badge.take(source, (5, 1, A, USED)).take(source, (5, 1, A, None))
    told = badge.play()
    assert [each["new_seeds"] for each in told] == [1, 1]  # another usage: matched anew
    assert [len(each["alerts"]) for each in told] == [0, 1]
    assert told[1]["alerts"][0]["contacts"] == 2


def test_an_unknown_date_counts_and_is_said():
    source = Source()
    badge = Badge(source, now=None).meet(meeting(A, 3, 3600)).take(source, (5, 1, A, USED))
    (told,) = badge.play()
    (alert,) = told["alerts"]
    assert told["alarm"] and (alert["contacts"], alert["undated"], alert["is_dated"]) == (1, 1, False)


def test_an_old_contact_no_longer_counts():
    source = Source()
    badge = Badge(source).meet(meeting(A, 3, 3600)).take(source, (5, 1, A, FULL))
    badge.do(wait=12 * 86400).tell().do(wait=2 * 86400).tell()
    assert [levels(told) for told in badge.play()] == [["diagnosed"], ["diagnosed"], []]


def test_a_replay_is_doubtful_and_takes_nothing_away():
    source = Source()
    badge = Badge(source).meet(
        meeting(A, 2, 400, 5),  # replayed before its time
        meeting(A, 1, 3600, 10),
        meeting(A, 2, 4300, 10),
        meeting(A, 3, 4900, 10),
        meeting(A, 1, 6000, 5),  # and after it
    )
    badge.take(source, (5, 1, A, USED)).take(source)
    (alert,) = badge.play()[0]["alerts"]
    assert (alert["contacts"], alert["doubtful"], alert["risk"]) == (5, 2, "high")
    assert alert["buckets"][0]["seconds"] == 40 * 60


def test_two_seeds_of_one_person_are_one_alert_and_add_up():
    source = Source()
    rows: list[Row] = [(5, 1, A, USED), (5, 1, B, USED)]
    over_the_change = [meeting(A, 143, 3600, 14), meeting(B, 0, 3600 + IDENTIFIER_S + 280, 14)]
    (told,) = Badge(source).meet(*over_the_change).take(source, *rows).play()
    (alert,) = told["alerts"]
    assert told["alarm"] and (alert["seeds"], alert["contacts"]) == (2, 2)
    assert alert["buckets"][0]["seconds"] == 28 * 60
    # Two days of a colleague: nobody has seen the change, the chains tell it.
    days_apart = [meeting(A, 100, 0, 9), meeting(B, 60, (44 + 60) * IDENTIFIER_S + 600, 9)]
    (told,) = Badge(source).meet(*days_apart).take(source, *rows).play()
    assert told["alarm"] and [one["seeds"] for one in told["alerts"]] == [2]


def test_two_persons_stay_two_alerts():
    source = Source()
    rows: list[Row] = [(5, 1, A, USED), (5, 1, B, USED)]
    for other in (meeting(B, 60, 3600 + 1200, 14), meeting(B, 0, 3600 + 9000, 14), meeting(B, 0, 3600, 14)):
        (told,) = Badge(source).meet(meeting(A, 143, 3600, 14), other).take(source, *rows).play()
        assert not told["alarm"] and [one["seeds"] for one in told["alerts"]] == [1, 1]
    # The same moment, but another level: not of one report.
    both = [meeting(A, 143, 3600, 14), meeting(B, 0, 3600 + 880, 14)]
    (told,) = Badge(source).meet(*both).take(source, (5, 1, A, USED), (4, 1, B, USED)).play()
    assert [one["seeds"] for one in told["alerts"]] == [1, 1]


def test_guidance_of_the_publisher_decides():
    contacts = [meeting(A, 3, 3600, 10, 50), meeting(A, 4, 4300, 10, 60)]
    for buckets, risk in (
        (None, "high"),  # 10 of 15 and 10 of 30 minutes
        ([(55, 5, 30), (63, 0, 0)], "low"),
        ([(40, 5, 15)], "none"),
        ([(70, 5, 20)], "high"),
    ):
        source = Source()
        if buckets:
            source.guidance = extension(buckets)
        (told,) = Badge(source).meet(*contacts).take(source, (5, 1, A, USED)).play()
        (alert,) = told["alerts"]
        assert (alert["risk"], alert["is_guided"]) == (risk, buckets is not None)
        assert sum(one["seconds"] for one in alert["buckets"]) + alert["far_s"] == 1200


def extension(buckets: list[tuple[int, int, int]]) -> dict[str, Any]:
    return population.extensions.guidance_extension(buckets, {"en": "Stay at home."})


def test_unknown_types_are_kept_and_checked_when_they_are_known():
    source = Source()
    badge = Badge(source).meet(meeting(A, 3, 3600))
    badge.take(source, (5, 1, A, USED), (5, 3, bytes(28), None))
    badge.do(restart=[]).tell()
    badge.do(learn=3).do(restart=[]).tell()
    badge.take(source, (5, 1, A, USED), partial=True).take(source, (5, 1, A, USED))
    first, same, learnt, partial, full = badge.play()
    for told, needs_full in ((first, False), (same, False), (learnt, True)):
        assert told["state"][source.id] == [needs_full, 1]
        assert levels(told) == ["diagnosed"]
    assert "full" in partial["error"]
    assert full["new_seeds"] == 1 and full["state"][source.id] == [False, 0]


def test_what_a_rejected_engine_matched_is_matched_again():
    source = Source()
    badge = (
        Badge(source)
        .do(engine="cryptolib")
        .do(restart=[])
        .meet(meeting(A, 3, 3600))
        .take(source, (5, 1, A, USED))
    )
    badge.do(restart=["viper"]).take(source, (5, 1, A, USED))
    badge.do(engine="bytecode").do(restart=["cryptolib"]).tell()
    badge.take(source, (5, 1, A, USED), partial=True).take(source, (5, 1, A, USED))
    first, other, rejected, partial, full = badge.play()
    assert (first["new_seeds"], other["new_seeds"]) == (1, 0)
    assert levels(rejected) == ["diagnosed"] and rejected["state"][source.id] == [True, 0]
    assert "full" in partial["error"]
    assert full["new_seeds"] == 1 and full["state"][source.id] == [False, 0]


def test_a_list_that_was_changed_on_flash_is_dropped_and_said():
    source = Source()
    badge = Badge(source).meet(meeting(A, 3, 3600))
    badge.take(source, (5, 1, A, USED)).do(
        spoil={"id": source.id, "list": source.sign([(5, 1, B, USED)]), "seed": B.hex()}
    ).tell()
    first, spoilt = badge.play()
    assert levels(first) == levels(spoilt) == ["diagnosed"]
    assert "Signature" in spoilt["error"] and spoilt["files"] == [source.id]


def kills(count: int, seed: int) -> dict[str, Any]:
    """Match 300 full-length seeds, with the battery pulled so often; return what was done."""
    source = Source()
    rows: list[Row] = [(5, 1, number.to_bytes(3, "big") * 8, None) for number in range(1, 298)]
    rows += [(5, 1, seed, None) for seed in (A, B, C)]
    strangers = [[number.to_bytes(2, "big").hex() * 8, 0, 1, 70] for number in range(2500)]
    contacts = [meeting(one, place, 3600 + 60 * place) for one in (A, B, C) for place in (0, 700, 2047)]
    start: list[dict[str, Any]] = [
        {"new": {"filter_bytes": 2048, "blocks": 128}},
        {"publisher": source.descriptor},
        {"time": NOW},
        {"meet": strangers + contacts},
        {"wait": 200000},
    ]
    options = {"id": source.id, "list": source.sign(rows), "least": 1, "most": 170, "seed": seed}
    script = [{"kill": {**options, "kills": 0}}, {"tell": 1}]
    script += [*start, {"kill": {**options, "kills": count}}, {"tell": 1}]
    whole, told, cut, told_cut = play(start + script, timeout_s=3600)
    assert told["matches"] == told_cut["matches"] and told["summary"] == told_cut["summary"]
    assert [len(met) for _, _, met in told["matches"][source.id]] == [3, 3, 3]
    assert whole["error"] == cut["error"] == "" and whole["kills"] == 0
    return {"kills": cut["kills"], "whole_s": whole["work_s"], "work_s": cut["work_s"]}


def test_killed_at_random_instants():
    done = kills(12, 1)
    assert done["kills"] == 12
    assert done["work_s"] <= done["whole_s"] + 5 * done["kills"]


@pytest.mark.parametrize("engine", population.ENGINES)
def test_random_populations(engine):
    assert population.populations(20, engine, 3) > 4


def main() -> None:
    """Kill 200 times and more; say how much was done twice."""
    total = 0
    while total < 200:
        done = kills(200, total)
        total += done["kills"]
        twice = (done["work_s"] - done["whole_s"]) / done["kills"]
        print(f"{total} kills, {twice:.1f} s of an ESP32's work done twice for each", flush=True)


if __name__ == "__main__":
    main()
