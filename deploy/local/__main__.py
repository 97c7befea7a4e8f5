"""`python -m deploy.local stack up`: the stack's own commands, where the whole `leadstream` command is not installed."""

import typer

from deploy.local.cli import services_app, stack_app

app = typer.Typer(no_args_is_help=True)
app.add_typer(stack_app, name="stack")
app.add_typer(services_app, name="services")

if __name__ == "__main__":
    app()
