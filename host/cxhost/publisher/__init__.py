"""A health authority's server: confirmation codes in, verified seed reports, one signed list out."""

from __future__ import annotations

from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.server import listen, serve
from cxhost.publisher.service import Publisher, PublisherError
from cxhost.publisher.tls import make_localhost_tls
from cxhost.reports import Reason, ReportRefused

__all__ = [
    "AlertLevel",
    "Publisher",
    "PublisherError",
    "Reason",
    "ReportRefused",
    "listen",
    "make_localhost_tls",
    "serve",
]
