"""A thousand recipients in one request, good and bad."""

from __future__ import annotations

from collections import Counter

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc

BAD = {
    "2077": "short_number",
    "22225555": "not_a_mobile",
    "+47 58 00 00 00 00 00": "m2m_not_allowed",
    "ring meg": "number_has_letters",
    "": "number_missing",
    "+479100000012345678": "number_too_long",
}


async def test_a_thousand_recipients_get_a_verdict_each_and_the_good_ones_one_message(
    api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    good = [numbers.norwegian() for _ in range(1000 - len(BAD))]
    to = good.copy()
    for place, bad in enumerate(BAD):
        to.insert(place * 190, bad)
    verdicts = await api.send(to, "Til alle medlemmer: møtet er flyttet.", category="marketing")
    assert [verdict["to"] for verdict in verdicts] == to
    refused = {verdict["to"]: verdict for verdict in verdicts if verdict["error"] is not None}
    assert {number: verdict["error"]["code"] for number, verdict in refused.items()} == BAD
    assert {(verdict["id"], verdict["state"]) for verdict in refused.values()} == {(None, "rejected")}
    ids = [verdict["id"] for verdict in verdicts if verdict["error"] is None]
    assert len(set(ids)) == len(good)
    states = await api.settled(ids, deadline=90.0)
    assert Counter(states.values()) == {"delivered": len(good)}
    taken = Counter(message["destination"] for message in await fjord.taken())
    assert taken == {number.removeprefix("+"): 1 for number in good}


async def test_a_list_of_bad_recipients_alone_is_refused_with_an_error_for_each(api: Customer) -> None:
    answer = await api.http.post("/v1/messages", json={"to": list(BAD), "text": "Hei"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_valid_recipient")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        (f"/to/{place}", code) for place, code in enumerate(BAD.values())
    ]
