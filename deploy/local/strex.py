"""The simulated Strex of a run, and what the services are told of it. Only a run with simulators has one."""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.local.private_files import keep
from deploy.local.settings import LocalSettings, Port

KEY_NAME = "budstikke"
_REPORTS = "/strex/reports"
_AGREEMENTS = Path(__file__).with_name("agreements.yaml")


def environment(settings: LocalSettings) -> dict[str, str]:
    """What the services are told; the key that signs our calls is made at the first call."""
    return {
        "BUDSTIKKE_STREX_URL": settings.url(Port.STREX),
        "BUDSTIKKE_STREX_KEY": str(_key(settings)),
        "BUDSTIKKE_STREX_KEY_NAME": KEY_NAME,
        "BUDSTIKKE_STREX_PORT": str(settings.port(Port.STREX_REPORTS)),
        "BUDSTIKKE_STREX_REPORTS": settings.url(Port.STREX_REPORTS),
        "BUDSTIKKE_PREMIUM_AGREEMENTS": str(_AGREEMENTS),
        "BUDSTIKKE_PREMIUM_EXPORT": settings.url(Port.STREX) + "/api/export/transactions/{date}.csv",
        "BUDSTIKKE_PREMIUM_EXPORT_KEY": _api_key(settings),
    }


def options(settings: LocalSettings) -> list[str]:
    """Arguments of the simulator."""
    told = {
        "port": str(settings.port(Port.STREX)),
        "control-port": str(settings.port(Port.STREX_CONTROL)),
        "key": f"{KEY_NAME}={_key(settings)}",
        "reports": settings.url(Port.STREX_REPORTS) + _REPORTS,
        "api-key": _api_key(settings),
    }
    return [word for name, value in told.items() for word in (f"--{name}", value)]


def _key(settings: LocalSettings) -> Path:
    path = settings.keys / "strex.pem"
    keep(path, _new_key)
    return path


def _api_key(settings: LocalSettings) -> str:
    return keep(settings.keys / "strex-api-key", lambda: secrets.token_hex(16))


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
