"""What the SMPP stack reaches on this machine: `python -m tests.bench.bench_smpp`, or `make bench-smpp`.

Client and server are processes on loopback, each on a core of its own where there are two, and npm `smpp` takes the
place of either in the same run; what a text and a number cost (`bench_text`) comes along. CPU is the figure to trust:
rates depend on what else the machine does. Each target counts the best of three rounds. The exit code is 1 when a
figure is under 80 % of its target.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import timeit
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from deploy.local.settings import ROOT
from docs import generate
from docs.sections.figures import Figure
from shared.smpp.codec import HEADER, decode_submit_sm, encode_bind, encode_message
from shared.smpp.constants import BIND_TRANSCEIVER, SUBMIT_SM
from shared.smpp.pdu import BindRequest
from tests.bench.bench_text import measured
from tests.bench.recording import judged_figures, record
from tests.bench.smpp_ends import MESSAGE, Spent
from tests.bench.targets import Target, judged
from tests.interop.installed import NODE_MODULES, NPM_SMPP

WINDOW: Final = 50
BINDS: Final = 1_000
CORES: Final = sorted(os.sched_getaffinity(0))

ENCODE = Target("submit_sm with three TLVs: encode", 4, "us", at_most=True)
DECODE = Target("submit_sm with three TLVs: decode", 6, "us", at_most=True)
RATE = Target(f"submits at window {WINDOW}", 50_000, "messages/s")
CLIENT = Target("client CPU", 15, "ms per 1,000", at_most=True)
SERVER = Target("server CPU", 15, "ms per 1,000", at_most=True)
IDLE = Target(f"{BINDS:,} idle binds", 60, "MB", at_most=True)
CLIENT_RATE = Target("client against npm's, on our server: rate", 2, "times")
CLIENT_CPU = Target("client against npm's, on our server: CPU", 2, "times less")
SERVER_RATE = Target("server against npm's, under our client: rate", 2, "times")
SERVER_CPU = Target("server against npm's, under our client: CPU", 2, "times less")

OURS: Final = (sys.executable, "-m", "tests.bench.smpp_ends")
NPM: Final = ("node", str(Path(__file__).with_name("smpp_npm.js")))
SIMULATOR: Final = (sys.executable, "-m", "simulators.smsc", "--name", "bench", "--receipt-delay", "0.2")


class Run(msgspec.Struct, frozen=True):
    """One run of a client on a server: messages a second, and CPU milliseconds per 1,000 messages."""

    rate: float
    client: float
    server: float

    def row(self, name: str) -> str:
        """One line of the table of what has no target."""
        return f"{name:52}{self.rate:12,.0f}/s   client {self.client:5.1f}   server {self.server:5.1f} ms per 1,000"

    def figure(self, name: str) -> Figure:
        """The same for the page."""
        return Figure(
            name,
            f"{self.rate:,.0f} messages/s; CPU {self.client:.1f} + {self.server:.1f} ms per 1,000 (client + server)",
        )


class Server(msgspec.Struct, frozen=True):
    """A running server."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """User and system time (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Of memory in use (Linux)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def say(line: str) -> None:
    """One line of the table."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def started(command: Sequence[str], core: int) -> subprocess.Popen[bytes]:
    """A process on one core, which ends with its standard input."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )


@contextmanager
def running(command: Sequence[str]) -> Iterator[Server]:
    """A server on the first core."""
    with started(command, CORES[0]) as process:
        assert process.stdout is not None
        try:
            said = msgspec.json.decode(process.stdout.readline())
            yield Server(process.pid, said if isinstance(said, int) else said["smpp_port"])
        finally:
            process.terminate()


def measure(server: Server, client: Sequence[str], messages: int, *, window: int = WINDOW, receipts: int = 0) -> Run:
    """One client on the last core until all its messages were answered."""
    before = server.cpu_seconds()
    options = [server.port, window, messages, *([receipts] if receipts else [])]
    with started((*client, "client", *map(str, options)), CORES[-1]) as process:
        output, _ = process.communicate(timeout=300)
    if process.returncode:
        raise SystemExit("a client has failed; its words are above")
    spent = msgspec.json.decode(output, type=Spent)
    thousands = messages / 1_000
    used = server.cpu_seconds() - before
    return Run(messages / spent.wall, spent.cpu * 1_000 / thousands, used * 1_000 / thousands)


def codec() -> dict[Target, float]:
    """Microseconds to write and read one submit_sm."""
    body = encode_message(SUBMIT_SM, 1, MESSAGE)[HEADER.size :]
    calls = {ENCODE: lambda: encode_message(SUBMIT_SM, 1, MESSAGE), DECODE: lambda: decode_submit_sm(body)}
    return {target: timeit.timeit(call, number=50_000) / 50_000 * 1e6 for target, call in calls.items()}


async def growth(server: Server) -> float:
    """Megabytes that a server takes for ESMEs that are bound and say nothing."""
    before = server.megabytes()
    async with AsyncExitStack() as stack:
        for number in range(BINDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(writer.close)
            writer.write(encode_bind(BIND_TRANSCEIVER, 1, BindRequest(b"esme-%d" % (number % 50))))
            await reader.readexactly(HEADER.size)
        return server.megabytes() - before


def rounds(messages: int, times: int) -> dict[Target, list[float]]:
    """Every figure with a target, so many times."""
    figures: dict[Target, list[float]] = {}

    def add(target: Target, figure: float) -> None:
        figures.setdefault(target, []).append(figure)

    for _ in range(times):
        for target, figure in codec().items():
            add(target, figure)
        with running((*OURS, "server")) as server:
            add(IDLE, uvloop.run(growth(server)))
        with running((*OURS, "server")) as server:
            ours = measure(server, OURS, messages)
            theirs = measure(server, NPM, messages // 2) if NPM_SMPP.present() else None
        add(RATE, ours.rate)
        add(CLIENT, ours.client)
        add(SERVER, ours.server)
        say(ours.row("our client, our server"))
        if theirs is None:
            continue
        with running((*NPM, "server")) as server:
            on_theirs = measure(server, OURS, messages // 2)
        say(theirs.row("npm's client, our server"))
        say(on_theirs.row("our client, npm's server"))
        add(CLIENT_RATE, ours.rate / theirs.rate)
        add(CLIENT_CPU, theirs.client / ours.client)
        add(SERVER_RATE, ours.rate / on_theirs.rate)
        add(SERVER_CPU, on_theirs.server / ours.server)
    return figures


def others(messages: int) -> dict[str, Run]:
    """What else is worth knowing, once each."""
    found = {}
    for window in (10, 200):
        with running((*OURS, "server")) as server:
            found[f"our client, our server, window {window}"] = measure(server, OURS, messages, window=window)
    with running(SIMULATOR) as server:
        found["our client, the simulator, with receipts"] = measure(server, OURS, messages // 2, receipts=messages // 2)
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000, help="messages a run (default 100,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (default 3)")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    if not NPM_SMPP.present():
        say(f"Without npm smpp, which this installs: {NPM_SMPP.install}")
    figures = rounds(options.messages, options.rounds) | measured()
    without = others(options.messages)
    for name, run in without.items():
        say(run.row(name))
    if options.record:
        rows = [run.figure(name) for name, run in without.items()]
        record("smpp", [*judged_figures(figures), *rows], load=load)
        generate.main([])
    return judged(figures)


if __name__ == "__main__":
    sys.exit(main())
