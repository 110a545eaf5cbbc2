"""What a public code says to whoever meets it. Beside each set of codes stands a table of these; `docs/errors.md` is
written from them.
"""

from __future__ import annotations

import msgspec


class Explanation(msgspec.Struct, frozen=True):
    """Why the code was given, and what its reader can do. Sentences in Markdown; they may change, codes do not."""

    cause: str
    remedy: str
