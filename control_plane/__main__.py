"""`python -m control_plane`: the `autoloader` command."""

from control_plane.cli.main import app

app()
