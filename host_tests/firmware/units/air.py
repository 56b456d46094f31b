"""What a sniffer may hold against one badge, and the drivers that fail on demand. Runs inside MicroPython."""

import os
import struct

from simlink import ADVERTISE, ADVERTISE_STOP

EIO = 5


def broadcasts(solo):
    """Return [(start us, end us or None, interval us, address type, address, payload)] of all broadcasts."""
    found = []
    for when, kind, data in solo.sent:
        if found and found[-1][1] is None:
            found[-1] = (found[-1][0], when) + found[-1][2:]
        if kind == ADVERTISE:
            interval_us, _, addr_type = struct.unpack_from("<IBB", data)
            found.append((when, None, interval_us, addr_type, data[6:12], data[12:]))
    return found


def is_silent(solo):
    return not solo.sent or solo.sent[-1][1] == ADVERTISE_STOP


def judge(solo):
    """Assert that no address saw two identifiers and no identifier two addresses; return the broadcasts."""
    found = broadcasts(solo)
    assert len({one[4] for one in found}) == len(found), "an address was on air twice"
    assert len({one[5] for one in found}) == len(found), "an identifier was on air twice"
    for one in found:
        assert one[3] == 1 and one[4][0] >> 6 == 0, "not a non-resolvable private address"
        assert one[1] is None or one[1] - one[0] <= 721_000_000, "on air for too long"
    return found


class Faulty:
    """A driver whose ``n``-th calls raise OSError(EIO), before or after they did their work.

    ``plan``: {number of the call: "before", "after" or "ignored" (returns as if nothing were wrong)}.
    """

    def __init__(self, inner, plan, names):
        self._inner = inner
        self._plan = plan
        self._names = names
        self.calls = 0
        self.log = []

    def __getattr__(self, name):
        inner = getattr(self._inner, name)
        if name not in self._names:
            return inner

        def call(*arguments, **named):
            fault = self._plan.get(self.calls)
            self.calls += 1
            self.log.append(name)
            if fault == "before":
                raise OSError(EIO)
            is_question = name == "active" or (name == "config" and arguments)
            result = None if fault == "ignored" and not is_question else inner(*arguments, **named)
            if fault == "after":
                raise OSError(EIO)
            return result

        return call


class Counted:
    """Seeds that give a new identifier at every call, quickly."""

    def __init__(self):
        self.given = 0

    def next_identifier(self):
        self.given += 1
        return self.given.to_bytes(6, "big") + b"\x40\x00\x80" + bytes(7)


class Drawn:
    """The part of Randomness that the radio's users need."""

    def between(self, low, high):
        return low + int.from_bytes(os.urandom(4), "big") % (high - low + 1)
