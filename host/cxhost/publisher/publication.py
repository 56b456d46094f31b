"""Publications: seeds grouped by alert level and type, in order, as the DER that is signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cxhost import asn1, extensions

# (alert level, generator type) to seeds, each with its usage in front: 28 or 52 bytes. Of a type that is not
# in KNOWN_TYPES: whole runs of seeds as another publisher sent them, each with four zeros in front.
Groups = dict[tuple[int, int], list[bytes]]
KNOWN_TYPES = {1: 24, 2: 48}  # generator type to the bytes of a seed
_USAGE_BYTES = 4
_UNKNOWN_USAGE = bytes(_USAGE_BYTES)


@dataclass(frozen=True)
class Listing:
    """One publication before it is signed."""

    zone: str
    published_at: datetime
    next_update_not_before: datetime
    next_update_not_after: datetime
    groups: Groups = field(repr=False)
    update_urls: Sequence[str]
    aggregated: bool = True
    excludes_published_before: datetime | None = None
    guidance: Mapping[str, Any] | None = None


def cut_offs(published_at: datetime) -> list[datetime]:
    """Return the cut-offs of the partial files of an edition, the latest first, each once.

    The start of this hour, of the hour before and of this day, in UTC: the worked policy of the
    specification for static files. A badge that follows its links finds the smallest file without a gap.
    """
    hour = published_at.replace(minute=0, second=0, microsecond=0)
    return sorted({hour, hour - timedelta(hours=1), hour.replace(hour=0)}, reverse=True)


def partial_name(cut_off: datetime) -> str:
    """Return the file name of the partial publication with that cut-off, ten digits."""
    return cut_off.strftime("%Y%m%d%H")


def update_names(published_at: datetime) -> list[str]:
    """Return where a holder of this edition looks next, the best first: this hour's, this day's, full."""
    hour = published_at.replace(minute=0, second=0, microsecond=0)
    names = [partial_name(hour), partial_name(hour.replace(hour=0)), "full"]
    return list(dict.fromkeys(names))


def group(rows: Iterable[tuple[int, int, bytes, bytes | None]]) -> Groups:
    """Return rows of (level, type, seed, usage) grouped, in an order that tells nothing about reports.

    It is that of the seeds, which are as good as random: badges look up known seeds in that order.
    """
    groups: Groups = defaultdict(list)
    for level, generator_type, seed, usage in rows:
        groups[level, generator_type].append((usage or _UNKNOWN_USAGE) + seed)
    for seeds in groups.values():
        seeds.sort(key=lambda seed: seed[_USAGE_BYTES:])
    return dict(sorted(groups.items(), reverse=True))  # the gravest first


def encode(listing: Listing) -> bytes:
    """Return the DER of TBSPublicationData."""
    values = {
        "version": 1,
        "zone": listing.zone,
        "aggregated": listing.aggregated,
        "published_at": listing.published_at,
        "next_update_not_before": listing.next_update_not_before,
        "next_update_not_after": listing.next_update_not_after,
        "notifications": [
            {
                "alert_level": level,
                "generator_type": generator_type,
                "seed_values": b"".join(seed[_USAGE_BYTES:] for seed in seeds),
            }
            for (level, generator_type), seeds in listing.groups.items()
        ],
        "update_urls": list(listing.update_urls),
    }
    if listing.excludes_published_before is not None:
        values["excludes_published_before"] = listing.excludes_published_before
    usages = [
        [extensions.decode_usage(seed[:_USAGE_BYTES]) for seed in seeds]
        if generator_type in KNOWN_TYPES
        else []
        for (_, generator_type), seeds in listing.groups.items()
    ]
    added = [listing.guidance] if listing.guidance else []
    if any(usage for notification in usages for usage in notification):
        added.append(extensions.usage_extension(usages))
    if added:
        values["extensions"] = added
    return asn1.PublicationData(values).dump()
