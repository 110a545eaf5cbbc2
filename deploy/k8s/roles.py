"""The roles as the services name them, and what each one's manifest has to hold.

`python -m deploy.k8s.roles` makes the folders of roles that have none yet, whose sizes are then to be thought of, and
renews the list of components of those whose settings have changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from deploy.local.settings import ROOT
from docs.sections import settings as documented
from shared.errors import Fatal
from shared.settings import RoleSettings

BASE: Final = Path(__file__).with_name("base")
COMMON: Final = "common"

COMPONENTS: Final[Mapping[str, str]] = {
    "kafka": "kafka",
    "mongodb": "mongodb",
    "valkey": "valkey",
    "key_store": "keys",
    "internal_secret": "internal",
    "operators": "operators",
    "prices": "prices",
    "seller": "seller",
    "premium_terms": "premium-terms",
    "premium_agreements": "premium-agreements",
    "strex_key": "strex",
}
"""By which component a role gets what a setting of it names. With a port beside that of its probes it is a server."""

_ORDER: Final = ("role", "server", *COMPONENTS.values())
_COMPONENTS: Final = re.compile(r"^components:\n(?:  - .+\n)+", re.MULTILINE)
_SECONDS: Final = 60.0
_KUSTOMIZATION: Final = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
components:
{components}
labels:
  - includeSelectors: true
    pairs: {{app.kubernetes.io/name: {service}, app.kubernetes.io/component: {role}}}
"""
_DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {service}-{role}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: role
          image: budstikke/{service}
          args: [services.{service}, {role}]
          resources:
            requests: {{cpu: 250m, memory: 192Mi}}
            limits: {{cpu: "2", memory: 512Mi}}
"""
_OF_SERVICE: Final = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
{roles}
labels:
  - pairs: {{app.kubernetes.io/part-of: budstikke}}
"""


class Role(NamedTuple):
    """One role of one service."""

    service: str
    name: str

    @property
    def folder(self) -> Path:
        """Of its manifest."""
        return BASE / self.service / self.name


def roles() -> list[Role]:
    """Every role of every service, as `python -m services.<service>` names them. Raises Fatal `no_roles`."""
    services = sorted(path.parent.name for path in Path(ROOT, "services").glob("*/__main__.py"))
    with ThreadPoolExecutor(2) as pool:
        named = pool.map(_named, services)
        return [Role(service, name) for service, names in zip(services, named, strict=True) for name in names]


def _named(service: str) -> list[str]:
    command = [sys.executable, "-m", f"services.{service}"]
    run = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    found = re.search(r"roles: (.+)", run.stderr)
    if not found:
        last = (run.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Fatal("no_roles", f"`python -m services.{service}` names no roles: {last}")
    return found[1].split(", ")


def folders() -> list[Role]:
    """Every role that has a folder."""
    found = (Role(path.parent.name, path.name) for path in BASE.glob("*/*/"))
    return sorted(role for role in found if role.service != COMMON)


def settings_of(role: Role) -> type[RoleSettings]:
    """What the role reads: the class whose docstring begins with its name. Raises Fatal `no_settings`."""
    start = f"Role `{role.name}`"
    kinds = [kind for kind in documented.roles(role.service) if (kind.__doc__ or "").startswith(start)]
    if len(kinds) != 1:
        raise Fatal("no_settings", f"services/{role.service}/settings.py needs one class that begins with: {start}")
    return kinds[0]


def components_of(kind: type[RoleSettings]) -> list[str]:
    """The components that a role with these settings is made of, in order."""
    fields = kind.model_fields
    wanted = {"role", *(component for field, component in COMPONENTS.items() if field in fields)}
    if any(name.endswith("_port") and name != "health_port" for name in fields):
        wanted.add("server")
    return [component for component in _ORDER if component in wanted]


def make(role: Role) -> None:
    """Write the folder of a role that has none, and name it in its service."""
    role.folder.mkdir(parents=True)
    for name, text in (("kustomization.yaml", _KUSTOMIZATION), ("deployment.yaml", _DEPLOYMENT)):
        filled = text.format(service=role.service, role=role.name, components=_listed(role))
        (role.folder / name).write_text(filled, encoding="utf-8")
    names = "\n".join(f"  - {one.name}" for one in folders() if one.service == role.service)
    (role.folder.parent / "kustomization.yaml").write_text(_OF_SERVICE.format(roles=names), encoding="utf-8")


def renew(role: Role) -> bool:
    """Bring the components of a role's folder in line with its settings; whether they were not."""
    path = role.folder / "kustomization.yaml"
    before = path.read_text(encoding="utf-8")
    after = _COMPONENTS.sub(f"components:\n{_listed(role)}\n", before, count=1)
    path.write_text(after, encoding="utf-8")
    return after != before


def _listed(role: Role) -> str:
    return "\n".join(f"  - ../../../components/{name}" for name in components_of(settings_of(role)))


def main() -> None:
    """Make and renew, and say what."""
    there = set(folders())
    for role in roles():
        if role not in there:
            make(role)
            sys.stdout.write(f"made {role.folder.relative_to(ROOT)}\n")
        elif renew(role):
            sys.stdout.write(f"renewed {role.folder.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
