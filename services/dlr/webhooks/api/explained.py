"""What the codes mean that the management of webhooks shows, beside those of every call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.dlr.webhooks.client.outcome import Failure
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import Off
from shared.explanations import Explanation

FAILURES: Final[Mapping[Failure, Explanation]] = {
    Failure.URL_REFUSED: Explanation("The URL is not one that webhooks are sent to.", "Use `https` on a public host."),
    Failure.ADDRESS_REFUSED: Explanation(
        "The host has a private, loopback or link-local address.", "Let its name lead to public addresses alone."
    ),
    Failure.UNRESOLVED: Explanation("The host's name has no address.", "Check the name and its DNS."),
    Failure.CONNECT_FAILED: Explanation("The host refused the connection.", "Check that something listens there."),
    Failure.CONNECT_TIMEOUT: Explanation("The host did not take the connection in time.", "Check its firewall."),
    Failure.TLS_FAILED: Explanation(
        "No common version of TLS, or a certificate that does not prove the host's name.",
        "Serve TLS 1.2 or newer, with a whole chain of certificates.",
    ),
    Failure.TIMEOUT: Explanation(
        "The host took the connection and did not answer in time.", "Answer first, work afterwards."
    ),
    Failure.CLOSED: Explanation("The host closed before it answered.", "See the logs of the endpoint and its proxies."),
    Failure.BAD_RESPONSE: Explanation("What came back is no HTTP/1.1 answer.", "See what answers at that port."),
    Failure.BUSY: Explanation("No connection came free in time; nothing was sent.", "Nothing: it is tried again."),
}
"""Why one attempt had no answer."""

ENDS: Final[Mapping[End, Explanation]] = {
    End.TIME_IS_UP: Explanation("24 hours of attempts have failed.", "Mend the endpoint, then replay the delivery."),
    End.GONE: Explanation("The endpoint answered 410.", "Switch it on again, then replay the delivery."),
    End.SWITCHED_OFF: Explanation(
        "The endpoint is switched off or was deleted.", "Switch it on again, then replay the delivery."
    ),
    End.URL_REFUSED: Explanation(
        "The `callback_url` is not one that webhooks are sent to.", "Correct it in new messages."
    ),
    End.UNREADABLE: Explanation("The event cannot be opened any more: it was erased.", "Nothing."),
}
"""Why a delivery is dead."""

OFFS: Final[Mapping[Off, Explanation]] = {
    Off.BY_CUSTOMER: Explanation("You switched it off.", "Switch it on with `enabled`."),
    Off.GONE: Explanation("It answered 410.", "Mend it, then switch it on with `enabled`."),
    Off.FAILING: Explanation("Nothing but failures for three days.", "Mend it, then switch it on with `enabled`."),
}
"""Why an endpoint is switched off."""
