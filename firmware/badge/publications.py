"""The publishers that this badge trusts, and the lists it has taken from them.

For each publisher two files: ``publishers/ID`` (descriptor and state, JSON) and, while it waits
to be matched, ``lists/ID`` (the publication as it came). ID is the start of SHA-256 of the
publisher's URL, which is its permanent identity.
"""

import asyncio
import binascii
import hashlib
import json

from badge.loading import Loaded
from cx import known
from cx.compat import TYPE_CHECKING, const
from cx.errors import RefusedError

if TYPE_CHECKING:
    from typing import BinaryIO

    from badge.clock import Clock
    from badge.storage import Storage
    from cx.header import Publication

_PUBLISHERS = "publishers"
_LISTS = "lists"
_MOST_PUBLISHERS = const(8)
_TYPES = [1, 2]  # the generator types that this software can regenerate


def publisher_id(url: str) -> str:
    """Return the eight hexadecimal digits that stand for a publisher's URL."""
    return binascii.hexlify(hashlib.sha256(url.encode()).digest()[:4]).decode()


class Publisher:
    """One publisher: its checked descriptor (a dict) and what was taken from it.

    ``published_at`` is that of the last list that was matched to its end, None before the first;
    ``taken_at`` the badge's date when it was taken; ``pending`` tells that a list waits; ``engines`` names
    the AES engines that matched what is known; ``unknown_types`` counts the notifications of the last list
    whose generator type this software cannot check, and ``types`` the generator types that it could;
    ``needs_full``: partial lists are refused until all was matched again.
    """

    def __init__(self, state: dict) -> None:
        self.state = state

    @property
    def url(self) -> str:
        """The publisher's permanent identity."""
        return self.state["descriptor"]["url"]

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        return publisher_id(self.url)

    @property
    def name(self) -> str:
        """The publisher's name for people, which is also signed into reports."""
        return self.state["descriptor"]["name"]

    @property
    def certificate(self) -> bytes:
        """The certificate of the descriptor, DER."""
        with Loaded("cx.x509") as x509:
            return x509.from_pem(self.state["descriptor"]["cert"])

    @property
    def published_at(self) -> "int | None":
        """Date of the last list that was matched to its end."""
        return self.state["published_at"]

    @property
    def unknown_types(self) -> int:
        """How many notifications of the last list could not be checked."""
        return self.state.get("unknown_types", 0)

    @property
    def needs_full(self) -> bool:
        """Tell whether only a full list will do, because earlier matching has to be done again."""
        return self.state.get("needs_full", False)

    @property
    def is_pending(self) -> bool:
        """Tell whether a verified list waits to be matched."""
        return self.state["pending"]


