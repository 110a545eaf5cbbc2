"""What finance is told: rows as events. The same row gives the same event with the same id, however often."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from services.billing.premium.closing import Settlement
from services.billing.premium.payout import Payout
from services.billing.premium.refund import Refund
from services.billing.premium.statement import Statement
from services.billing.premium.transaction import Transaction
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.premium import PremiumKind, PremiumOrdered, PremiumTerms, reversal_id
from shared.contracts.settlements import (
    PayoutDecided,
    PayoutHeld,
    RefundChanged,
    RefundWord,
    SettlementReceived,
    SettlementStated,
    StatedKind,
    StatedLine,
)
from shared.ids import partition_of
from shared.kafka.record import Output
from shared.money.periods import Day

SOURCE: Final = "/budstikke/billing/premium"


class Teller:
    """Writes the events of the role."""

    def __init__(self, partitions: int) -> None:
        """`partitions` of the topics keyed by transaction."""
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def statement(self, one: Statement) -> Output:
        """A statement on `billing.settlements`."""
        event = SettlementStated(
            statement_id=one.id,
            account_id=one.account_id,
            merchant_id=one.merchant_id,
            month=one.month,
            stated_at=one.made_at,
            lines=tuple(
                StatedLine(
                    month=line.own_month,
                    kind=StatedKind(line.kind),
                    service_code=line.service_code,
                    count=line.count,
                    gross=line.gross_ore,
                    operators=line.operators_ore,
                    fee=line.fee_ore,
                    merchant=line.merchant_ore,
                )
                for line in one.lines
            ),
            gross=one.gross_ore,
            operators=one.operators_ore,
            fee=one.fee_ore,
            vat=one.vat_ore,
            net=one.net_ore,
            open=one.open.count,
            open_amount=one.open.ore,
        )
        return self._write(topics.SETTLEMENTS, 0, event, event_id=one.id, time=one.made_at, subject=one.id)

    def settlement(self, one: Settlement) -> Output:
        """A settlement that was received, on `billing.settlements`. Raises `ValueError` for one that was not."""
        if one.received_on is None or one.received_ore is None:
            raise ValueError("a settlement is told when it is received")
        event = SettlementReceived(
            month=one.id,
            received_on=one.received_on,
            received=one.received_ore,
            expected=one.expected_ore,
            difference=one.received_ore - one.expected_ore,
            statements=one.statements,
        )
        name, time = f"{one.id}:received", _time(one.received_on)
        return self._write(topics.SETTLEMENTS, 0, event, event_id=name, time=time, subject=one.id)

    def payout(self, one: Payout) -> Output:
        """A payout on `billing.payouts`."""
        event = PayoutDecided(
            payout_id=one.id,
            account_id=one.account_id,
            month=one.month,
            brought_forward=one.brought_forward_ore,
            net=one.net_ore,
            due=one.due_ore,
            paid=one.paid_ore,
            carried=one.carried_ore,
            received_on=one.received_on,
            pay_on=one.pay_on,
            held=None if one.held is None else PayoutHeld(one.held),
        )
        return self._write(topics.PAYOUTS, 0, event, event_id=one.id, time=_time(one.received_on), subject=one.id)

    def refund(self, one: Refund) -> Output:
        """A refund as it stands, on `billing.refunds`."""
        event = RefundChanged(
            refund_id=one.id,
            version=one.version,
            account_id=one.account_id,
            transaction_id=one.transaction_id,
            merchant_id=one.merchant_id,
            short_number=one.short_number,
            amount=one.price,
            state=RefundWord(one.state),
            requested_at=one.requested_at,
            changed_at=one.changed_at,
            user_paid_by=one.user_paid_by,
            requested_by=one.by or None,
            reason=one.reason,
            detail=one.detail,
        )
        name = f"{one.id}:{one.version}"
        return self._write(topics.REFUNDS, 0, event, event_id=name, time=one.changed_at, subject=one.id)

    def reversal(self, refund: Refund, charge: Transaction) -> Output:
        """The order to Strex, on `premium.orders`: the terms of the charge, the id `-<charge>`. Each request is an
        order of its own.
        """
        name = reversal_id(charge.id)
        again = f":{refund.version}" if refund.version > 1 else ""
        event = PremiumOrdered(
            transaction_id=name,
            account_id=charge.account_id,
            kind=PremiumKind.REVERSAL,
            ordered_at=refund.changed_at,
            terms=PremiumTerms(
                merchant_id=charge.merchant_id,
                short_number=charge.short_number,
                service_code=charge.service_code,
                price=charge.price,
                invoice_text=charge.invoice_text or "",
                business_model=charge.business_model,
            ),
            pseudonym=charge.pseudonym,
            reversal_of=charge.id,
            reason=refund.reason,
            reference=charge.reference,
        )
        return self._write(
            topics.PREMIUM_ORDERS,
            partition_of(name, self._partitions),
            event,
            event_id=f"{name}:{PremiumKind.REVERSAL}{again}",
            time=refund.changed_at,
            subject=name,
        )


def _time(day: Day) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
