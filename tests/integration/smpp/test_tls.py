"""TLS with a private authority, a server name and a client certificate (rule 11)."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.smpp.client import connect
from shared.smpp.constants import ESME_RINVSYSID, ESME_ROK
from shared.smpp.errors import BindRefused, ConnectFailed
from shared.smpp.pdu import BindRequest
from shared.smpp.results import Accepted
from shared.smpp.server import ServerSession
from shared.smpp.settings import BindSettings, SessionSettings, Timers
from tests.integration.smpp.peers import MESSAGE, PASSWORD, Lines, Received, Submits

NAME = "smsc.example"


class Authority:
    """A private certificate authority that writes PEM files into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.file = folder / "authority.pem"
        certificate = self._build(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Path:
        """A file with a certificate for this name and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._build(subject, key.public_key(), x509.SubjectAlternativeName([x509.DNSName(name)]))
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_tls(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(authority.issue(NAME))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_settings(port: int, tls: ssl.SSLContext, name: str = NAME) -> BindSettings:
    return BindSettings(host="127.0.0.1", port=port, system_id="esme", password=PASSWORD, ssl=tls, server_hostname=name)


async def test_s2_a_submit_travels_over_tls_on_both_sides(
    lines: Lines, authority: Authority, server_tls: ssl.SSLContext
) -> None:
    server = await lines.listening(submits := Submits(), ssl=server_tls)
    tls = ssl.create_default_context(cafile=str(authority.file))
    tls.load_cert_chain(authority.issue("esme.example"))

    bind = await connect(client_settings(server.port, tls), on_deliver=Received().on_deliver)

    assert await bind.submit(MESSAGE) == Accepted(b"1")
    assert submits.sessions[0].tls is not None
    assert submits.sessions[0].tls.getpeercert()["subject"] == ((("commonName", "esme.example"),),)  # type: ignore[index]
    await bind.unbind(5)


@pytest.mark.parametrize(("trusted", "name"), [(False, NAME), (True, "other.example")], ids=["authority", "name"])
async def test_a_server_that_cannot_be_trusted_is_a_failed_connection(
    lines: Lines, authority: Authority, server_tls: ssl.SSLContext, trusted: bool, name: str
) -> None:
    server = await lines.listening(ssl=server_tls)
    tls = ssl.create_default_context(cafile=str(authority.file) if trusted else None)
    tls.load_cert_chain(authority.issue("esme.example"))

    with pytest.raises(ConnectFailed):
        await connect(client_settings(server.port, tls, name), on_deliver=Received().on_deliver)


async def test_a_client_without_its_certificate_does_not_bind(
    lines: Lines, authority: Authority, server_tls: ssl.SSLContext
) -> None:
    server = await lines.listening(submits := Submits(), ssl=server_tls)

    with pytest.raises(ConnectFailed):
        await connect(
            client_settings(server.port, ssl.create_default_context(cafile=str(authority.file))),
            on_deliver=Received().on_deliver,
        )
    assert submits.binds == []


async def test_s2_a_bind_is_decided_on_by_its_certificate_and_address(
    lines: Lines, authority: Authority, server_tls: ssl.SSLContext
) -> None:
    async def authenticate(session: ServerSession, _: BindRequest) -> int:
        assert session.tls is not None
        assert session.peer.startswith("127.0.0.1:")
        names = [value for _, value in session.tls.getpeercert()["subjectAltName"]]  # type: ignore[index]
        return ESME_ROK if names == ["esme.example"] else ESME_RINVSYSID

    server = await lines.listening(ssl=server_tls, authenticate=authenticate)

    for name, taken in (("esme.example", True), ("other.example", False)):
        tls = ssl.create_default_context(cafile=str(authority.file))
        tls.load_cert_chain(authority.issue(name))
        connecting = connect(client_settings(server.port, tls), on_deliver=Received().on_deliver)
        if taken:
            await (await connecting).unbind(5)
        else:
            with pytest.raises(BindRefused) as caught:
                await connecting
            assert caught.value.status == ESME_RINVSYSID


async def test_s2_a_caller_that_does_not_finish_the_handshake_is_left(lines: Lines, server_tls: ssl.SSLContext) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    settings = SessionSettings(timers=Timers(connect=0.05))
    server = await lines.listening(ssl=server_tls, settings=settings)

    peer = await lines.raw_client(server)

    assert await peer.sees_the_end()
    assert server.sessions == ()
