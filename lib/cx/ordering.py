"""What the order of a chain tells: which contacts contradict it, and which seeds are one badge's.

A badge leaves a seed for the next without a pause. From the place of an identifier in its chain, and of the
time at which it was heard, follows when the chain began, and with the usage when it ended, the less exactly
the more identifiers lie between. Where one chain ends as another begins, both are taken as one person's.
"""

from cx.compat import const

# A badge never goes back in a chain; starts are rounded to 4 s, and one scan hears all at one moment.
_TOLERANCE_S = const(60)
# An identifier's mean life and pause (docs/ble-mapping.md), and 2.3 times its standard deviation.
_ID_S = const(605)
_ID_SPREAD_S = const(160)
_SLACK_S = const(660)  # it may be heard at any time of its life
_OVERLAP_S = const(120)  # one badge's visits do not overlap by more, as far as their ends are known
_MOST_IDS = const(160)  # farther from a sighting nothing is concluded


class Span:
    """When a chain was in use, from the sightings of it. ``axis``: the boot, or -1 where dates are known."""

    def __init__(self) -> None:
        self._first: "tuple[int, int, int, int] | None" = None  # axis, time, place in the chain, end
        self._last: "tuple[int, int, int, int] | None" = None

    def add(self, axis: int, start_s: int, place: int, duration_s: int) -> None:
        """Add a sighting; those of another axis than the first one's are left out."""
        one = (axis, start_s, place, start_s + duration_s)
        if self._first is None or self._last is None:
            self._first = self._last = one
        elif axis == self._first[0]:
            self._first = min(self._first, one)
            self._last = max(self._last, one)

    def goes_on_as(self, used: int, other: "Span") -> bool:
        """Tell whether this chain ended as ``other`` began.

        ``used``: how many of its identifiers were used, 0 when that is not known.
        """
        last, first = self._last, other._first
        if last is None or first is None or last[0] != first[0] or first[1] + _OVERLAP_S < last[3]:
            return False
        left = max(used - last[2] - 1, 0)  # identifiers between the last sighting and the end
        gap = first[1] - first[2] * _ID_S - last[1] - (left + 1) * _ID_S
        ids = left + first[2]
        if not used:  # only if it was heard to the end
            gap = first[1] - first[2] * _ID_S - last[3]
        return ids <= _MOST_IDS and abs(gap) <= _SLACK_S + _ID_SPREAD_S * _root(ids)


def _root(number: int) -> int:
    """Return the square root of a small number, rounded up."""
    root = 0
    while root * root < number:
        root += 1
    return root


def doubtful(sightings: "list[tuple[int, int, int, int]]") -> "set[int]":
    """Return the indices of the sightings of one seed that contradict the order of its chain.

    ``sightings``: (place in the chain, boot, start in seconds since that boot, seconds it lasted). Places may
    only grow with time; times of different boots are not compared, as the clocks behind them may differ.
    Of what contradicts each other, the part that lasted longest is taken as consistent: an extra sighting
    cannot turn a longer encounter into a doubtful one. Time and RAM grow with n squared and n.
    """
    found = set()
    for boot in {one[1] for one in sightings}:
        order = sorted([(one[0], one[2], one[3], at) for at, one in enumerate(sightings) if one[1] == boot])
        if any(order[at + 1][1] + _TOLERANCE_S < order[at][1] for at in range(len(order) - 1)):
            found.update({one[3] for one in order} - _longest(order))
    return found


def _longest(order: "list[tuple[int, int, int, int]]") -> "set[int]":
    """Return the indices of the part whose times never go back and that lasts longest in all."""
    lasts, befores = [], []
    for at, (_, start, lasting, _) in enumerate(order):
        best, before = 0, -1
        for earlier in range(at):
            if order[earlier][1] <= start + _TOLERANCE_S and lasts[earlier] > best:
                best, before = lasts[earlier], earlier
        lasts.append(best + max(lasting, 1))
        befores.append(before)
    at = lasts.index(max(lasts))
    chosen = set()
    while at >= 0:
        chosen.add(order[at][3])
        at = befores[at]
    return chosen
