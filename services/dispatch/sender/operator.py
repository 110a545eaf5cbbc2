"""Everything that serves one operator, as one component: link, ledger, leases, receipts, and a runner per lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.dispatch.operators.config import Link as LinkConfig
from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.lease import LIFETIME
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.news import LinkNews
from services.dispatch.sender.receipts import ReceiptRelay
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.submitting import Submitter
from shared.lifecycle import Health, first_end
from shared.smpp.link import Link, LinkChange
from shared.smpp.settings import BindSettings, SessionSettings, Timers


def bind_settings(config: LinkConfig, password: str) -> Sequence[BindSettings]:
    """The binds of a link, alike."""
    timers = Timers(response=config.response_timeout, enquire=config.enquire_link)
    bind = BindSettings(
        host=config.host,
        port=config.port,
        system_id=config.system_id,
        password=password,
        system_type=config.system_type,
        session=SessionSettings(window=config.window, timers=timers),
    )
    return [bind] * config.binds


class OperatorLink:
    """The parts of a sender that live as long as the process, started before the lanes and stopped after them."""

    def __init__(
        self,
        operator: str,
        link: Link,
        submitter: Submitter,
        settler: Settler,
        relay: ReceiptRelay,
        leases: HeldLeases,
        news: LinkNews,
    ) -> None:
        self.name = f"operator {operator}"
        self._link = link
        self._submitter = submitter
        self._settler = settler
        self._relay = relay
        self._leases = leases
        self._news = news
        self._started = False

    async def start(self) -> None:
        """Begin to bind; returns at once, for an operator that is down stops nobody else."""
        self._leases.start()
        self._settler.start()
        self._submitter.start()
        self._relay.start()
        self._news.start()
        self._link.start()
        self._started = True

    async def stop(self, deadline: float) -> None:
        """Let what was begun come to its end; unbind, which waits for answers and leaves no part without a result; put
        the results on record; release.
        """
        self._started = False
        await self._news.stop()
        await self._submitter.stop(deadline / 4)
        await self._link.stop(min(deadline / 2, LIFETIME))
        await self._settler.stop(deadline / 4)
        await self._relay.stop()
        await self._leases.stop()

    async def wait(self) -> None:
        """Return or raise when one of the loops ended by itself."""
        parts = (self._submitter, self._settler, self._relay, self._leases, self._news)
        await first_end(*(part.wait() for part in parts))

    def health(self) -> Health:
        """Ready once started: a link that is down is the operator's fault, and a new process would not mend it."""
        if not self._started:
            return Health(ready=False, reason="not started")
        return Health(ready=True, reason="" if self._link.up else "link down")


def watch_link(
    operator: str, config: LinkConfig, metrics: SenderMetrics, news: LinkNews
) -> Callable[[LinkChange], None]:
    """Keeps the gauge of standing binds, and has changes told."""
    gauge = metrics.binds_up.labels(operator, config.name)

    def changed(change: LinkChange) -> None:
        gauge.set(change.up)
        news.heard(change.up)

    return changed
