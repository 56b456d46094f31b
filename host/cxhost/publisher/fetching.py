"""Fetching other publishers' documents: bounded in bytes and in time, and never led elsewhere."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import httpx

_TIMEOUT_S = 15.0
_WHOLE_TIMEOUT_S = 300.0


class FetchError(Exception):
    """A document that could not be had; the message says why, in one line."""


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the usual authorities, and the one in the PEM file ``authority``, too."""
    context = ssl.create_default_context()
    if authority is not None:
        context.load_verify_locations(authority)
    return context


def new_client(context: ssl.SSLContext) -> httpx.Client:
    """Return a client; close it."""
    return httpx.Client(verify=context, timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)


def fetch(client: httpx.Client, url: str, limit: int) -> bytes:
    """Return what is at ``url``, ``limit`` bytes at most; ``FetchError``."""
    ends = time.monotonic() + _WHOLE_TIMEOUT_S
    body = bytearray()
    try:
        with client.stream("GET", url) as response:
            if response.status_code != 200:
                raise FetchError(f"{url}: answered with status {response.status_code}")
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit:
                    raise FetchError(f"{url}: more than {limit} bytes")
                if time.monotonic() > ends:
                    raise FetchError(f"{url}: too slow")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise FetchError(f"{url}: {type(error).__name__}") from None
    return bytes(body)
