"""What the legal holds that stand say of an account. Pure: a hold wins over every order (R-121)."""

from __future__ import annotations

import msgspec

from shared.contracts.privacy import OrderKind, PrivacyOrdered, Pseudonym


class Held(msgspec.Struct, frozen=True):
    """`everything`: nothing of the account may go; else nothing of the people with these pseudonyms."""

    everything: bool = False
    pseudonyms: tuple[Pseudonym, ...] = ()

    def stops(self, order: PrivacyOrdered) -> bool:
        """Whether nothing of an order may be carried out. A purge goes on, around the people who are held."""
        named = order.kind is OrderKind.ERASE and not set(order.pseudonyms).isdisjoint(self.pseudonyms)
        return self.everything or named

    def narrow(self, order: PrivacyOrdered) -> PrivacyOrdered:
        """An order as it is to be carried out: around these people, and those that it names itself."""
        if not self.pseudonyms:
            return order
        return msgspec.structs.replace(order, held=tuple(sorted({*order.held, *self.pseudonyms})))
