"""Send one message and wait until its state is final: `send.py <number> <text>`.

Needs BUDSTIKKE_API and BUDSTIKKE_KEY in the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients/python"))  # or: pip install budstikke-client

from budstikke_client import Client, Refused, WaitTimeout


def main(number: str, text: str) -> int:
    """The exit code: 0 delivered."""
    with Client(os.environ["BUDSTIKKE_API"], os.environ["BUDSTIKKE_KEY"]) as client:
        try:
            (message,) = client.send(number, text, category="otp")
            print(f"accepted {message.id}")
            status = client.wait(message.id, timeout=60.0)
        except Refused as refusal:
            print(f"refused: {refusal}", file=sys.stderr)
            return 2
        except WaitTimeout as late:
            print(late, file=sys.stderr)
            return 1
    print(status.state)
    return 0 if status.state == "delivered" else 1


if __name__ == "__main__":
    if len(sys.argv) != 3 or not {"BUDSTIKKE_API", "BUDSTIKKE_KEY"} <= os.environ.keys():
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1], sys.argv[2]))
