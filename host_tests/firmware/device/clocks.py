"""Dates, bounds and retention: what the clock says when the date comes late, jumps, or never comes."""

import checks
import parts
from checks import DAY_S, NOON

from badge.dates import needs_owner, trust_after

WEEK_S = 7 * DAY_S


class Header:
    """A verified publication's date."""

    def __init__(self, published_at):
        self.published_at = published_at


def take(clock, published_at):
    """Take a publication as the badge does."""
    from cx import publication

    clock.learn_bound(publication.clock_after(Header(published_at), clock.not_before()))


def check_a_date_reaches_back_to_the_start(case):
    clock = case.badge.clock
    case.wait(1000)
    assert clock.unix() is None and clock.bounds(clock.boot, 10) == (None, None)
    clock.set_unix(NOON)
    assert clock.date_of(clock.boot, 10) == NOON - 990
    case.start()
    assert case.badge.clock.date_of(0, 10) == NOON - 990 and case.badge.clock.unix() is None


def check_a_boot_without_a_date_has_bounds(case):
    case.badge.clock.set_unix(NOON)
    case.wait(3600)
    case.start()
    case.wait(7200)
    clock = case.start().clock
    clock.set_unix(NOON + WEEK_S)
    assert clock.date_of(1, 600) is None
    assert clock.bounds(1, 600) == (NOON + 3600 + 600, NOON + WEEK_S - 7200 + 600)


def check_a_forgotten_boot_has_a_latest_date(case):
    clock = case.badge.clock
    case.wait(500)
    clock.set_unix(NOON)
    assert clock.bounds(4321, 7) == (None, NOON - 500)


def check_the_tick_counter_wraps(case):
    parts.time.now_ms = (1 << 30) - 5000
    clock = case.start().clock
    for hour in range(1, 31 * 24):
        parts.time.now_ms += 3_600_000
        assert clock.uptime_s() == hour * 3600


def check_life_goes_on_over_restarts(case):
    case.wait(5000)
    clock = case.start().clock
    assert clock.boot == 1 and clock.life_s() == 5000 and clock.uptime_s() == 0


def check_an_erased_nvs_does_not_give_a_number_twice(case):
    case.start()
    case.start()
    case.nvs.state.clear()
    assert case.start().clock.boot == 3


def check_without_a_date_life_expires(case):
    case.meet(3)
    for _ in range(18):
        case.wait(DAY_S - 1)
        case.meet()
        case.start()
        case.badge.log.drop_expired()
    held = case.held()
    assert held == list(range(6, 21)), held


def check_a_clock_that_is_set_forward_and_back_loses_nothing(case):
    case.badge.clock.set_unix(NOON)
    case.meet(5)
    case.wait(3600)
    case.start()
    case.badge.clock.set_unix(NOON + 400 * DAY_S)
    case.badge.log.drop_expired()
    assert case.held() == [0, 1, 2, 3, 4]
    case.wait(3600)
    case.badge.clock.set_unix(NOON + 7200)
    case.wait(2 * DAY_S)
    case.badge.log.drop_expired()
    assert case.held() == [0, 1, 2, 3, 4]
    assert case.badge.clock.date_of(0, 0) == NOON


def check_a_date_that_holds_for_a_day_expires(case):
    case.badge.clock.set_unix(NOON)
    case.meet(5)
    case.wait(3600)
    case.start()
    case.badge.clock.set_unix(NOON + 30 * DAY_S)
    case.meet()
    case.wait(DAY_S + 1)
    case.badge.log.drop_expired()
    assert case.held() == [5]


def check_a_clock_that_is_set_back_keeps_nothing_for_ever(case):
    case.badge.clock.set_unix(NOON)
    case.meet(5)
    case.badge.clock.set_unix(NOON - 300 * DAY_S)
    case.wait(15 * DAY_S)
    case.badge.log.drop_expired()
    assert case.held() == []


def check_a_wrong_date_of_an_earlier_boot_is_seen(case):
    case.badge.clock.set_unix(NOON + 400 * DAY_S)
    case.wait(3600)
    clock = case.start().clock
    clock.set_unix(NOON)
    assert clock.date_of(0, 60) is None
    assert clock.bounds(0, 60) == (None, NOON - 3600 + 60)


def check_a_publication_is_a_lower_bound_of_thirty_days_at_most(case):
    clock = case.badge.clock
    case.meet(2)
    take(clock, NOON)
    first = clock.not_before()
    assert first == 1767225600 + 30 * DAY_S and clock.unix() is None
    take(clock, first + 5 * DAY_S)
    assert clock.not_before() == first + 5 * DAY_S
    take(clock, first)
    assert clock.not_before() == first + 5 * DAY_S
    case.wait(600)
    assert clock.bounds(clock.boot, 600)[0] == first + 5 * DAY_S + 600
    case.badge.log.drop_expired()
    assert case.held() == [0, 1]


