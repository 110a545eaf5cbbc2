"""What the calls for incoming messages take."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.dlr.inbound.keyword import PremiumReply
from shared.contracts.premium import Age, PremiumTerms, Price, ServiceCode

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class NewPremium(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the reply costs whoever asks for it: `price` in whole øre."""

    merchant_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern="^[!-~]+$")]
    service_code: ServiceCode
    price: Price
    invoice_text: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    business_model: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    age: Age = 0

    def kept(self) -> PremiumReply:
        """As the keyword has it."""
        return PremiumReply(**msgspec.structs.asdict(self))

    def terms(self, number: str) -> PremiumTerms:
        """As each charge on this number will have them."""
        return PremiumTerms(short_number=number, **msgspec.structs.asdict(self))


class NewKeyword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a new keyword. `keyword` is one to three words, or `*` for whatever matches no other on the number.

    `reply` goes to whoever sends it; with `premium` it is charged. `webhook` false: your endpoints are not told.
    """

    number: Word
    keyword: Word
    reply: str | None = None
    premium: NewPremium | None = None
    webhook: bool = True


class NewOptOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """Body of an opt-out: of everything that the account sends, or of what it sends as `from`."""

    to: Word
    sender: Word | None = None
