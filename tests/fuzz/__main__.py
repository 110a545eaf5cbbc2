"""Fuzz the SMPP stack for a while: `python -m tests.fuzz [--seconds 600] [--seed N]`, or `make fuzz`.

Ends at the first finding with exit code 1, prints its seed and the smallest case that fails like it, and writes the
case to `tests/fuzz/cases`, where it is a test from then on.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fuzz.failing import CASES, Failed, codec, session
from tests.fuzz.watched import Broken

_SAY_EVERY = 30.0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default 600)")
    parser.add_argument("--seed", type=int, help="the first seed (by default another one each time)")
    options = parser.parse_args()
    seed = first = random.randrange(1 << 40) if options.seed is None else options.seed
    began = said = time.monotonic()
    print(f"from seed {first}", flush=True)  # noqa: T201
    while time.monotonic() - began < options.seconds:
        try:
            session(seed)
            codec(seed)
        except Failed as error:
            path = CASES / f"seed-{seed}.json"
            path.write_bytes(error.octets + b"\n")
            print(f"{error}\nwritten to {path}")  # noqa: T201
            return 1
        except Broken as error:
            print(f"codec, seed {seed}: {error}")  # noqa: T201
            return 1
        seed += 1
        if time.monotonic() - said > _SAY_EVERY:
            said = time.monotonic()
            print(f"{seed - first:,} seeds, nothing found", flush=True)  # noqa: T201
    print(f"{seed - first:,} seeds, nothing found")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
