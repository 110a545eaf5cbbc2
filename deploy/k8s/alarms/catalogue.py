"""The alarms: what is asked of the metrics, and what it means when the answer is not empty.

Each has a section of its name in `docs/operations/runbook.md`. Labels that are not of a metric come from the PodMonitor
beside the manifest: `job` is `budstikke`, `service` and `role` are those of the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

JOB: Final = "budstikke"
OURS: Final = f'job="{JOB}"'


class Severity(StrEnum):
    """How soon somebody has to look."""

    PAGE = "critical"
    """Now, at night too."""
    WORKDAY = "warning"


class Alarm(NamedTuple):
    """One alarm. `lasting` is how long the expression must give something before it rings."""

    name: str
    meaning: str
    expression: str
    lasting: str
    severity: Severity


def _rose(counter: str, window: str, by: Sequence[str] = (), where: str = "") -> str:
    """By how much a counter has risen, if it has. One that is new counts from nothing: a process that has just started
    may count before anybody fetches its zero.
    """
    series = f"{counter}{{{', '.join(filter(None, [OURS, where]))}}}"
    rose = f"increase({series}[{window}]) > 0 or ({series} > 0 unless {series} offset {window})"
    return f"sum by ({', '.join(by)}) ({rose})" if by else f"sum({rose})"


_DAY: Final = 86_400
_SUBMIT: Final = "budstikke_sender_seconds_to_submit_bucket"

ALARMS: Final = (
    Alarm(
        "BudstikkePartitionStopped",
        "A partition met too many dead letters and is read no further until somebody restarts its process.",
        f'sum by (group) (kafka_paused_partitions{{{OURS}, reason="dead_letters"}}) > 0',
        "1m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeDeadLetters",
        "Records that no process can handle were put on a dead-letter topic, or left out where they lie.",
        " or ".join(
            (
                _rose("kafka_dead_letters_total", "1h", ("group", "topic")),
                _rose("kafka_skipped_records_total", "1h", ("group", "topic")),
                _rose("kafka_unreadable_batches_total", "1h", ("group", "topic")),
                _rose("budstikke_status_orphans_total", "1h", where='found="never"'),
            )
        ),
        "0m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkeQuarantined",
        "A record ended its process three times and was put on a dead-letter topic so that the others can go on.",
        _rose("kafka_quarantined_total", "1h", ("group", "topic")),
        "0m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeStandsStill",
        "Records wait on a partition, and for ten minutes its process has finished none.",
        f"sum by (group, topic, partition) (kafka_lag_records{{{OURS}}}) > 10 unless "
        f"sum by (group, topic, partition) (increase(kafka_records_total{{{OURS}}}[10m])) > 0",
        "5m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeQueueLate",
        "Records are handled half an hour after what they tell, or four hours on a lane for bulk.",
        "max by (group, topic) ("
        f'(kafka_oldest_record_age_seconds{{{OURS}, group!~".+[.]bulk"}} > 1800 or '
        f'kafka_oldest_record_age_seconds{{{OURS}, group=~".+[.]bulk"}} > 14400) and '
        f"kafka_lag_records{{{OURS}}} > 10)",
        "10m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkeQueueOld",
        "Records wait for more than 5 days; on their topic they live for 7, and then they are lost.",
        f"max by (group, topic) (kafka_oldest_record_age_seconds{{{OURS}}} and kafka_lag_records{{{OURS}}} > 10) "
        f"> {5 * _DAY}",
        "0m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeExpressSlow",
        "One of twenty one-time codes reaches its operator later than 5 seconds after it was asked for.",
        f'histogram_quantile(0.95, sum by (operator, le) (rate({_SUBMIT}{{{OURS}, lane="express"}}[5m]))) > 5',
        "5m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeSenderCannotSend",
        "No process has a bind of a link, or a process has partitions whose lease it does not get.",
        f"max by (operator, link) (budstikke_sender_binds_up{{{OURS}}}) == 0 or "
        f"max by (operator) (budstikke_sender_leases_missing{{{OURS}}}) > 0",
        "2m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeUnknownOutcomes",
        "Of many attempts nobody knows whether the operator took them, or the sweeper cannot read some.",
        f"max(budstikke_sweeper_unknown{{{OURS}}}) > 100 or {_rose('budstikke_sweeper_rows_unreadable_total', '1d')}",
        "15m",
        Severity.PAGE,
    ),
    Alarm(
        "BudstikkeWebhooksFail",
        "More than half of the calls to customers' webhooks fail, and their deliveries are parked.",
        f'sum(rate(budstikke_webhook_attempts_total{{{OURS}, outcome!="2xx"}}[15m])) > '
        f"0.5 * sum(rate(budstikke_webhook_attempts_total{{{OURS}}}[15m]))",
        "15m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkeHoldWaits",
        "Held messages have been waiting for a person for an hour.",
        f"max(budstikke_desk_oldest_hold_seconds{{{OURS}}}) > 3600",
        "5m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkeErasureOverdue",
        "A service has not answered an order to forget or to purge within a day.",
        f"max(budstikke_privacy_orders_overdue{{{OURS}}}) > 0",
        "5m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkePremiumForPerson",
        "The books or Strex leave a charge on a phone bill to a person: disputed, never settled, or unreadable.",
        " or ".join(
            (
                _rose("budstikke_premium_standings_total", "1d", where='standing="disputed"'),
                _rose("budstikke_premium_rows_unreadable_total", "1d"),
                _rose("budstikke_strex_never_settled_total", "1d"),
                _rose("budstikke_strex_rows_unreadable_total", "1d"),
            )
        ),
        "0m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkeClockOff",
        "The clock of a process is more than 2 seconds off the clock of Prometheus.",
        f"abs(budstikke_clock_seconds{{{OURS}}} - timestamp(budstikke_clock_seconds{{{OURS}}})) > 2",
        "5m",
        Severity.WORKDAY,
    ),
    Alarm(
        "BudstikkeRoleAway",
        "A role has no process that answers, or one that has started three times in half an hour.",
        f"max by (service, role) (up{{{OURS}}}) == 0 or "
        f"max by (service, role) (up{{{OURS}}} offset 1h) unless max by (service, role) (up{{{OURS}}}) or "
        f"max by (service, role) (changes(process_start_time_seconds{{{OURS}}}[30m])) > 2 or "
        f"absent(up{{{OURS}}})",
        "5m",
        Severity.PAGE,
    ),
)
