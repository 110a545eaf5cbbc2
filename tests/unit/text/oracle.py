"""GSM-7 and its parts written a second time, slowly, from the tables and words of 3GPP TS 23.038 and TS 23.040.

The default alphabet is written as the standard prints it, in eight columns (b7 b6 b5) of sixteen rows (b4..b1), by
code point; nothing is shared with the code under test.
"""

from __future__ import annotations

ESC = 0x1B

_COLUMNS = (
    "0040 00A3 0024 00A5 00E8 00E9 00F9 00EC 00F2 00C7 000A 00D8 00F8 000D 00C5 00E5",
    "0394 005F 03A6 0393 039B 03A9 03A0 03A8 03A3 0398 039E ---- 00C6 00E6 00DF 00C9",
    "0020 0021 0022 0023 00A4 0025 0026 0027 0028 0029 002A 002B 002C 002D 002E 002F",
    "0030 0031 0032 0033 0034 0035 0036 0037 0038 0039 003A 003B 003C 003D 003E 003F",
    "00A1 0041 0042 0043 0044 0045 0046 0047 0048 0049 004A 004B 004C 004D 004E 004F",
    "0050 0051 0052 0053 0054 0055 0056 0057 0058 0059 005A 00C4 00D6 00D1 00DC 00A7",
    "00BF 0061 0062 0063 0064 0065 0066 0067 0068 0069 006A 006B 006C 006D 006E 006F",
    "0070 0071 0072 0073 0074 0075 0076 0077 0078 0079 007A 00E4 00F6 00F1 00FC 00E0",
)
_EXTENSION = "0A=000C 14=005E 28=007B 29=007D 2F=005C 3C=005B 3D=007E 3E=005D 40=007C 65=20AC"

DEFAULT = {
    column << 4 | row: chr(int(point, 16))
    for column, points in enumerate(_COLUMNS)
    for row, point in enumerate(points.split())
    if point != "----"
}
EXTENSION = {int(code, 16): chr(int(point, 16)) for code, point in (entry.split("=") for entry in _EXTENSION.split())}
ALPHABET = "".join(DEFAULT.values()) + "".join(EXTENSION.values())

_SEPTETS = {character: bytes([code]) for code, character in DEFAULT.items()} | {
    character: bytes([ESC, code]) for code, character in EXTENSION.items()
}


def is_gsm(text: str) -> bool:
    return all(character in _SEPTETS for character in text)


def septets(text: str) -> bytes:
    return b"".join(_SEPTETS[character] for character in text)


def payloads(text: str, *, wide_reference: bool = False) -> list[bytes]:
    """The payload of each part, character by character; one empty part for an empty text."""
    if is_gsm(text):
        octets = [_SEPTETS[character] for character in text]
        single, each = 160, 152 if wide_reference else 153
    else:
        octets = [character.encode("utf-16-be") for character in text]
        single, each = 140, 132 if wide_reference else 134
    if sum(map(len, octets)) <= single:
        return [b"".join(octets)]
    parts = [b""]
    for character in octets:
        if len(parts[-1]) + len(character) > each:
            parts.append(b"")
        parts[-1] += character
    return parts
