"""Take webhooks: `receiver.py <port>`, with the endpoint's secret in BUDSTIKKE_WEBHOOK_SECRET.

Answers 204 to what the gateway signed, 400 to anything else. Each event is printed once, however often it comes: keep
the ids where your data are, and in the same transaction.
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients/python"))  # or: pip install budstikke-client

from budstikke_client import BadSignature, Webhook

MOST_OCTETS = 1 << 20


class Receiver(BaseHTTPRequestHandler):
    """One request. `webhook` and `seen` are set by `serve`."""

    webhook: Webhook
    seen: set[str]
    timeout = 10

    def do_POST(self) -> None:
        """Verify, remember, answer quickly: what takes long belongs behind the answer."""
        length = int(self.headers.get("content-length", "0"))
        if length > MOST_OCTETS:
            return self._answer(413)
        try:
            event = self.webhook.verify(dict(self.headers.items()), self.rfile.read(length))
        except BadSignature as bad:
            print(f"not believed: {bad}", flush=True)
            return self._answer(400)
        if event.id not in self.seen:
            self.seen.add(event.id)
            print(f"{event.type} {event.data.get('id', '')}", flush=True)
        return self._answer(204)

    def log_message(self, *_: object) -> None:
        """Nothing: what matters is printed above."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()


def serve(port: int, secret: str) -> None:
    """Until Ctrl-C."""
    Receiver.webhook, Receiver.seen = Webhook(secret), set()
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        print(f"listening on {server.server_port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdecimal() or "BUDSTIKKE_WEBHOOK_SECRET" not in os.environ:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    serve(int(sys.argv[1]), os.environ["BUDSTIKKE_WEBHOOK_SECRET"])
