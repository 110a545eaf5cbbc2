"""`make run`: everything up, one message through, stay, everything down."""

from __future__ import annotations

import subprocess
import sys
import time

from deploy.local import broker_files, local_env, plan, topics
from deploy.local.instance import PID_FILES, only_one
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import require_free
from deploy.local.process import end_stale
from deploy.local.settings import ROOT, LocalSettings, Port
from deploy.local.stopping import StopAsked, StopSignals
from deploy.local.supervisor import Supervisor
from deploy.local.terminal import Style, Terminal
from deploy.local.tour import message
from deploy.local.tour.gateway import Gateway
from deploy.local.tour.steps import STEPS, walk
from deploy.local.valkey import Valkey
from deploy.local.welcome import next_steps
from shared.errors import BudstikkeError, Fatal

_START = 180.0  # seconds; a broker killed at work reads its logs first
_STOP = 30.0  # seconds for each process, above the services' own time to drain


def run(settings: LocalSettings, terminal: Terminal) -> int:
    """Run until a signal comes (exit code 0) or something fails (1)."""
    supervisor = Supervisor(terminal)
    with StopSignals() as signals:
        try:
            plan.operators_file(settings)  # one that is refused leaves no folder behind
            with only_one(settings.var):
                return _live(settings, terminal, supervisor, signals)
        except BudstikkeError as error:
            terminal.failed(error.detail)
            return 1


def _live(settings: LocalSettings, terminal: Terminal, supervisor: Supervisor, signals: StopSignals) -> int:
    code = 0
    try:
        plan.write_operators(settings)
        _clear_the_way(settings)
        _start(settings, terminal, supervisor)
        supervisor.watch()
    except StopAsked:
        pass
    except BudstikkeError as error:
        terminal.line()
        terminal.failed(error.detail)
        code = 1
    finally:
        signals.hush()
        local_env.remove(settings.environment)
        supervisor.stop(_STOP)
    return code


def _clear_the_way(settings: LocalSettings) -> None:
    """End what a killed run left behind, then look at all ports before anything starts."""
    local_env.remove(settings.environment)
    for pid_file in settings.var.glob(PID_FILES):
        end_stale(pid_file)
    for purpose, port in plan.ports(settings).items():
        require_free(port, purpose.replace("_", " ").lower())


def _start(settings: LocalSettings, terminal: Terminal, supervisor: Supervisor) -> None:
    began = time.monotonic()
    terminal.title("Starting the stack")
    kafka, mongodb, valkey = _servers(settings, terminal)
    supervisor.start([valkey, mongodb, kafka, *plan.simulators(settings)], _START)
    told = plan.environment(settings, kafka=kafka.bootstrap, mongodb=mongodb.uri, valkey=valkey.url)
    catalogue = topics.catalogue(settings)
    new = catalogue.create(kafka.bootstrap)
    terminal.done("topics", f"{len(catalogue.specs)} there, {len(new)} of them new")
    key = _provision(settings, told, "demo")
    terminal.done("demo account", f"key in {settings.keys / 'demo-key'}")
    _provision_number(told)
    terminal.done("demo number", "2002, with the keywords BLOMST and TIPS")
    staff_key = _provision(settings, told, "staff")
    terminal.done("staff", f"key in {settings.keys / 'staff-key'}")

    terminal.title("Starting the services")
    supervisor.start(plan.services(settings, told), _START)
    terminal.done("all ready", terminal.paint(f"after {time.monotonic() - began:.1f} s", Style.GOOD))
    public = plan.public(settings, told, key, staff_key)
    local_env.write(settings.environment, public)
    _show(settings, terminal, public)
    next_steps(settings, terminal)


def _servers(settings: LocalSettings, terminal: Terminal) -> tuple[Kafka, MongoDB, Valkey]:
    files = broker_files.prepare(settings.jars, terminal)
    return (
        Kafka(
            data=settings.data / "kafka",
            log=settings.logs / "kafka.log",
            port=settings.port(Port.KAFKA),
            controller_port=settings.port(Port.KAFKA_CONTROLLER),
            clients_port=settings.port(Port.KAFKA_CLIENTS),
            jars=files,
        ),
        MongoDB(data=settings.data / "mongodb", log=settings.logs / "mongodb.log", port=settings.port(Port.MONGODB)),
        Valkey(data=settings.data / "valkey", log=settings.logs / "valkey.log", port=settings.port(Port.VALKEY)),
    )


def _provision_number(told: dict[str, str]) -> None:
    """Give the account `demo` a short number with keywords, if it has none."""
    made = subprocess.run(
        [sys.executable, "-m", "services.dlr", "provision-demo"],
        cwd=ROOT,
        env=plan.with_health_port(told, 0),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if made.returncode:
        raise Fatal("no_demo_number", f"the number of demo could not be made:\n{made.stdout}{made.stderr}")


def _provision(settings: LocalSettings, told: dict[str, str], whose: str) -> str:
    """Make the account `demo`, or the first administrator (`staff`), once per data folder; the key."""
    key_file = settings.keys / f"{whose}-key"
    made = subprocess.run(
        [sys.executable, "-m", "services.ingest", f"provision-{whose}", "--key-file", str(key_file)],
        cwd=ROOT,
        env=plan.with_health_port(told, 0),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if made.returncode or not key_file.exists():
        raise Fatal(f"no_{whose}_key", f"the key of {whose} could not be made:\n{made.stdout}{made.stderr}")
    return key_file.read_text().strip()


def _show(settings: LocalSettings, terminal: Terminal, public: dict[str, str]) -> None:
    """The tour; before operators of the user's own one test message, for a real one would bring it to somebody."""
    began = time.monotonic()
    with Gateway(public) as gateway:
        if settings.own_operators is not None:
            terminal.title("Sending a test message, which reaches no operator of yours")
            message.show(gateway, terminal, test=True)
            return
        walk(gateway, terminal, STEPS)
    terminal.done("the tour", f"took {time.monotonic() - began:.1f} s; a step again: {settings.make('demo-hold')}")