class Publications:
    """Every publisher and its list. ``limit_bytes``: the largest publication that is kept."""

    def __init__(self, storage: "Storage", clock: "Clock", limit_bytes: int) -> None:
        self._storage = storage
        self._clock = clock
        self.limit_bytes = limit_bytes
        storage.make_folder(_PUBLISHERS)
        storage.make_folder(_LISTS)
        self.publishers: "dict[str, Publisher]" = {}
        for name in storage.names(_PUBLISHERS):
            state = None if name.endswith(".new") else storage.load_json(_PUBLISHERS + "/" + name, None)
            if state is not None:
                self.publishers[name] = Publisher(state)

    def get(self, publisher: str) -> Publisher:
        """Return a publisher by its ID; RefusedError if the badge does not know it."""
        found = self.publishers.get(publisher)
        if found is None:
            raise RefusedError("publisher: not known to this badge; provision it first")
        return found

    def parse(self, text: str) -> "tuple[dict, bool]":
        """Check a descriptor; return it and whether taking it needs the owner's consent.

        Consent is needed for every publisher after the first and for any change of a known one:
        its certificate says whose lists count, its URLs where a report goes.
        CxError names the property at fault.
        """
        with Loaded("cx.descriptor") as descriptor:
            checked = descriptor.check(text)
        with Loaded("cx.x509") as x509:
            x509.public_key(x509.from_pem(checked["cert"]))
        before = self.publishers.get(publisher_id(checked["url"]))
        if before is None:
            if len(self.publishers) >= _MOST_PUBLISHERS:
                raise RefusedError("publisher: this badge keeps at most %d" % _MOST_PUBLISHERS)
            return checked, bool(self.publishers)
        if checked["url"] != before.url:
            raise RefusedError("url: another publisher has the same short name on this badge")
        return checked, checked != before.state["descriptor"]

    def add(self, checked: dict) -> Publisher:
        """Take a checked descriptor, new or in place of an older one of the same URL."""
        before = self.publishers.get(publisher_id(checked["url"]))
        state = {"published_at": None, "taken_at": None, "pending": False}
        if before is not None:
            state = before.state
        state["descriptor"] = checked
        publisher = Publisher(state)
        self.save(publisher)
        self.publishers[publisher.id] = publisher
        return publisher

    def remove(self, publisher: Publisher) -> None:
        """Trust a publisher no more, and remove its list."""
        self._storage.remove(_PUBLISHERS + "/" + publisher.id)
        del self.publishers[publisher.id]
        self._storage.remove(self._list(publisher))

    async def take(self, publisher: Publisher, name: str) -> int:
        """Verify the file ``name`` as this publisher's list and keep it for the matching.

        Return its publishedAt. CxError with the reason when the list is refused; nothing has changed then.
        """
        if publisher.is_pending:
            raise RefusedError("publication: an earlier list of this publisher is being matched, wait for it")
        with open(self._storage.path(name), "rb") as stream, Loaded("cx.publication") as publication:
            header = await self.verify(publisher, stream)
            publication.check_observer(header, publisher.url, publisher.published_at, self._clock.unix())
            if publisher.needs_full and header.excludes_published_before is not None:
                raise RefusedError("publication: all must be matched again: take the full one", "gap")
            self._clock.learn_bound(publication.clock_after(header, self._clock.not_before()))
            plan = publication.remember(header)
        self._storage.rename(name, self._list(publisher))
        publisher.state["pending"] = True
        publisher.state["taken_at"] = self._clock.unix()
        publisher.state["updates"] = plan
        self.save(publisher)
        return header.published_at

    async def verify(self, publisher: Publisher, stream: "BinaryIO") -> "Publication":
        """Return the header of a genuine list of this publisher; CxError for any other. In slices."""
        with Loaded("cx.publication") as publication:
            header = publication.Publication()
            for _ in publication.verify_steps(stream, publisher.certificate, header):
                await asyncio.sleep_ms(0)
        return header

    def open_list(self, publisher: Publisher) -> "BinaryIO":
        """Return the waiting list as a binary stream."""
        return open(self._storage.path(self._list(publisher)), "rb")

    def done(self, publisher: Publisher, header: "Publication", engine: str) -> None:
        """Record that the waiting list was matched to its end, with this engine, and free its space."""
        state = publisher.state
        is_full = header.excludes_published_before is None
        engines = [] if is_full and publisher.needs_full else state.get("engines", [])
        state["engines"] = engines if engine in engines else engines + [engine]
        state["unknown_types"] = header.unknown_types + (0 if is_full else publisher.unknown_types)
        state["types"] = _TYPES
        state["published_at"] = header.published_at
        state["pending"] = state["needs_full"] = False
        self.save(publisher)
        self._storage.remove(self._list(publisher))

    def check_again(self, rejected: "list[str]") -> None:
        """Find what has to be matched again after a start, and ask for full lists of these publishers.

        ``rejected``: engines that failed their self-test now; what they matched cannot be relied on. The same
        is done when the software has learnt a generator type that it met before.
        """
        for publisher in self.publishers.values():
            state = publisher.state
            is_wrong = any(name in rejected for name in state.get("engines", []))
            has_learnt = publisher.unknown_types and state.get("types") != _TYPES
            if (is_wrong or has_learnt) and not publisher.needs_full:
                known.forget(self._storage, publisher.id)
                state["needs_full"] = True
                self.save(publisher)

    def drop(self, publisher: Publisher) -> None:
        """Forget a waiting list that turned out to be damaged."""
        publisher.state["pending"] = False
        self.save(publisher)
        self._storage.remove(self._list(publisher))

    def _list(self, publisher: Publisher) -> str:
        return _LISTS + "/" + publisher.id

    def save(self, publisher: Publisher) -> None:
        """Keep a publisher's state."""
        self._storage.save(_PUBLISHERS + "/" + publisher.id, json.dumps(publisher.state).encode())
