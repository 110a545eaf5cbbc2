"""`python -m cli`: the `budstikke` command."""

from cli.app import app

app(prog_name="budstikke")
