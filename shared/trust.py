"""Whom our HTTP clients trust."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The TLS context for all of them, with the authorities that httpx brings along.

    One per process: to read the authorities takes 30 ms of CPU, which a client of plain HTTP would pay for as well.
    """
    return httpx.create_ssl_context(trust_env=False)
