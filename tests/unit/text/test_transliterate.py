import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import gsm, transliterate
from shared.text.transliterate import to_gsm
from tests.unit.text import oracle

pasted = st.text(st.sampled_from("aå€ “”‘–…\u00a0\u202f\u200b\u200d\t`😀Ж"), max_size=60)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("1\u00a0234\u202fkr", "1 234 kr"),
        ("“Hei” og ‘hei’", "\"Hei\" og 'hei'"),
        ("«Hei»", '"Hei"'),
        ("kl. 8–16 — ring…", "kl. 8-16 - ring..."),
        ("pak\u200bke\u2060n\ufeff", "pakken"),
        ("a\u200db", "ab"),
        ("navn:\tKari", "navn: Kari"),
        ("`kode`", "'kode'"),
        ("čđŋšŧž", "cdngstz"),
        ("Kárášjohka og Máze", "Karasjohka og Maze"),
        ("garçon, Łódź, Žižek, œuvre, ŷ", "garcon, Lodz, Zizek, oeuvre, y"),
        ("bla\u030aba\u0308r", "blåbär"),
        ("½ liter, m², ①", "1/2 liter, m2, 1"),
    ],
)
def test_typography_is_made_plain(written: str, plain: str) -> None:
    assert to_gsm(written) == plain
    assert gsm.septets(plain) is not None


@given(st.text(st.sampled_from(oracle.ALPHABET)))
def test_gsm_text_is_left_as_it_is(text: str) -> None:
    assert to_gsm(text) == text


def test_norwegian_letters_and_the_euro_are_left_beside_what_is_rewritten() -> None:
    assert to_gsm("“æøåÆØÅ é €”") == '"æøåÆØÅ é €"'


def test_unknown_characters_stay() -> None:
    assert to_gsm("Œ – ж – 😀 – 日本") == "OE - ж - 😀 - 日本"


def test_emoji_that_stay_are_not_taken_apart() -> None:
    assert to_gsm("“👩\u200d🚀”") == '"👩\u200d🚀"'


@given(pasted)
def test_a_second_pass_changes_nothing(text: str) -> None:
    assert to_gsm(to_gsm(text)) == to_gsm(text)


def test_the_map_rewrites_only_foreign_characters_and_only_to_gsm() -> None:
    for point, plain in transliterate._MAP.items():
        assert gsm.septets(chr(point)) is None
        assert gsm.septets(plain) is not None
