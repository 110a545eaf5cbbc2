"""Each service runs from what its image holds: `shared/`, itself, and the packages of its lock.

Nothing here can build an image, so its contents are laid out as the Dockerfile says, and every role is started as its
manifest says, but for addresses and ports: logged in as its own user, who may do what Strimzi would let it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.k8s.checks.caching import digest_of, once
from deploy.k8s.roles import BASE, COMMON, Role, folders
from deploy.k8s.strimzi.access import CLIENTS
from deploy.k8s.strimzi.resources import Manifest, users
from deploy.local.bootstrap import read_pip_options, uv_may
from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from services.ingest.clients.access import BrokerAccess
from shared.contracts.topics import LOCAL, specs
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.trust import trusted
from tests.conftest import Stack
from tests.support import wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.admin import (  # type: ignore[import-untyped]
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        KafkaAdminClient,
        ResourcePattern,
        ResourceType,
    )

DOCKERFILE = ROOT / "deploy/image/Dockerfile"
COMPONENTS = BASE.parent / "components"
OVERLAY = BASE.parent / "overlays/production-example/services"
MOUNTS = ("/var/lib/budstikke", "/etc/budstikke", "/run/secrets")
SERVICES = sorted({role.service for role in folders()})
pytestmark = pytest.mark.timeout(600)  # the first time, packages are fetched
PASSWORD = "a-password-of-a-test"
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
PATTERNS = {"literal": ACLResourcePatternType.LITERAL, "prefix": ACLResourcePatternType.PREFIXED}
READY, ENDED = 60.0, 30.0  # seconds; a quiet machine takes 3 and 1


def environment_of(service: str) -> Path:
    """A Python with the packages of the lock that the service's image is made of, and no others; kept between runs."""
    lock = ROOT / f"requirements/services/{service}.txt"
    cache = ROOT / "var/cache/environments" / service
    return once(cache, digest_of([lock], sys.version), lambda venv, _: install(venv, lock)) / "bin/python"


def install(venv: Path, lock: Path) -> None:
    """As the Dockerfile does: by hash, from wheels alone. With uv where it looks where pip is told to look."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=120)
    python, options = (
        str(venv / "bin/python"),
        ["--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)],
    )
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    uv = Path(sys.prefix, "bin/uv")
    if uv.exists() and uv_may(read_pip_options(listing.stdout), {}):
        command = [str(uv), "pip", "install", "--compile-bytecode", "--python", python, *options]
        if subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0:
            return
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", *options], check=True, timeout=600)


def copies(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Source and target of each COPY from the checkout into the image itself, which is the last stage."""
    last = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[-1]
    for line in last.splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            source, target = line.split()[1:]
            yield source, target


def lay_out(service: str, folder: Path) -> None:
    for source, target in copies(DOCKERFILE.read_text(encoding="utf-8")):
        path, place = (ROOT / source.replace("${SERVICE}", service)), folder / target.replace("${SERVICE}", service)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, place)


def compile_once(python: Path, folder: Path) -> None:
    """As the Dockerfile does, for all roles. Where this machine keeps what is compiled is not told."""
    command = [python, "-m", "compileall", "-q", "shared", "services"]
    subprocess.run(command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, check=True, timeout=120)


def told(role: Role) -> dict[str, str]:
    """The variables of a role's manifest; what comes from a Secret is left out."""
    variables: dict[str, str] = {}
    for path in (BASE / COMMON / "settings.env", OVERLAY / "settings.env"):
        lines = (line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
        variables |= dict(line.split("=", 1) for line in lines)
    components = yaml.safe_load((role.folder / "kustomization.yaml").read_text())["components"]
    for folder in (*(COMPONENTS / Path(name).name for name in components), role.folder):
        pod: dict[str, Any] = yaml.safe_load((folder / "deployment.yaml").read_text())["spec"]["template"]
        for container in pod.get("spec", {}).get("containers", ()):
            variables |= {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}
    return variables


def environment(role: Role, stack: Stack, mounts: Path) -> dict[str, str]:
    """What a role is told, with this machine's addresses, and folders for those mounted."""
    variables = {name: f"{mounts}{value}" if value.startswith(MOUNTS) else value for name, value in told(role).items()}
    variables |= {name: "0" for name in variables if name.endswith("_PORT")}
    if "BUDSTIKKE_KAFKA_USER" in variables:  # named after its Deployment by a replacement of kustomize
        variables |= {"BUDSTIKKE_KAFKA_USER": "-".join(role), "BUDSTIKKE_KAFKA_CA": ""}
    return variables | {
        "PATH": "/usr/bin:/bin",
        "BUDSTIKKE_HOST": "127.0.0.1",
        "BUDSTIKKE_HEALTH_PORT": str(free_port()),
        "BUDSTIKKE_KAFKA": stack.kafka,
        "BUDSTIKKE_MESSAGE_PARTITIONS": str(LOCAL.message_partitions),
        "BUDSTIKKE_MONGODB": stack.mongodb,
        "BUDSTIKKE_VALKEY": stack.valkey,
    }


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """What is mounted: the overlay's files, made secrets, an empty key store."""
    folder = tmp_path / "mounts"
    for mount in MOUNTS:
        Path(f"{folder}{mount}").mkdir(parents=True)
    shutil.copytree(OVERLAY / "finance", folder / "etc/budstikke/finance")
    operators = (OVERLAY / "operators.yaml").read_text()
    (folder / "etc/budstikke/operators.yaml").write_text(operators.replace("/run/secrets", f"{folder}/run/secrets"))
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    secrets = {
        "internal/secret": "s" * 32,
        "operators/fjord": "fjord",
        "operators/tinde": "tinde",
        "strex/key.pem": key.decode(),
        "kafka/password": PASSWORD,
    }
    for name, text in secrets.items():
        path = folder / "run/secrets" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


async def run(python: Path, role: Role, told: dict[str, str], folder: Path) -> None:
    """Start a role as its container does, wait until it is ready, and ask it to end; it must end with exit code 0."""
    log = folder.with_name(f"{role.name}.log")
    with log.open("wb") as file:
        child = await asyncio.create_subprocess_exec(
            python, "-m", f"services.{role.service}", role.name, cwd=folder, env=told, stdout=file, stderr=file
        )
    try:
        async with httpx.AsyncClient(verify=trusted(), trust_env=False) as http:

            async def ready() -> bool:
                assert child.returncode is None, said(log)
                try:
                    answer = await http.get(f"http://127.0.0.1:{told['BUDSTIKKE_HEALTH_PORT']}/ready")
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await wait_until(ready, READY, waiting_for=f"{role.service} {role.name}, which says in {log}")
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), ENDED) == 0, said(log)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def said(log: Path) -> str:
    return log.read_text()[-4000:]


