"""npm `sms-segments-calculator`, written by others, as the judge of codings and of where texts are divided.

Known to differ: it keeps what is read as one character in one part, a letter with its marks, an emoji of several, the
syllables of Hangul. Phones join the parts first, so ours keeps surrogate pairs together alone, and needs fewer parts.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random

import msgspec
import pytest

from shared.text import gsm
from shared.text.segments import Coding, measure, split
from tests.interop.installed import NODE_MODULES, NPM_SEGMENTS

NPM_SEGMENTS.require()

_SCRIPT = Path(__file__).with_name("npm") / "segments.js"
_NAMES = {"GSM-7": Coding.GSM7, "UCS-2": Coding.UCS2}
_BITS = {Coding.GSM7: 7, Coding.UCS2: 8}
ESCAPE = "\x1b"

BASIC = [character for character in map(chr, range(0x500)) if character != ESCAPE and gsm.septets(character) == 1]
PAIRS = [
    character for character in [*map(chr, range(0x80)), "€"] if character != ESCAPE and gsm.septets(character) == 2
]
FOREIGN = [character for character in map(chr, range(0xA1, 0x250)) if gsm.septets(character) is None]
EMOJI = [chr(code) for code in range(0x1F600, 0x1F640)]


def theirs(texts: list[str]) -> list[tuple[Coding, list[int]]]:
    """Coding, and bits of text in each part."""
    answered = subprocess.run(
        ["node", str(_SCRIPT)],
        input=msgspec.json.encode(texts),
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return [
        (_NAMES[name], bits) for name, bits in msgspec.json.decode(answered.stdout, type=list[tuple[str, list[int]]])
    ]


def ours(text: str) -> tuple[Coding, list[int]]:
    """The same of ours; what is charged is what is sent."""
    found = split(text, 7)
    assert measure(text).parts == len(found.parts)
    return found.coding, [len(part.payload) * _BITS[found.coding] for part in found.parts]


def test_every_character_is_coded_alike() -> None:
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF and chr(code) != ESCAPE]
    assert [hex(ord(one)) for one, said in zip(characters, theirs(characters), strict=True) if said != ours(one)] == []


@pytest.mark.parametrize("kinds", [[BASIC], [BASIC, PAIRS], [BASIC, FOREIGN], [EMOJI], [BASIC, PAIRS, FOREIGN, EMOJI]])
def test_texts_are_divided_alike(kinds: list[list[str]]) -> None:
    source = Random(20261123)
    lengths = [*range(60, 75), *range(125, 165), *range(300, 325), *(source.randint(0, 1500) for _ in range(150))]
    texts = ["".join(source.choice(source.choice(kinds)) for _ in range(length)) for length in lengths]
    assert [(ours(text), len(text)) for text in texts] == [
        (said, len(text)) for said, text in zip(theirs(texts), texts, strict=True)
    ]


def test_a_character_of_several_is_known_to_be_kept_whole_by_it_and_not_by_us() -> None:
    text = "x" * 66 + "e\u0301" + "š" * 10
    assert theirs([text]) == [(Coding.UCS2, [66 * 16, 12 * 16])]
    assert ours(text) == (Coding.UCS2, [67 * 16, 11 * 16])
