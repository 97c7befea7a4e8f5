"""`python -m services.cli`: the command where its script is not installed."""

from services.cli.main import main

main()
