"""The first signal asks to stop; the rest change nothing."""

from __future__ import annotations

import os
import signal

import pytest

from deploy.local.stopping import StopAsked, StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_and_the_second_does_not_disturb(number: signal.Signals) -> None:
    with StopSignals():
        with pytest.raises(StopAsked):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)


def test_a_failed_run_stops_undisturbed() -> None:
    with StopSignals() as signals:
        signals.hush()
        os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
