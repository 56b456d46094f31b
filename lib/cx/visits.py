"""The bounded table of identifiers that are near now, and the limit on what becomes of it.

Whoever sprays identifiers must not push out those of people. An identifier earns its record by
being heard in several scans; until then it is a *candidate*, which gives way first.
"""

from array import array

from cx.compat import TYPE_CHECKING, const
from cx.contact import ID_LEN, Contact

if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE = const(64)  # slots that are allocated together, when first needed
_SILENT = const(255)  # in ``now``: not heard in this scan
_NO_ID = bytes(ID_LEN)
# An identifier must be this much stronger than the weakest one to take its place in a full table: more
# than what fading alone does, or one crowd would push itself in and out.
_STRONGER_DB = const(10)
_DAY_S = const(86400)

# Flags of a slot; 0: free
_USED = const(1)
_EARNED = const(2)  # heard in enough scans: becomes a record
_TAGGED = const(4)
_MISSED = const(8)  # a candidate that the last scan did not hear
# Words of a slot
_FIRST = const(0)
_LAST = const(1)
_SUM_DB = const(2)
_WORDS = const(3)


class _Page:
    """64 slots: 34 bytes each, in five blocks."""

    def __init__(self) -> None:
        self.ids = bytearray(_PAGE * ID_LEN)
        self.words = array("I", bytes(_PAGE * _WORDS * 4))
        self.counts = bytearray(_PAGE)
        self.least = bytearray(_PAGE)
        self.now = bytearray(_PAGE)
        self.flags = bytearray(_PAGE)

    def find(self, contact_id: bytes) -> int:
        at = self.ids.find(contact_id)
        while at >= 0 and at % ID_LEN:
            at = self.ids.find(contact_id, at + 1)
        return at // ID_LEN if at >= 0 else -1

    def put(self, slot: int, contact_id: bytes, attenuation_db: int) -> None:
        self.ids[slot * ID_LEN : (slot + 1) * ID_LEN] = contact_id
        self.words[slot * _WORDS + _SUM_DB] = 0
        self.counts[slot] = 0
        self.least[slot] = self.now[slot] = attenuation_db
        self.flags[slot] = _USED

    def free(self, slot: int) -> None:
        self.ids[slot * ID_LEN : (slot + 1) * ID_LEN] = _NO_ID
        self.flags[slot] = 0

    def count(self, slot: int, now_s: int) -> None:
        """Count the sighting of this scan."""
        at = slot * _WORDS
        if not self.counts[slot]:
            self.words[at + _FIRST] = now_s
        self.words[at + _LAST] = now_s
        # The mean is that of the first 255 scans of a visit, which are more than it can have.
        if self.counts[slot] < 255:
            self.counts[slot] += 1
            self.words[at + _SUM_DB] += self.now[slot]
        self.least[slot] = min(self.least[slot], self.now[slot])
        self.now[slot] = _SILENT
        self.flags[slot] &= ~_MISSED


