"""`leadstream leads | ledger | reports | dead-letters | keys`: each a client of reporting's HTTP."""

from services.reporting.cli.dead_letters import dead_letters_app
from services.reporting.cli.keys import keys_app
from services.reporting.cli.leads import leads_app
from services.reporting.cli.ledger import ledger_app
from services.reporting.cli.reports import reports

__all__ = ["dead_letters_app", "keys_app", "leads_app", "ledger_app", "reports"]