@pytest.fixture(scope="module")
def broker(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The overlay's topics and users, on a broker at whose second listener everybody is held to a list."""
    folder = tmp_path_factory.mktemp("secured")
    ports = [free_port() for _ in range(3)]
    server = Kafka(
        data=folder / "data",
        log=folder / "kafka.log",
        port=ports[0],
        controller_port=ports[1],
        clients_port=ports[2],
        jars=jars,
    )
    try:
        server.start()
        server.wait_ready()
        asyncio.run(create(KafkaSettings(bootstrap=server.bootstrap), specs(operators(), LOCAL)))
        let_in(server.bootstrap, list(users(operators())))
        yield server
    finally:
        server.kill()


def operators() -> tuple[str, ...]:
    """Those of the overlay."""
    return tuple(yaml.safe_load((OVERLAY / "operators.yaml").read_text())["operators"])


def let_in(bootstrap: str, manifests: Sequence[Manifest]) -> None:
    """What Strimzi's User Operator does with KafkaUsers: a password, and the access list as it stands there."""
    acls = [
        ACL(
            f"User:{user['metadata']['name']}",
            "*",
            ACLOperation[operation.upper()],
            ACLPermissionType.ALLOW,
            ResourcePattern(
                KINDS[entry["resource"]["type"]], entry["resource"]["name"], PATTERNS[entry["resource"]["patternType"]]
            ),
        )
        for user in manifests
        for entry in user["spec"]["authorization"]["acls"]
        for operation in entry["operations"]
    ]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        assert not admin.create_acls(acls)["failed"]
    finally:
        admin.close()
    with BrokerAccess(bootstrap) as access:
        for user in manifests:
            access.set_password(user["metadata"]["name"], PASSWORD)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_runs_from_its_image_in_each_role_of_its_manifests(
    service: str, broker: Kafka, mongodb: str, valkey: str, mounts: Path, tmp_path: Path
) -> None:
    python = await asyncio.to_thread(environment_of, service)
    stack = Stack(broker.clients_bootstrap, mongodb, valkey)
    lay_out(service, tmp_path / "app")
    compile_once(python, tmp_path / "app")
    async with asyncio.TaskGroup() as group:
        for role in (role for role in folders() if role.service == service):
            group.create_task(run(python, role, environment(role, stack, mounts), tmp_path / "app"))


async def test_a_role_without_a_right_that_it_needs_for_topics_made_later_ends_before_it_is_ready(
    broker: Kafka, mongodb: str, valkey: str, mounts: Path
) -> None:
    """As when services are rolled out and the access lists of before stand: its old pods go on."""
    role, name = Role("dlr", "status"), "status-of-before"
    user = next(one for one in users(operators()) if one["metadata"]["name"] == "-".join(role))
    acls = [one for one in user["spec"]["authorization"]["acls"] if one["resource"]["name"] != CLIENTS]
    assert len(acls) == len(user["spec"]["authorization"]["acls"]) - 1
    before = {"metadata": {"name": name}, "spec": {"authorization": {"acls": acls}}}
    await asyncio.to_thread(let_in, broker.bootstrap, [before])
    variables = environment(role, Stack(broker.clients_bootstrap, mongodb, valkey), mounts)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"services.{role.service}", role.name),
        cwd=ROOT,
        env=variables | {"BUDSTIKKE_KAFKA_USER": name},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(child.communicate(), ENDED)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 2, output.decode()
    assert f"the user {name} of BUDSTIKKE_KAFKA_USER may not describe {CLIENTS}" in output.decode()
    assert '"ready"' not in output.decode()


def test_an_image_holds_shared_and_one_service_and_nothing_else(tmp_path: Path) -> None:
    lay_out("dlr", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["services", "shared"]
    assert sorted(path.name for path in (tmp_path / "services").iterdir()) == ["__init__.py", "dlr"]


def test_the_builder_is_sent_only_what_is_copied() -> None:
    sent = {
        line.removeprefix("!")
        for line in Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    wanted = {source.partition("/")[0] for source, _ in copies(DOCKERFILE.read_text(encoding="utf-8"))}
    assert sent == wanted | {"requirements/services"}