class Visits:
    """A bounded table of the identifiers that are near now.

    ``limit``: the most identifiers held, rounded up to a multiple of 64; memory grows to
    that in steps of 64 (about 2 KiB) and stays. ``period_s``: the mean time between two scans. A
    visit heard in *n* scans began up to one period before the first and ended up to one after the
    last sighting, so on average it lasted one period longer than what was heard. ``scans``: how
    many scans must have heard an identifier to earn it a record. ``boot`` goes into the records.
    ``on_over`` is called with each finished Contact.

    In a full table a newcomer takes the place of a candidate that the last scan missed; if there
    is none, of the weakest identifier that it is 10 dB stronger than; otherwise it is refused.

    Counters: ``brief`` identifiers that earned no record, ``no_room`` sightings refused,
    ``crowded_out`` identifiers that gave way to stronger ones.
    """

    def __init__(
        self, limit: int, period_s: int, scans: int, boot: int, on_over: "Callable[[Contact], None]"
    ) -> None:
        self._most_pages = (limit + _PAGE - 1) // _PAGE
        self._period_s = period_s
        self._scans = scans
        self._boot = boot
        self._on_over = on_over
        self._pages: "list[_Page]" = []
        self._hand = 0  # where the search for candidates that were missed goes on
        self._weakest_db = 0
        self.brief = 0
        self.no_room = 0
        self.crowded_out = 0

    def __len__(self) -> int:
        return sum(1 for page in self._pages for flags in page.flags if flags)

    def heard(self, contact_id: bytes, attenuation_db: int) -> None:
        """Note one packet; only the strongest of each identifier in a scan counts.

        The strongest, because bodies and echoes only ever take power away.
        """
        attenuation_db = min(max(attenuation_db, 0), _SILENT - 1)
        for page in self._pages:
            slot = page.find(contact_id)
            if slot >= 0:
                if attenuation_db < page.now[slot]:
                    page.now[slot] = attenuation_db
                return
        if not self._admit(contact_id, attenuation_db):
            self.no_room += 1

    def end_scan(self, now_s: int, is_tagged: bool) -> None:
        """Count one sighting for each identifier heard since the last call, and let candidates go."""
        self._hand = 0
        for page in self._pages:
            flags = page.flags
            for slot in range(_PAGE):
                if not flags[slot]:
                    continue
                if page.now[slot] != _SILENT:
                    page.count(slot, now_s)
                    if page.counts[slot] >= self._scans:
                        flags[slot] |= _EARNED
                    if is_tagged:
                        flags[slot] |= _TAGGED
                elif flags[slot] & _MISSED:
                    page.free(slot)
                    self.brief += 1
                elif not flags[slot] & _EARNED:
                    flags[slot] |= _MISSED
        self._weakest_db = self._weakest()[0]

    def close(self, now_s: int, idle_s: int, longest_s: int) -> None:
        """End the visits not heard for ``idle_s`` seconds; one of ``longest_s`` begins a new record."""
        for page in self._pages:
            for slot in range(_PAGE):
                if not page.flags[slot] & _EARNED:
                    continue
                words = page.words
                at = slot * _WORDS
                if now_s - words[at + _LAST] >= idle_s:
                    self._report(page, slot)
                    page.free(slot)
                elif page.counts[slot] and words[at + _LAST] - words[at + _FIRST] >= longest_s:
                    self._report(page, slot)

    def split(self) -> None:
        """Report every visit that has earned it up to now; each goes on as a new one."""
        for page in self._pages:
            for slot in range(_PAGE):
                if page.flags[slot] & _EARNED:
                    self._report(page, slot)

    def _report(self, page: _Page, slot: int) -> None:
        """Hand out what was heard since the last report; the slot goes on and has earned the next."""
        count = page.counts[slot]
        if not count:
            return
        at = slot * _WORDS
        first, last = page.words[at + _FIRST], page.words[at + _LAST]
        contact = Contact(
            bytes(page.ids[slot * ID_LEN : (slot + 1) * ID_LEN]),
            self._boot,
            first,
            last - first + self._period_s,
            page.least[slot],
            page.words[at + _SUM_DB] // count,
            page.flags[slot] & _TAGGED != 0,
        )
        page.counts[slot] = 0
        page.words[at + _SUM_DB] = 0
        page.least[slot] = _SILENT
        page.flags[slot] &= ~_TAGGED
        self._on_over(contact)

    def _admit(self, contact_id: bytes, attenuation_db: int) -> bool:
        for page in self._pages:
            slot = page.flags.find(b"\0")
            if slot >= 0:
                page.put(slot, contact_id, attenuation_db)
                return True
        page = self._grow()
        if page is not None:
            page.put(0, contact_id, attenuation_db)
            return True
        return self._replace_missed(contact_id, attenuation_db) or self._replace_weakest(
            contact_id, attenuation_db
        )

    def _grow(self) -> "_Page | None":
        if len(self._pages) >= self._most_pages:
            return None
        try:
            page = _Page()
        except MemoryError:
            self._most_pages = len(self._pages)  # what there is must do
            return None
        self._pages.append(page)
        return page

    def _replace_missed(self, contact_id: bytes, attenuation_db: int) -> bool:
        while self._hand < len(self._pages) * _PAGE:
            page, slot = self._pages[self._hand // _PAGE], self._hand % _PAGE
            self._hand += 1
            if page.flags[slot] & _MISSED and page.now[slot] == _SILENT:
                page.put(slot, contact_id, attenuation_db)
                self.brief += 1
                return True
        return False

    def _replace_weakest(self, contact_id: bytes, attenuation_db: int) -> bool:
        # The limit is kept from pass to pass, so that a flood of weak ones costs no search each.
        if attenuation_db + _STRONGER_DB > self._weakest_db:
            return False
        self._weakest_db, page, slot = self._weakest()
        if page is None or attenuation_db + _STRONGER_DB > self._weakest_db:
            return False
        if page.flags[slot] & _EARNED:
            self._report(page, slot)
        page.put(slot, contact_id, attenuation_db)
        self.crowded_out += 1
        return True

    def _weakest(self) -> "tuple[int, _Page | None, int]":
        """Return (attenuation in dB, page, slot) of the identifier whose best packet was the weakest."""
        worst_db, worst, worst_slot = 0, None, 0
        for page in self._pages:
            for slot in range(_PAGE):
                least_db = min(page.least[slot], page.now[slot])
                if page.flags[slot] and worst_db < least_db < _SILENT:
                    worst_db, worst, worst_slot = least_db, page, slot
        return worst_db, worst, worst_slot


class Allowance:
    """How many records may be written: ``per_day`` in the long run, ``burst`` at once.

    Below a quarter of the burst only what matters passes, so that passers-by, real or not, cannot use up what
    longer and nearer visits need. ``refused`` counts.
    """

    def __init__(self, per_day: int, burst: int) -> None:
        self._per_day = per_day
        self._burst = burst
        self._left = burst
        self._since_s = 0
        self.refused = 0

    def take(self, now_s: int, is_minor: bool) -> bool:
        """Use one up at ``now_s`` for a visit that is minor or not; False when there is none for it."""
        each_s = _DAY_S // self._per_day
        earned = (now_s - self._since_s) // each_s
        self._since_s += earned * each_s
        self._left = min(self._left + earned, self._burst)
        least = self._burst // 4 if is_minor else 0
        if self._left <= least:
            self.refused += 1
            return False
        self._left -= 1
        return True
