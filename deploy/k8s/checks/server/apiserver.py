"""A Kubernetes API server on this machine alone: it admits or refuses manifests, and runs none of them."""

from __future__ import annotations

import secrets
import ssl
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import Request, urlopen

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from deploy.k8s.checks.manifests import Manifest
from deploy.k8s.checks.server.programs import Programs
from deploy.k8s.checks.tools import Tools
from deploy.local.ports import HOST, free_port
from deploy.local.process import Process
from shared.errors import Fatal

_READY: Final = 60.0
_SECONDS: Final = 120.0


class ApiServer:
    """etcd and kube-apiserver on free ports of this host, with their data in `folder`, and kubectl as its caller."""

    def __init__(self, programs: Programs, kubectl: Path, folder: Path) -> None:
        self._kubectl = kubectl
        self._token = secrets.token_urlsafe(24)
        self._url = f"https://{HOST}:{(port := free_port())}"
        etcd, peers = (f"http://{HOST}:{free_port()}" for _ in range(2))
        keys = _keys(folder, self._token)
        self._processes = [
            _process(
                folder,
                programs.etcd,
                "--unsafe-no-fsync",
                f"--data-dir={folder / 'data'}",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peers}",
            ),
            _process(
                folder,
                programs.server,
                f"--etcd-servers={etcd}",
                f"--bind-address={HOST}",
                f"--secure-port={port}",
                f"--cert-dir={folder / 'certificates'}",
                f"--service-account-issuer={self._url}",
                f"--service-account-signing-key-file={keys / 'private.pem'}",
                f"--service-account-key-file={keys / 'public.pem'}",
                f"--token-auth-file={keys / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
                "--disable-admission-plugins=ServiceAccount",
            ),
        ]

    def start(self) -> None:
        """Start both and wait until the server is ready. Raises Fatal `not_ready`."""
        for process in self._processes:
            process.start()
        self._processes[-1].wait_ready(self._ready, _READY)

    def stop(self) -> None:
        """End both."""
        for process in reversed(self._processes):
            process.stop(10.0)

    def define(self, definitions: Iterable[Path]) -> None:
        """Make custom resources known, and wait until they are. Raises Fatal `k8s_server`."""
        names = [word for path in definitions for word in ("-f", str(path))]
        for command in (("apply", "--server-side"), ("wait", "--for=condition=Established", "--timeout=60s")):
            if said := self._run([*command, *names]):
                raise Fatal("k8s_server", said)

    def make(self, manifests: Iterable[Manifest]) -> None:
        """Make these for real. Raises Fatal `k8s_server`."""
        if said := self._run(["apply", "--server-side", "-f", "-"], manifests):
            raise Fatal("k8s_server", said)

    def objections(self, manifests: Iterable[Manifest]) -> str:
        """What the server says against these, warnings too, if they were applied now; nothing when all is well."""
        return self._run(["apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "-f", "-"], manifests)

    def _ready(self) -> bool:
        request = Request(f"{self._url}/readyz", headers={"authorization": f"Bearer {self._token}"})  # noqa: S310 - ours
        try:
            with urlopen(request, timeout=5, context=_trusting()) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _run(self, command: Sequence[str], manifests: Iterable[Manifest] | None = None) -> str:
        """What kubectl says when it fails."""
        run = subprocess.run(  # noqa: S603 - our own tool
            [str(self._kubectl), *self._access(), *command],
            input=None if manifests is None else yaml.safe_dump_all(manifests),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return (run.stderr or run.stdout).strip() if run.returncode else ""

    def _access(self) -> list[str]:
        return [
            f"--server={self._url}",
            f"--token={self._token}",
            "--insecure-skip-tls-verify",
            "--kubeconfig=/dev/null",
        ]


@contextmanager
def running(programs: Programs, tools: Tools, folder: Path) -> Iterator[ApiServer]:
    """A server that knows the custom resources, ended at the end."""
    server = ApiServer(programs, tools.kubectl, folder)
    try:
        server.start()
        server.define(sorted([*programs.definitions.iterdir(), *tools.definitions.iterdir()]))
        yield server
    finally:
        server.stop()


def _process(folder: Path, program: Path, *options: str) -> Process:
    return Process(
        program.name,
        [str(program), *options],
        log=folder / f"{program.name}.log",
        pid_file=folder / f"{program.name}.pid",
    )


def _keys(folder: Path, token: str) -> Path:
    """Those that tokens of service accounts are signed with, and who may do anything."""
    keys = folder / "keys"
    keys.mkdir()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (
        ("private.pem", private),
        ("public.pem", public),
        ("tokens.csv", f"{token},admin,admin,system:masters\n".encode()),
    ):
        (keys / name).write_bytes(content)
    return keys


def _trusting() -> ssl.SSLContext:
    """The certificate is made at each start; nobody but this host reaches the port."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
