"""Capture's tables that hold something of a person, and those that do not. A new table goes into one of the two lists."""

from types import MappingProxyType
from typing import Final

from services.capture.adapters.postgres.behaviour_erasure import BehaviourTables
from services.capture.adapters.postgres.consents import ConsentTables
from services.capture.adapters.postgres.doubles import DoubleTables
from services.capture.adapters.postgres.identities import IdentityTables
from services.capture.adapters.postgres.leads import LeadTables
from services.capture.adapters.postgres.likes import LikeTables
from services.capture.adapters.postgres.merges import MergeTables
from services.capture.adapters.postgres.quarantine import QuarantineTables
from services.capture.adapters.postgres.targets import TargetTables
from shared.persistence.erasing import PersonalTables

# In the order in which everybody locks them: identities before leads. (Those of an erasure are locked before all; what
# waits for somebody, or in quarantine, is found by identities that still stand.)
PERSONAL: Final[tuple[PersonalTables, ...]] = (
    BehaviourTables(),
    QuarantineTables(),
    IdentityTables(),
    LeadTables(),
    MergeTables(),
    TargetTables(),
    DoubleTables(),
    ConsentTables(),
    LikeTables(),
)

FREE: Final = MappingProxyType(
    {
        "receipts": "coordinates, source and outcome of a record, and a lead's id",
        "announced_leads": "a provider's id of a lead and its notification, which names the lead only",
        "kept_out": "keyed digests of identifiers that must not come back",
        "target_lists": "what becomes of the targets of each list",
        "hygiene_runs": "when leads were looked at, who asked for it, and how many they were",
        "conversions": "ids of opportunities with those of their leads, accounts and contacts, and when",
        "lead_checks": "when a lead is looked at next",
        "person_requests": "who asked for an erasure or an export, in registered words",
    }
)
