"""`python -m shared.contracts.schemas [--unreleased]`: bring the committed schemas up to date with the structs.

Refuses (exit code 1) when a change would break a released version. `--unreleased` says that no release holds the
version yet; else leave the version alone and add a new one.
"""

from __future__ import annotations

import sys

from shared.contracts.schemas.generate import write


def main(arguments: list[str]) -> int:
    """Write, or say what breaks."""
    if arguments not in ([], ["--unreleased"]):
        sys.stderr.write("usage: python -m shared.contracts.schemas [--unreleased]\n")
        return 2
    found = write(unreleased=bool(arguments))
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    if found and not arguments:
        sys.stderr.write("nothing written: keep this version as it is and add the next one\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
