"""The operators file: links, binds and routes, as YAML with a closed schema. A bad file is refused whole.

Secrets are not in it: a link names the environment variable or the mounted file that holds its password.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from services.dispatch.sender.incoming import Reading
from services.dispatch.sender.parts import LongMessages
from shared.contracts.topics import TEST_OPERATOR
from shared.errors import BadSettings
from shared.smpp.codings import Alphabet
from shared.smpp.constants import ESME_RMSGQFUL, ESME_RSYSERR, ESME_RTHROTTLED

Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9-]{0,30}\Z")]
Prefix = Annotated[str, msgspec.Meta(pattern=r"\A\+[0-9]{0,14}\Z")]


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set of like binds to one operator. Times are seconds."""

    name: Annotated[Name, msgspec.Meta(description="names the link in logs and metrics; unlike any other")]
    host: Annotated[str, msgspec.Meta(description="host of the operator's SMSC")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535, description="its port")]
    system_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="who we are to the operator")]
    password_env: Annotated[
        str | None, msgspec.Meta(description="environment variable that holds the password; either this or the next")
    ] = None
    password_file: Annotated[str | None, msgspec.Meta(description="mounted file that holds the password")] = None
    system_type: Annotated[str, msgspec.Meta(description="as the operator wants it")] = ""
    binds: Annotated[int, msgspec.Meta(ge=1, le=64, description="sessions, all as transceiver")] = 1
    window: Annotated[int, msgspec.Meta(ge=1, le=1000, description="parts without an answer, per bind")] = 50
    response_timeout: Annotated[
        float, msgspec.Meta(gt=0, le=600, description="longest wait for the answer to a part; then it is unknown")
    ] = 30.0
    enquire_link: Annotated[float, msgspec.Meta(gt=0, le=600, description="silence after which the link is tested")] = (
        30.0
    )
    busy_statuses: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=0xFFFFFFFF)], ...],
        msgspec.Meta(description="answers to a part that mean: nothing taken, try again"),
    ] = (ESME_RMSGQFUL, ESME_RTHROTTLED)
    fault_statuses: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=0xFFFFFFFF)], ...],
        msgspec.Meta(
            description="answers that mean: a fault there, nothing taken; the part is tried again, and refused for "
            "good once it failed 5 times while others were taken in between"
        ),
    ] = (ESME_RSYSERR,)
    long_messages: Annotated[
        LongMessages,
        msgspec.Meta(description="in parts with a header, in parts whose place TLVs tell, or whole; charged the same"),
    ] = "udh"
    data_coding_1: Annotated[
        Literal["gsm7", "latin1"],
        msgspec.Meta(description="what `data_coding` 1 is in what it delivers: `latin1` if it really writes ASCII"),
    ] = "gsm7"
    packed_septets: Annotated[
        bool, msgspec.Meta(description="it packs eight septets into seven octets in what it delivers")
    ] = False

    @property
    def reading(self) -> Reading:
        """How it writes what it delivers."""
        return Reading(Alphabet(self.data_coding_1), self.packed_septets)


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operator and how it is reached: one link, of one or more binds."""

    links: Annotated[tuple[Link, ...], msgspec.Meta(min_length=1, max_length=1, description="how it is reached")]


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that begin with `prefix` go to `operator`: the longest prefix decides, then the order in the file."""

    prefix: Annotated[Prefix, msgspec.Meta(description="beginning of numbers in E.164; `+` is all of them")]
    operator: Annotated[Name, msgspec.Meta(description="where they go; one of `operators`")]
    id: Annotated[str, msgspec.Meta(description="what events and reports show; empty: `<prefix>><operator>`")] = ""

    @property
    def route_id(self) -> str:
        """Id in events and reports."""
        return self.id or f"{self.prefix}>{self.operator}"


class Operators(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    operators: Annotated[dict[Name, Operator], msgspec.Meta(description="by name; `test` is taken")]
    routes: Annotated[tuple[Route, ...], msgspec.Meta(description="which numbers go where")]


def load(path: Path) -> Operators:
    """Read and check the file. Raises `BadSettings` that names the place in the file and the reason."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadSettings("bad_operators", f"BUDSTIKKE_OPERATORS: cannot be read ({error.strerror})") from None
    return parse(content)


def parse(content: bytes) -> Operators:
    """Check the content of an operators file."""
    try:
        found = msgspec.yaml.decode(content, type=Operators)
    except msgspec.ValidationError as error:
        raise BadSettings("bad_operators", f"BUDSTIKKE_OPERATORS: {error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        # What YAML's own errors say quotes the file, which may hold what should not be in it.
        mark = getattr(error.__cause__, "problem_mark", None)
        place = f" - at line {mark.line + 1}" if mark is not None else ""
        raise BadSettings("bad_operators", f"BUDSTIKKE_OPERATORS: not valid YAML in UTF-8{place}") from None
    if not found.operators:
        raise BadSettings("bad_operators", "BUDSTIKKE_OPERATORS: no operator - at `$.operators`")
    for position, route in enumerate(found.routes):
        if route.operator not in found.operators:
            raise BadSettings("bad_operators", f"BUDSTIKKE_OPERATORS: unknown operator - at `$.routes[{position}]`")
    if TEST_OPERATOR in found.operators:
        raise BadSettings("bad_operators", "BUDSTIKKE_OPERATORS: the name `test` is taken - at `$.operators.test`")
    names = [link.name for operator in found.operators.values() for link in operator.links]
    if len(names) != len(set(names)):
        raise BadSettings("bad_operators", "BUDSTIKKE_OPERATORS: two links have the same name")
    for name, operator in found.operators.items():
        for position, link in enumerate(operator.links):
            if (link.password_env is None) == (link.password_file is None):
                place = f"$.operators.{name}.links[{position}]"
                raise BadSettings(
                    "bad_operators", f"BUDSTIKKE_OPERATORS: name either password_env or password_file - at `{place}`"
                )
    return found


def password_of(link: Link, environment: Mapping[str, str]) -> str:
    """The password of a link, from where the link says. Raises `BadSettings` that names the place, not the value."""
    if link.password_env is not None:
        password = environment.get(link.password_env)
        if not password:
            raise BadSettings("no_password", f"{link.password_env}: the password of link {link.name} is not set")
        return password
    try:
        password = Path(link.password_file or "").read_text().rstrip("\r\n")
    except OSError as error:
        raise BadSettings(
            "no_password", f"the password file of link {link.name} cannot be read ({error.strerror})"
        ) from None
    except UnicodeDecodeError:
        raise BadSettings("no_password", f"the password file of link {link.name} is not UTF-8") from None
    if not password:
        raise BadSettings("no_password", f"the password file of link {link.name} is empty")
    return password
