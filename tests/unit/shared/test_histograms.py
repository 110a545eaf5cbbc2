"""Many samples at once count as each by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from shared.telemetry.histograms import observe_all

SAMPLES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e9]), max_size=20)


def histogram(samples: list[float]) -> Histogram:
    """With these samples, one by one."""
    one = Histogram("seconds", "x", buckets=(1.0, 2.0), registry=CollectorRegistry())
    for sample in samples:
        one.observe(sample)
    return one


def shown(one: Histogram) -> list[tuple[str, dict[str, str], float]]:
    """All that a scrape says of it but when it was made."""
    samples = [sample for metric in one.collect() for sample in metric.samples]
    return [(sample.name, sample.labels, sample.value) for sample in samples if sample.name != "seconds_created"]


@given(SAMPLES, SAMPLES)
def test_all_at_once_is_each_by_itself(before: list[float], samples: list[float]) -> None:
    together = histogram(before)
    observe_all(together, samples)
    assert shown(together) == shown(histogram([*before, *samples]))
