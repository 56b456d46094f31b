"""Which dates a computer may tell the badge without its owner. Loaded when one does.

Trusted are the first date ever, one that the owner agreed to, and a verified list's, each with the life
since.
"""

from badge.clock import rtc_fields, stored
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.clock import Clock

_1970_TO_2000_S = const(946684800)
_HOUR_S = const(3600)
# How long a badge may have been switched off, for a computer alone to say so: longer needs the button.
_OFF_S = const(31 * 86400)


def needs_owner(clock: "Clock", now: int) -> bool:
    """Tell whether a computer alone may not set this date (seconds since 1970 UTC).

    All its steps together move a known date by no more than an hour; after a start without a date it may say
    that the badge was switched off for up to 31 days since the trusted one.
    """
    offset = now - clock.life_s()
    if not clock.trusted:
        return False
    if clock.is_known():
        return not -_HOUR_S <= offset - clock.base <= _HOUR_S
    return not -_HOUR_S <= offset - clock.trusted <= _OFF_S


def trust_after(clock: "Clock", published_at: int) -> None:
    """Take the date of a verified list: now is not earlier. At most 31 days on, whoever signed it."""
    if clock.trusted:
        least = min(published_at - clock.life_s(), clock.trusted + _OFF_S)
        if least > clock.trusted:
            clock.trusted = least
            clock.save()


def try_date(clock: "Clock", now: int) -> None:
    """Set the chip's clock, which TLS goes by, to a date that is not certain, until ``end_trial``.

    Nothing else takes notice of it, not even after a restart in between.
    """
    clock.nvs.set_i32("trial", 1)
    clock.nvs.commit()
    clock.rtc.datetime(rtc_fields(now))


def end_trial(clock: "Clock") -> None:
    """Set the chip's clock to what is known, or back to its beginning."""
    if stored(clock.nvs, "trial"):
        now = clock.unix()
        clock.rtc.datetime(rtc_fields(_1970_TO_2000_S if now is None else now))
        clock.nvs.erase_key("trial")
        clock.nvs.commit()
