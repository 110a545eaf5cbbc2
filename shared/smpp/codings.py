"""What `data_coding` says of a text's octets, and the text in them (SMPP 3.4, 5.2.19; 3GPP TS 23.038, section 4).

Below 0x10 the values are SMPP's, from there on the coding groups of TS 23.038, message classes and message waiting
included. What is no text in its alphabet stays octets: nothing raises, nothing is lost.

National language tables named in a header (TS 23.038, 6.2.1.2.4) are not known: such a text is read in the default
alphabet, as the standard asks of a receiver without them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.errors import Refused
from shared.text import gsm


class Alphabet(StrEnum):
    """How octets are to be read."""

    GSM7 = "gsm7"
    """Unpacked septets, one in an octet."""
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    """UTF-16BE: operators let surrogate pairs pass."""
    BINARY = "binary"
    """No text, or one that cannot be read here."""


IA5: Final = 0x01
_SMPP: Final = {0x00: Alphabet.GSM7, 0x03: Alphabet.LATIN1, 0x08: Alphabet.UCS2}
"""The texts below 0x10; 2 and 4 are octets, the others (JIS, Cyrillic, Hebrew, ...) are not read."""
_COMPRESSED: Final = 0x20
_OF_BITS: Final = {0x04: Alphabet.BINARY, 0x08: Alphabet.UCS2}
_ALPHABET_BITS: Final = 0x0C
_CARRIAGE_RETURN: Final = 0x0D


def alphabet(data_coding: int, *, ia5: Alphabet = Alphabet.GSM7) -> Alphabet:
    """The alphabet of a text. `ia5` is what an operator means by 1: ASCII by the letter of SMPP, but most pass on the
    handset's value, where it is the default alphabet.

    Reserved values are the default alphabet, as TS 23.038 says; compressed text is octets.
    """
    if data_coding == IA5:
        return ia5
    if data_coding < 0x10:
        return _SMPP.get(data_coding, Alphabet.BINARY)
    if data_coding < 0x80:  # general groups, also those marked for deletion
        if data_coding & _COMPRESSED:
            return Alphabet.BINARY
        return _OF_BITS.get(data_coding & _ALPHABET_BITS, Alphabet.GSM7)
    if data_coding >= 0xF0:  # class 0 to 3
        return Alphabet.BINARY if data_coding & 0x04 else Alphabet.GSM7
    if data_coding >= 0xE0:  # message waiting, UCS-2
        return Alphabet.UCS2
    return Alphabet.GSM7  # message waiting, and 0x80 to 0xBF, which are reserved


def read(octets: bytes, of: Alphabet) -> tuple[str, Alphabet]:
    """The text, and the alphabet that it turned out to be in; the octets in hex if it cannot be read.

    Some operators write Latin-1 in what they call the default alphabet: an octet above 0x7F tells.
    """
    try:
        if of is Alphabet.GSM7 and octets.isascii():
            return gsm.decode(octets), of
        if of is Alphabet.UCS2:
            return octets.decode("utf-16-be"), of
        if of is not Alphabet.BINARY:
            return octets.decode("latin-1"), Alphabet.LATIN1
    except (UnicodeDecodeError, Refused):
        pass
    return octets.hex(), Alphabet.BINARY


def unpack(octets: bytes, header: int = 0) -> bytes:
    """The septets of packed GSM-7 (TS 23.038, 6.1.2.1), behind a header of so many octets, its length octet included.

    SMPP counts octets, so nobody says whether seven bits left over are a septet: an `@` or a carriage return that
    fills the last octet is taken for padding.
    """
    skipped = -header * 8 % 7
    count = max(0, (len(octets) * 8 - skipped) // 7)
    bits = int.from_bytes(octets, "little") >> skipped
    septets = bytes(bits >> 7 * index & 0x7F for index in range(count))
    full = count * 7 + skipped == len(octets) * 8
    return septets[:-1] if full and septets[-1:] in (b"\x00", bytes((_CARRIAGE_RETURN,))) else septets