def check_a_publication_does_not_move_a_clock_that_is_set(case):
    case.badge.clock.set_unix(NOON)
    take(case.badge.clock, NOON + 3 * DAY_S)
    assert case.badge.clock.unix() == NOON


def check_many_boots_take_bounded_room(case):
    for _ in range(260):
        case.wait(60)
        case.start()
    assert len(case.badge.storage.load("clock")) <= 4 + 11 * 201
    case.badge.clock.set_unix(NOON)
    assert case.badge.clock.bounds(5, 0)[1] is not None


def check_a_date_far_ahead_in_publications_deletes_nothing(case):
    clock = case.badge.clock
    case.meet(3)
    for _ in range(40):
        take(clock, NOON + 4000 * DAY_S)
        case.badge.log.drop_expired()
    assert clock.not_before() > NOON + 900 * DAY_S and clock.unix() is None
    case.wait(2 * DAY_S)
    case.badge.log.drop_expired()
    case.start()
    case.badge.log.drop_expired()
    assert case.held() == [0, 1, 2]
    # The true date is earlier than that bound: it is taken, and still nothing goes.
    clock = case.badge.clock
    clock.set_unix(NOON)
    for _ in range(3):
        case.wait(DAY_S)
        case.badge.log.drop_expired()
    assert case.held() == [0, 1, 2] and clock.unix() == NOON + 3 * DAY_S
    assert clock.bounds(0, 0) == (None, NOON - 2 * DAY_S)


class KeptRtc:
    """A chip's clock that stands still and outlives a reset."""

    fields = (2000, 1, 1, 5, 0, 0, 0, 0)

    def datetime(self, fields=None):
        if fields is not None:
            KeptRtc.fields = fields
        return KeptRtc.fields


def check_seconds_since_1970_and_since_2000(case):
    kept = parts.Rtc, parts.EPOCH_2000
    parts.Rtc = KeptRtc
    try:
        for epoch, year in ((parts.EPOCH_2000, 2000), (0, 1970)):
            parts.EPOCH_2000 = epoch
            assert parts.time.gmtime(0)[0] == year
            case.start().clock.set_unix(NOON + epoch)
            assert KeptRtc.fields[0] == parts.real_time.gmtime(NOON + epoch)[0]
            assert case.start().clock.unix() == NOON + epoch
    finally:
        parts.Rtc, parts.EPOCH_2000 = kept


checks.main(globals())


def check_a_computer_alone_moves_the_date_by_an_hour_in_all(case):
    clock = case.badge.clock
    assert not needs_owner(clock, NOON)
    clock.set_unix(NOON)
    for step in range(1, 60):
        assert not needs_owner(clock, NOON + step * 60)
        clock.set_unix(NOON + step * 60)
    assert needs_owner(clock, NOON + 3601) and needs_owner(clock, NOON - 3601)
    assert not needs_owner(clock, NOON - 3600)
    clock.set_unix(NOON + 3601, True)
    assert not needs_owner(clock, NOON + 7200) and needs_owner(clock, NOON + 7202)


def check_many_small_corrections_are_no_steps(case):
    case.badge.clock.set_unix(NOON)
    for hour in range(5000):
        case.wait(3600)
        now = NOON + (hour + 1) * 3600 + (-1) ** hour
        assert not needs_owner(case.badge.clock, now)
        case.badge.clock.set_unix(now)


def check_a_start_without_a_date_bounds_what_a_computer_may_say(case):
    case.badge.clock.set_unix(NOON)
    case.wait(DAY_S)
    for _ in range(3):  # however often it is started
        clock = case.start().clock
        assert clock.unix() is None
        least = NOON + DAY_S
        assert needs_owner(clock, least - 7200) and needs_owner(clock, least + 32 * DAY_S)
        assert needs_owner(clock, checks.NOON + 20 * 365 * DAY_S)
        assert not needs_owner(clock, least + 30 * DAY_S)
        clock.set_unix(least + 30 * DAY_S)
        assert needs_owner(clock, least + 31 * DAY_S)


def check_a_verified_list_and_the_owner_move_the_bound(case):
    case.badge.clock.set_unix(NOON)
    clock = case.start().clock
    trust_after(clock, NOON + 10 * DAY_S)
    assert needs_owner(clock, NOON + 9 * DAY_S) and not needs_owner(clock, NOON + 40 * DAY_S)
    trust_after(clock, NOON + 5 * DAY_S)  # an older list moves nothing back
    assert needs_owner(clock, NOON + 9 * DAY_S)
    trust_after(clock, NOON + 4000 * DAY_S)
    clock = case.start().clock
    assert needs_owner(clock, NOON + 73 * DAY_S) and not needs_owner(clock, NOON + 71 * DAY_S)
    clock.set_unix(NOON + 400 * DAY_S, True)
    clock = case.start().clock
    assert needs_owner(clock, NOON + 398 * DAY_S) and not needs_owner(clock, NOON + 430 * DAY_S)
