"""Mobiles of other countries that are written in E.164, by the expressions of `phonenumbers` put together.

About 2 us, where the library takes 60: it asks one expression after the other, and compiles what it is to ask anew each
time. Only what is certain is answered here. A number in doubt, such as one that could also be of another kind (all of
Denmark's) or could begin with a national prefix, is the library's to judge.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_KINDS_BEFORE: Final = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
)
_OWN_RULES: Final = frozenset({1, 7, 47})
"""+1 and +7 are shared by countries; of +47 `shared.text.numbers` knows more."""


class _Country(NamedTuple):
    region: str
    lengths: frozenset[int]
    mobile: re.Pattern[str]


def country_of_mobile(number: str) -> str | None:
    """The country (ISO 3166) of a plus and digits that are certainly a valid mobile in E.164, else None."""
    if number[:1] != "+":
        return None
    for end in (3, 4):
        country = _country(number[1:end])
        if country is not None:
            national = number[end:]
            return country.region if len(national) in country.lengths and country.mobile.fullmatch(national) else None
    return None


@lru_cache(maxsize=2_000)
def _country(code: str) -> _Country | None:
    """What mobiles of a country code look like; None when there is no such code, or it is not so simple."""
    if not (code.isascii() and code.isdecimal()) or code[0] == "0" or int(code) in _OWN_RULES:
        return None
    region = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ("001",))[0]
    known = None if region == "001" else PhoneMetadata.metadata_for_region(region, None)
    if known is None or known.leading_digits is not None or known.same_mobile_and_fixed_line_pattern:
        return None
    general, mobile = known.general_desc, known.mobile
    if mobile is None or general is None or not mobile.national_number_pattern:
        return None
    doubts = [
        rf"(?:{kind.national_number_pattern})\Z"
        for name in _KINDS_BEFORE
        if (kind := getattr(known, name)) is not None and kind.national_number_pattern
    ]
    doubts += ["0", f"(?:{known.national_prefix_for_parsing})" if known.national_prefix_for_parsing else "0"]
    return _Country(
        region,
        frozenset(mobile.possible_length or general.possible_length) & frozenset(general.possible_length),
        re.compile(
            rf"(?!{'|'.join(doubts)})(?=(?:{general.national_number_pattern})\Z)(?:{mobile.national_number_pattern})",
            re.ASCII,
        ),
    )
