from __future__ import annotations

import csv
import io
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.premium import daily_file
from services.billing.premium.daily_file import DailyReader, FileRow, Unreadable
from services.billing.premium.reconciling import Comparison, Difference, Report
from services.billing.premium.sorting import SortedRows
from services.billing.premium.transaction import Transaction
from shared.contracts.premium import Billed, PremiumStatus, TransactionId, reversal_id
from shared.errors import Refused
from shared.money.periods import Day
from tests.unit.billing.premium.building import Books, changed, reversed_, transaction_id
from tests.unit.dispatch.strex.test_row import DETAILED

DAY = Day("2026-10-12")
_NAMES = (
    "TransactionId Created SendTime Sender SenderPrefix Recipient RecipientPrefix Content MessageParts StatusCode "
    "DetailedStatusCode KeywordId Keyword CorrelationId SessionId SmscTransactionId Operator IsStopMessage Processed "
    "Price BusinessModel ServiceCode MerchantId ResultCode ResultDescription InvoiceText Age IsRestricted "
    "HandlingCompany HandlingCompanyDescription Tags ChannelId Properties"
)
COLUMNS = _NAMES.split()


def file_of(*rows: dict[str, str], columns: list[str] = COLUMNS) -> str:
    """A daily file with the 33 columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow(dict.fromkeys(columns, "") | {k: v for k, v in row.items() if k in columns})
    return text.getvalue()


def told(
    number: int = 1, price: str = "42.00", status: str = "Ok", detail: str = "Delivered", **others: str
) -> dict[str, str]:
    return {
        "TransactionId": transaction_id(number),
        "Price": price,
        "StatusCode": status,
        "DetailedStatusCode": detail,
        "ServiceCode": "06002",
        "ResultCode": "0" if status in {"Ok", "Reversed"} else "",
        **others,
    }


def ours(*numbers: int) -> list[Transaction]:
    return list(Books().hear([changed(number=number) for number in numbers]).transactions.values())


def read(text: str, size: int = 1 << 20) -> list[FileRow | Unreadable]:
    """The rows of a file that comes in pieces of so many octets."""
    reader, octets = DailyReader(), text.encode()
    pieces = [reader.feed(octets[at : at + size]) for at in range(0, len(octets), size)]
    return [row for rows in (*pieces, reader.end()) for row in rows]


def compare(day: Day, transactions: list[Transaction], *rows: dict[str, str], most: int = 1_000) -> Report:
    """A day in one part."""
    comparison = Comparison(day, most=most)
    with SortedRows() as kept:
        kept.add(row for row in read(file_of(*rows)) if isinstance(row, FileRow))
        comparison.add(transactions, kept.after("", 100)[0])
    return comparison.report()


def findings(transactions: list[Transaction], *rows: dict[str, str]) -> list[tuple[TransactionId, Difference]]:
    report = compare(DAY, transactions, *rows)
    return [(one.transaction_id, one.difference) for one in report.findings]


def test_a_day_that_agrees_is_clean_to_the_ore() -> None:
    report = compare(DAY, ours(1, 2), told(1), told(2, "42"))
    assert report.clean
    assert (report.matched, report.matched_ore, report.ours_ore, report.theirs_ore) == (2, 8400, 8400, 8400)


def test_each_transaction_that_differs_is_named() -> None:
    assert findings(ours(1, 2, 3), told(1), told(2, "43.00"), told(4)) == [
        (transaction_id(2), Difference.AMOUNT),
        (transaction_id(3), Difference.MISSING_THERE),
        (transaction_id(4), Difference.MISSING_HERE),
    ]


def test_a_charge_that_failed_there_and_is_billed_here_is_a_difference() -> None:
    assert findings(ours(1), told(1, status="Failed", detail="Undelivered")) == [
        (transaction_id(1), Difference.OUTCOME)
    ]


def test_what_is_open_on_both_sides_is_open_and_what_is_open_on_one_is_a_difference() -> None:
    waiting = list(Books().hear([changed(PremiumStatus.SENT)]).transactions.values())
    report = compare(DAY, waiting, told(status="Sent", detail="Pending"))
    assert (report.clean, report.open, report.matched) == (True, 1, 0)
    assert findings(waiting, told()) == [(transaction_id(1), Difference.OUTCOME)]


def test_what_strex_never_took_need_not_be_there() -> None:
    refused = list(Books().hear([changed(PremiumStatus.REFUSED)]).transactions.values())
    assert findings(refused) == []


def test_a_reversal_is_a_row_of_its_own_with_a_negative_price() -> None:
    both = list(Books().hear([changed(), reversed_()]).transactions.values())
    row = told(1, "-42.00", "Reversed", TransactionId=reversal_id(transaction_id(1)))
    report = compare(DAY, both, told(1), row)
    assert (report.clean, report.matched, report.ours_ore, report.theirs_ore) == (True, 2, 0, 0)
    assert findings(both, told(1)) == [(reversal_id(transaction_id(1)), Difference.MISSING_THERE)]


def test_around_midnight_the_sides_may_disagree_on_the_day() -> None:
    report = compare(Day("2026-10-13"), ours(1), told(1))
    assert (report.clean, report.matched, report.ours_ore) == (True, 1, 4200)


def test_a_payment_without_a_price_and_a_payment_told_twice_are_named() -> None:
    assert findings(ours(1, 2), told(1, ""), told(2), told(2)) == [
        (transaction_id(1), Difference.NO_PRICE),
        (transaction_id(2), Difference.TWICE),
    ]


def test_messages_that_cost_nothing_are_passed_over() -> None:
    plain, free = told(8, ""), told(9, "10.00", ServiceCode="89001")
    report = compare(DAY, ours(1), told(1), plain, free)
    assert (report.clean, report.passed_over) == (True, 2)


@pytest.mark.parametrize(
    ("status", "detail", "result", "billed"),
    [
        ("Ok", "Delivered", "0", Billed.TRUE),
        ("Rebilled", "", "", Billed.TRUE),
        ("Reversed", "", "0", Billed.TRUE),
        ("ok", "delivered", "0", Billed.TRUE),
        ("Ok", "Delivered", "17", Billed.UNKNOWN),
        ("Ok", "MissingDeliveryReport", "0", Billed.UNKNOWN),
        ("Queued", "None", "", Billed.UNKNOWN),
        ("Sent", "Pending", "", Billed.UNKNOWN),
        ("Failed", "SubscriberBarred", "", Billed.FALSE),
        ("SomethingNew", "", "0", Billed.UNKNOWN),
    ],
)
def test_whether_money_moved_goes_by_status_and_result(status: str, detail: str, result: str, billed: Billed) -> None:
    (row,) = read(file_of(told(1, status=status, detail=detail, ResultCode=result)))
    assert isinstance(row, FileRow)
    assert row.billed is billed


@pytest.mark.parametrize("code", DETAILED)
def test_a_row_that_failed_is_not_billed_whatever_its_code_unless_nobody_knows(code: str) -> None:
    (row,) = read(file_of(told(1, status="Failed", detail=code, ResultCode="17")))
    assert isinstance(row, FileRow)
    assert row.billed is (Billed.UNKNOWN if code == "MissingDeliveryReport" else Billed.FALSE)


@given(st.integers(1, 400), st.lists(st.sampled_from(["", 'Hei,\r\n"du"\n,der\n', "å" * 50, "\n" * 40]), max_size=8))
def test_a_text_with_line_breaks_quotes_and_commas_is_one_field_however_the_file_comes(
    size: int, texts: list[str]
) -> None:
    rows = [told(number, Content=text) for number, text in enumerate(texts)]
    with patch.object(daily_file, "_PIECE", 100):
        seen = read("\ufeff" + file_of(*rows), size)
    assert [row.transaction_id for row in seen if isinstance(row, FileRow)] == [row["TransactionId"] for row in rows]
    assert len(seen) == len(rows)


def test_no_more_than_a_piece_of_a_file_is_held() -> None:
    octets = file_of(*(told(number) for number in range(10_000))).encode()
    reader, most, count = DailyReader(), 0, 0
    for at in range(0, len(octets), 10_000):
        rows = reader.feed(octets[at : at + 10_000])
        count += len(rows)
        most = max(most, len(rows))
    assert count + len(reader.end()) == 10_000
    assert most * 12 < 10_000


def test_a_quote_that_never_ends_is_refused_before_it_is_all_in_memory() -> None:
    reader = DailyReader()
    reader.feed((file_of() + 'a,"').encode())
    endless = (reader.feed(b"no end\n" * 10_000) for _ in range(100))
    with pytest.raises(Refused, match="not CSV after row 0"):
        list(endless)


def test_columns_are_found_by_name_in_any_order_beside_new_ones() -> None:
    (row,) = read(file_of(told(1), columns=["New", *reversed(COLUMNS)]))
    assert row == FileRow(transaction_id(1), 4200, Billed.TRUE, "06002")


@pytest.mark.parametrize(
    ("price", "ore"), [("1", 100), ("9.9", 990), ("9.90", 990), ("-0.05", -5), ("1000.00", 100000)]
)
def test_prices_are_read_to_the_ore(price: str, ore: int) -> None:
    assert read(file_of(told(1, price))) == [FileRow(transaction_id(1), ore, Billed.TRUE, "06002")]


@pytest.mark.parametrize("price", ["9.999", "9,90", "kr 9", "1e3", "--1", "\u0661"])
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_used(price: str) -> None:
    assert read(file_of(told(1, price), told(2))) == [
        Unreadable(1, "Price"),
        FileRow(transaction_id(2), 4200, Billed.TRUE, "06002"),
    ]


@pytest.mark.parametrize(
    "text", ["", "nothing,of,this\n1,2,3\n", file_of().replace("Price", "Pris"), file_of() + 'a,"b']
)
def test_what_is_no_daily_file_is_refused_whole(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read(text)
    assert refused.value.code == "bad_daily_file"


def test_a_row_that_is_too_short_is_named() -> None:
    assert read(file_of() + "only,these\n") == [Unreadable(1, "DetailedStatusCode")]


def test_a_file_that_has_nothing_right_leaves_a_short_report_that_says_how_much_is_wrong() -> None:
    report = compare(DAY, ours(*range(30)), *(told(number) for number in range(30, 50)), most=10)
    assert (len(report.findings), report.not_listed, report.clean) == (10, 40, False)


def test_rows_are_sorted_by_charge_and_a_reversal_stays_with_its_charge() -> None:
    numbers = [5, 3, 9, 1, 7]
    ids = [name for number in numbers for name in (transaction_id(number), reversal_id(transaction_id(number)))]
    with SortedRows() as rows:
        rows.add(FileRow(name, 100, Billed.TRUE, "06002") for name in ids)
        after, more, parts = "", True, []
        while more:
            part, more = rows.after(after, 3)
            after = part[-1].charge
            parts.append([row.transaction_id for row in part])
    expected = [transaction_id(number) for number in sorted(numbers)]
    assert parts == [[reversal_id(name), name] for name in expected]
