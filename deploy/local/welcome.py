"""What to try once everything runs: lines that work when pasted."""

from __future__ import annotations

from deploy.local.settings import ROOT, LocalSettings, Port
from deploy.local.terminal import Style, Terminal

_SEND = r"""curl -s "$BUDSTIKKE_API/v1/messages" -H "Authorization: Bearer $BUDSTIKKE_KEY" \
       -H 'Content-Type: application/json' \
       -d '{"to": "+4790000002", "from": "Budstikke", "text": "Hei fra curl"}'"""
_READ = """curl -s "$BUDSTIKKE_API/v1/messages/<id>" -H "Authorization: Bearer $BUDSTIKKE_KEY\""""
_SLOW = r"""curl -s -X PUT "$BUDSTIKKE_SMSC_CONTROL/control" -H 'Content-Type: application/json' \
       -d '{"receipt_delay_ms": 5000}'"""


def next_steps(settings: LocalSettings, terminal: Terminal) -> None:
    """Print them."""
    here = settings.var.relative_to(ROOT) if settings.var.is_relative_to(ROOT) else settings.var
    terminal.title("Everything runs. Try next, in another terminal")
    for what, command in (
        ("learn the addresses and the key", f"set -a; source {here}/local.env; set +a"),
        ("send a message", _SEND),
        ("see what became of it", _READ),
        ("both with our own command", 'bin/budstikke send --to +4790000003 --text "Hei fra budstikka" --wait'),
        ("what the simulated operator took", 'curl -s "$BUDSTIKKE_SMSC_CONTROL/messages"'),
        ("make it slow: receipts after 5 s", _SLOW),
        ("the whole API", f"{settings.url(Port.API)}/docs"),
        ("what the services say", f"tail -f {here}/log/*.log"),
    ):
        terminal.line(f"  {terminal.paint(what, Style.DIM)}")
        terminal.line(f"     {command}")
    terminal.line()
    terminal.line(f"  {terminal.paint('Ctrl-C', Style.STRONG)} here, or `make stop`, ends everything.")
