"""A publisher whose files lie on servers of the tests, in a time that only moves when told to."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cxhost.asn1 import PUBLICATION_OID
from cxhost.publisher import Publisher
from cxhost.publisher.publication import Listing, encode
from cxhost.publisher.service import KEY_FILE
from cxhost.publisher.signing import Signer
from servers import Server


class Site:
    """A publisher with its descriptor on ``server`` and its lists on ``lists`` (the same, unless given)."""

    def __init__(self, folder: Path, server: Server, lists: Server | None = None) -> None:
        self.server = server
        self.lists = lists or server
        self.now = datetime.now(timezone.utc).replace(minute=20, second=0, microsecond=0)
        self.publisher = Publisher.create(
            folder, "Ruritania", f"{server.url}/cx.json", clock=lambda: self.now, fewest_new_seeds=1
        )
        self.publish()

    @property
    def unix(self) -> int:
        return int(self.now.timestamp())

    @property
    def descriptor(self) -> str:
        described = json.loads(self.publisher.descriptor_file.read_text())
        described["pub"] = described["pub"].replace(self.server.url, self.lists.url)
        return json.dumps(described)

    @property
    def names(self) -> list[str]:
        """The names of the lists that are there now, without ``own``."""
        return [path[5:] for path in self.lists.files if path.startswith("/pub/") and path != "/pub/own"]

    def publish(self) -> None:
        """Publish, and put the files where they are served."""
        self.publisher.publish()
        self.server.files["/cx.json"] = self.descriptor.encode()
        self._put_lists()

    def _put_lists(self) -> None:
        for path in [path for path in self.lists.files if path.startswith("/pub/")]:
            del self.lists.files[path]
        for path in (self.publisher.descriptor_file.parent / "pub").iterdir():
            self.lists.files[f"/pub/{path.name}"] = path.read_bytes()

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def signed(self, seeds: int = 0, **different: object) -> bytes:
        """Return a list signed by this publisher, full and of now unless said otherwise."""
        values = {
            "zone": self.publisher.url,
            "published_at": self.now,
            "next_update_not_before": self.now + timedelta(minutes=30),
            "next_update_not_after": self.now + timedelta(hours=1),
            "groups": {(5, 1): [bytes(4) + secrets.token_bytes(24) for _ in range(seeds)]} if seeds else {},
            "update_urls": [],
        }
        listing = Listing(**{**values, **different})
        return self._signer.sign(encode(listing), PUBLICATION_OID)

    @property
    def _signer(self) -> Signer:
        return Signer((self.publisher.directory / KEY_FILE).read_bytes(), self.publisher.certificate_pem)
