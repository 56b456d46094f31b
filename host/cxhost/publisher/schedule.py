"""Publishing on time, news or not: a badge that finds an old list cannot know whether it missed something."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from cxhost.publisher.service import Publisher

_CHECK_EVERY_S = 5.0
_log = logging.getLogger(__name__)


@contextmanager
def scheduled(publisher: Publisher, check_every_s: float = _CHECK_EVERY_S) -> Iterator[None]:
    """Publish whenever an edition is due while the ``with`` block runs, on a thread of its own.

    Several servers may do this on one database: only one of them makes each edition. What fails is logged and
    tried again.
    """
    stop = threading.Event()

    def work() -> None:
        while True:
            try:
                publisher.publish_if_due()
            except (SQLAlchemyError, OSError) as error:
                _log.error("publishing failed", extra={"fields": {"error": type(error).__name__}})
            if stop.wait(check_every_s):
                return

    thread = threading.Thread(target=work, name="publisher-schedule", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
