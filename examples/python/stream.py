"""Publish a request on Kafka and read events until its message is final: `stream.py <number> <text>`.

Needs BUDSTIKKE_KAFKA_CLIENTS, BUDSTIKKE_KAFKA_USER and BUDSTIKKE_KAFKA_PASSWORD in the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients/python"))  # or: pip install budstikke-client

from budstikke_client.kafka import EventReader, Publisher

NEEDED = {"BUDSTIKKE_KAFKA_CLIENTS", "BUDSTIKKE_KAFKA_USER", "BUDSTIKKE_KAFKA_PASSWORD"}
ACCOUNT = os.environ.get("BUDSTIKKE_ACCOUNT", "demo")


async def send(number: str, text: str) -> int:
    """The exit code: 0 delivered."""
    bootstrap = os.environ["BUDSTIKKE_KAFKA_CLIENTS"]
    user, password = os.environ["BUDSTIKKE_KAFKA_USER"], os.environ["BUDSTIKKE_KAFKA_PASSWORD"]
    reference = f"order-{uuid.uuid4().hex[:8]}"
    async with Publisher(bootstrap, account=ACCOUNT, user=user, password=password) as publisher:
        request_id = await publisher.send(number, text, request_id=reference, reference=reference, category="otp")
    async with EventReader(bootstrap, account=ACCOUNT, user=user, password=password, group="example") as events:
        async for event in events:
            final = None
            if event.data.get("request_id") == request_id:
                print(f"refused: {event.data['problem']['code']}")
                final = 2
            elif event.data.get("reference") == reference:
                print(f"{event.data['state']} {event.data['id']}")
                if event.data["final"]:
                    final = 0 if event.data["state"] == "delivered" else 1
            await events.commit()  # dealt with: after a restart it does not come again
            if final is not None:
                return final
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 3 or not os.environ.keys() >= NEEDED:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(asyncio.run(asyncio.wait_for(send(sys.argv[1], sys.argv[2]), 90.0)))
