"""Publishing on time, news or not: a badge that finds an old list cannot know whether it missed something.

Other publishers' lists are fetched, and ours brought to the target, on threads of their own: nothing slow
keeps the next edition waiting.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from cxhost.publisher.service import Publisher, PublisherError

_CHECK_EVERY_S = 5.0
_NETWORK_STOP_S = 10.0
_log = logging.getLogger(__name__)


@contextmanager
def scheduled(publisher: Publisher, check_every_s: float = _CHECK_EVERY_S) -> Iterator[None]:
    """Publish and fetch whenever it is due while the ``with`` block runs, on threads of their own.

    Several servers may do this on one database: only one of them makes each edition. What fails is logged and
    tried again.
    """
    stop = threading.Event()

    def repeat(work: Callable[[], object], failed: str) -> None:
        while True:
            try:
                work()
            except PublisherError as error:
                _log.error(failed, extra={"fields": {"error": str(error)}})
            except (SQLAlchemyError, OSError) as error:
                _log.error(failed, extra={"fields": {"error": type(error).__name__}})
            if stop.wait(check_every_s):
                return

    works = [
        (publisher.publish_if_due, "publishing failed"),
        (publisher.refresh, "fetching failed"),
        (publisher.upload_if_behind, "uploading failed"),
    ]
    threads = [
        threading.Thread(target=repeat, args=work, name=work[1].split()[0], daemon=True) for work in works
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        threads[0].join()
        for thread in threads[1:]:
            thread.join(_NETWORK_STOP_S)
