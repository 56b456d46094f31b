"""Minutes by distance against thresholds."""

from cx import risk
from cx.contact import Contact
from cx.levels import DIAGNOSED, level_name
from cx.risk import DEFAULT_BUCKETS

NO_USAGE = bytes(4)


def contact(minutes: float, mean_db: int) -> tuple:
    return 0, Contact(bytes(16), 0, 0, int(minutes * 60), mean_db - 3, mean_db).encode()


class NoDates:
    """A clock that was never set."""

    def bounds(self, boot: int, second: int) -> tuple:
        return None, None

    def is_expired(self, boot: int, second: int, retention_s: int) -> bool:
        return False


def assess(contacts: list, level: int = DIAGNOSED, buckets=DEFAULT_BUCKETS) -> risk.Assessment:
    found = risk.Assessment(buckets)
    found.add_seed(contacts, NO_USAGE, NoDates(), 0)
    found.judge(level)
    return found


def test_minutes_fall_into_buckets():
    found = assess([contact(10, 55), contact(4, 56), contact(2, 63), contact(1, 64)])
    assert (found.seconds, found.far_s, found.least_db) == ([600, 360], 60, 52)
    assert (found.contacts, found.undated, found.first, found.last) == (4, 4, None, None)


def test_thresholds_at_their_edges():
    for minutes, expected in (
        (4.9, risk.NONE),
        (5, risk.LOW),
        (14.8, risk.LOW),
        (15, risk.HIGH),
        (40, risk.HIGH),
    ):
        assert assess([contact(minutes, 50)]).risk == expected


def test_medium_distance_counts_half_and_far_not_at_all():
    assert assess([contact(30, 60)]).risk == risk.HIGH
    assert assess([contact(29, 60)]).risk == risk.LOW
    assert assess([contact(7.5, 50), contact(15, 60)]).risk == risk.HIGH
    assert assess([contact(40, 70)]).risk == risk.NONE


def test_guidance_of_a_publisher():
    buckets = ((50, 10, 20), (60, 0, 40), (70, 0, 0))
    assert assess([contact(9, 50), contact(30, 60), contact(40, 70)], buckets=buckets).risk == risk.HIGH
    assert assess([contact(9, 50), contact(20, 60), contact(40, 70)], buckets=buckets).risk == risk.NONE
    assert assess([contact(10, 50), contact(19, 60)], buckets=buckets).risk == risk.LOW
    assert assess([contact(40, 20)], buckets=()).risk == risk.NONE
    thirds = [contact(10, 10), contact(10, 20), contact(10, 30)]
    assert assess(thirds, buckets=((10, 1, 30), (20, 1, 30), (30, 1, 30))).risk == risk.HIGH


def test_which_levels_alarm():
    alarming = [level for level in range(8) if assess([contact(20, 50)], level).risk == risk.HIGH]
    assert alarming == [3, 4, 5, 6, 7]


def test_unknown_levels_have_the_name_of_an_unknown_alert():
    assert [level_name(level) for level in (0, 2, 5, 6, 99, -1)] == [
        "no-alert",
        "expired",
        "diagnosed",
        "unknown-alert",
        "unknown-alert",
        "unknown-alert",
    ]
