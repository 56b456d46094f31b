"""The status page, for everyone: when the last list was made, what is in the files, how old other lists are.

It tells nothing that is not in the lists themselves: no codes, no reports, no decoys.
"""

from __future__ import annotations

from datetime import datetime

from cxhost.publisher import pages
from cxhost.publisher.editions import FULL
from cxhost.publisher.feeds import FeedState
from cxhost.publisher.service import Publisher

TITLE = "Publisher status"


def status_blocks(publisher: Publisher) -> list[str]:
    """Return the HTML of the page's parts."""
    health, last, now = publisher.health(), publisher.last_edition(), publisher.now()
    said = "All is well." if health["ok"] else f"Something is wrong: {health['problem']}."
    rows = {
        "Publisher": publisher.name,
        "Last list": _when(last.published_at, now),
        "Valid until": shown(last.valid_until or "-"),
    }
    if publisher.settings.target:
        rows["On the target"] = _when(last.uploaded_at, now)
    folder = (publisher.public / FULL).parent
    names = sorted(path for path in folder.glob("[!.]*")) if folder.exists() else []
    files = [(path.name, f"{path.stat().st_size:,}".replace(",", " ")) for path in names]
    blocks = [
        pages.notice(said, failed=not health["ok"]),
        pages.table("Lists", rows),
        pages.grid("Files", ("File", "Bytes"), files) if files else "",
    ]
    feeds = [
        (one.name or one.url, one.relation, feed.zone, *_feed(feed, now))
        for one in publisher.topology()
        for feed in one.feeds
    ]
    if feeds:
        headings = ("Publisher", "Place", "Zone", "Last list", "Seeds", "Last attempt")
        blocks.append(pages.grid("Lists of other publishers", headings, feeds))
    return blocks


def _feed(feed: FeedState, now: datetime) -> tuple[str, str, str]:
    return _when(feed.published_at, now), str(feed.seeds), "failed" if feed.problem else "good"


def shown(value: object) -> str:
    """Return a value as text for people."""
    return value.strftime("%Y-%m-%d %H:%M UTC") if isinstance(value, datetime) else str(value)


def _when(time: datetime | None, now: datetime) -> str:
    if time is None:
        return "none yet"
    minutes = max(0, int((now - time).total_seconds()) // 60)
    return f"{shown(time)}, {minutes // 60} h {minutes % 60} min ago"
