"""The `autoloader` command: which commands there are."""

from __future__ import annotations

import typer

from control_plane.cli import demo, dev, files, ingestions, load, preview, recovery, runs, schemas, serve

app = typer.Typer(
    help="Loads new files into Apache Iceberg tables, each row exactly once.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they may hold secrets
    add_completion=False,
)

ONE_MACHINE = "On this machine alone"
CLIENT = "Client of a server"
SERVICES = "Services"
RECOVERY = "When ledger and tables differ"

app.command(rich_help_panel=ONE_MACHINE)(load.load)
app.command(rich_help_panel=ONE_MACHINE)(preview.preview)
app.command(rich_help_panel=ONE_MACHINE)(demo.demo)
app.command(rich_help_panel=ONE_MACHINE)(dev.dev)
ingestions.app.command("preview")(preview.preview_ingestion)
app.add_typer(ingestions.app, name="ingestions", rich_help_panel=CLIENT)
app.add_typer(runs.app, name="runs", rich_help_panel=CLIENT)
app.add_typer(files.app, name="files", rich_help_panel=CLIENT)
app.add_typer(schemas.app, name="schemas", rich_help_panel=CLIENT)
app.command(rich_help_panel=RECOVERY)(recovery.audit)
app.command(rich_help_panel=RECOVERY)(recovery.reconcile)
app.command(rich_help_panel=SERVICES)(serve.serve)
app.command(rich_help_panel=SERVICES)(serve.migrate)
app.command(rich_help_panel=SERVICES)(serve.execute)
app.command(rich_help_panel=SERVICES)(serve.check)
app.command(rich_help_panel=SERVICES)(serve.make_key)
