"""What to try once everything runs: lines that work when pasted, and that reach nobody unasked."""

from __future__ import annotations

from deploy.local.ports import HOST
from deploy.local.processes import process_with
from deploy.local.settings import ROOT, LocalSettings, Port
from deploy.local.terminal import Style, Terminal

_POST = r"""curl -s "$BUDSTIKKE_API/v1/messages" -H "Authorization: Bearer $BUDSTIKKE_KEY" \
       -H 'Content-Type: application/json' \
       -d """
_SEND = _POST + """'{"to": "+4790000002", "from": "Budstikke", "text": "Hei fra curl"}'"""
_TEST = _POST + """'{"to": "+4790000002", "from": "Budstikke", "text": "Hei fra curl", "test": true}'"""
_READ = """curl -s "$BUDSTIKKE_API/v1/messages/<id>" -H "Authorization: Bearer $BUDSTIKKE_KEY\""""
_SLOW = r"""curl -s -X PUT "$BUDSTIKKE_SMSC_CONTROL/control" -H 'Content-Type: application/json' \
       -d '{"receipt_delay_ms": 5000}'"""


def next_steps(settings: LocalSettings, terminal: Terminal) -> None:
    """Print them."""
    here = settings.var.relative_to(ROOT) if settings.var.is_relative_to(ROOT) else settings.var
    terminal.title("Everything runs. Try next, in another terminal")
    if settings.own_operators is not None:
        terminal.line(f"  No simulators: the operators are those of {settings.own_operators}. What you send is real.")
    for what, command in (
        ("learn the addresses and the key", f"set -a; source {here}/local.env; set +a"),
        *(_with_simulators() if settings.own_operators is None else _with_own_operators(settings)),
        ("the whole API", f"{settings.url(Port.API)}/docs"),
        ("what the services say", f"tail -f {here}/log/*.log"),
    ):
        terminal.line(f"  {terminal.paint(what, Style.DIM)}")
        terminal.line(f"     {command}")
    terminal.line()
    terminal.line(f"  {terminal.paint('Ctrl-C', Style.STRONG)} here, or `{settings.make('stop')}`, ends everything.")


def _with_simulators() -> tuple[tuple[str, str], ...]:
    return (
        ("send a message", _SEND),
        ("see what became of it", _READ),
        ("both with our own command", 'bin/budstikke send --to +4790000003 --text "Hei fra budstikka" --wait'),
        ("what the simulated operator took", 'curl -s "$BUDSTIKKE_SMSC_CONTROL/messages"'),
        ("make it slow: receipts after 5 s", _SLOW),
    )


def _with_own_operators(settings: LocalSettings) -> tuple[tuple[str, str], ...]:
    sender = process_with(settings, "dispatch", "sender")
    binds = f"curl -s http://{HOST}:{sender.health}/metrics | grep ^budstikke_sender_binds_up"
    return (
        ("see how many binds stand", binds),
        ("send a test message, which reaches nobody", _TEST),
        ("see what became of it", _READ),
        ("send a real one, to a number that you fill in", 'bin/budstikke send --to "<number>" --text "Hei" --wait'),
    )
