"""Minutes by distance against thresholds."""

from cx import levels, risk
from cx.contact import Contact
from cx.levels import DIAGNOSED
from cx.risk import Exposure, Thresholds


def exposure(contacts: list) -> Exposure:
    found = Exposure()
    for one in contacts:
        found.add(one, Thresholds())
    return Exposure(found.kept())


def judged(contacts: list, level: int) -> int:
    return exposure(contacts).risk(level, Thresholds())


def contact(minutes: float, mean_db: int) -> Contact:
    return Contact(bytes(16), 0, 0, int(minutes * 60), mean_db - 3, mean_db)


def test_minutes_fall_into_buckets():
    found = exposure([contact(10, 55), contact(4, 56), contact(2, 63), contact(1, 64)])
    assert (found.near_s, found.medium_s, found.far_s, found.least_db) == (600, 360, 60, 52)


def test_thresholds_at_their_edges():
    for minutes, expected in (
        (4.9, risk.NONE),
        (5, risk.LOW),
        (14.9, risk.LOW),
        (15, risk.HIGH),
        (40, risk.HIGH),
    ):
        assert judged([contact(minutes, 50)], DIAGNOSED) == expected


def test_medium_distance_counts_half_and_far_not_at_all():
    assert judged([contact(30, 60)], DIAGNOSED) == risk.HIGH
    assert judged([contact(29, 60)], DIAGNOSED) == risk.LOW
    assert judged([contact(600, 70)], DIAGNOSED) == risk.NONE


def test_which_levels_alarm():
    alarming = [level for level in range(8) if judged([contact(20, 50)], level) == risk.HIGH]
    assert alarming == [3, 4, 5, 6, 7]


def test_unknown_levels_have_the_name_of_an_unknown_alert():
    assert [levels.level_name(level) for level in (0, 2, 5, 6, 99, -1)] == [
        "no-alert",
        "expired",
        "diagnosed",
        "unknown-alert",
        "unknown-alert",
        "unknown-alert",
    ]
