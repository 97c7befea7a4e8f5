"""Accounts, contacts, and the keys by which they are found.

Locks are taken in one order by everybody: leads, keys, contacts, accounts; each sorted. So two
transactions that meet wait for each other and never both.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson

from services.conversion.domain.converting import Wanted
from services.conversion.domain.matching import PartyBook, is_contact_key
from services.conversion.domain.parties import Account, Contact
from shared.handling.work import Work

# A conflict with an open transaction waits for its end, and the statements after it see what that one committed.
_RESERVE: Final = """
    INSERT INTO party_keys (key, party_id) SELECT * FROM unnest($1::text[], $2::uuid[]) ON CONFLICT DO NOTHING
"""
_HELD: Final = """
    SELECT k.key, k.party_id::text FROM unnest($1::text[], $2::uuid[]) AS u (key, mine) JOIN party_keys k USING (key)
    WHERE k.party_id <> u.mine
"""
_HAND_OVER: Final = """
    UPDATE party_keys k SET party_id = u.party_id FROM unnest($1::text[], $2::uuid[]) AS u (key, party_id)
    WHERE k.key = u.key
"""
_ACCOUNTS: Final = """
    SELECT account_id::text, facts FROM accounts WHERE account_id = ANY($1::uuid[]) ORDER BY accounts.account_id
    FOR UPDATE
"""
_CONTACTS: Final = """
    SELECT contact_id::text, account_id::text, facts FROM contacts WHERE contact_id = ANY($1::uuid[])
    ORDER BY contacts.contact_id FOR UPDATE
"""
_ACCOUNT: Final = ("account_id", "facts")
_CONTACT: Final = ("contact_id", "account_id", "facts")
_FILL_ACCOUNTS: Final = """
    UPDATE accounts SET facts = u.facts, updated_at = $3 FROM unnest($1::uuid[], $2::text[]) AS u (account_id, facts)
    WHERE accounts.account_id = u.account_id
"""
_FILL_CONTACTS: Final = """
    UPDATE contacts SET facts = u.facts, updated_at = $3 FROM unnest($1::uuid[], $2::text[]) AS u (contact_id, facts)
    WHERE contacts.contact_id = u.contact_id
"""


class PostgresParties:
    """Finds, reserves and stores parties in bulk."""

    async def reserve(self, work: Work, wanted: Sequence[Wanted]) -> PartyBook:
        """The book of these leads' parties: keys reserved, holders locked."""
        holders, known = await _reserve(work, _first_come(wanted))
        book = PartyBook(holders)
        book.contacts = await _contacts(work, {party for key, party in known.items() if is_contact_key(key)})
        accounts = {party for key, party in known.items() if not is_contact_key(key)}
        book.accounts = await _accounts(work, accounts | {contact.account_id for contact in book.contacts.values()})
        return book

    async def save(self, work: Work, book: PartyBook) -> None:
        """Store what is new or filled."""
        if book.passed:
            await work.execute(_HAND_OVER, list(book.passed), list(book.passed.values()))
        await _save_accounts(work, sorted(book.accounts.values(), key=_by_id))
        await _save_contacts(work, sorted(book.contacts.values(), key=_by_id))


_by_id = attrgetter("id")


def _first_come(wanted: Sequence[Wanted]) -> dict[str, str]:
    """For whom each key is reserved: the first lead that wants it."""
    mine: dict[str, str] = {}
    for one in wanted:
        for key in one.contact_keys:
            mine.setdefault(key, one.new_contact_id)
        for key in one.account_keys:
            mine.setdefault(key, one.new_account_id)
    return mine


async def _reserve(work: Work, mine: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Who holds each key now, and those of them that hold it already."""
    keys = sorted(mine)
    parties = [mine[key] for key in keys]
    status = await work.db.execute(_RESERVE, keys, parties) if keys else "INSERT 0 0"
    if int(status.rsplit(" ", 1)[1]) == len(keys):
        return mine, {}
    known = {row["key"]: row["party_id"] for row in await work.fetch(_HELD, keys, parties)}
    return mine | known, known


async def _accounts(work: Work, account_ids: Iterable[str]) -> dict[str, Account]:
    wanted = list(account_ids)
    rows = await work.fetch(_ACCOUNTS, wanted) if wanted else []
    return {account_id: Account(account_id, orjson.loads(facts)) for account_id, facts in rows}


async def _contacts(work: Work, contact_ids: Iterable[str]) -> dict[str, Contact]:
    wanted = list(contact_ids)
    rows = await work.fetch(_CONTACTS, wanted) if wanted else []
    return {
        contact_id: Contact(contact_id, orjson.loads(facts), account_id=account_id)
        for contact_id, account_id, facts in rows
    }


async def _save_accounts(work: Work, accounts: Sequence[Account]) -> None:
    new = [account for account in accounts if account.created]
    filled = [account for account in accounts if account.changed and not account.created]
    if new:
        rows = [(account.id, _text(account.facts)) for account in new]
        await work.db.copy_records_to_table("accounts", records=rows, columns=_ACCOUNT)
    if filled:
        await work.execute(_FILL_ACCOUNTS, [a.id for a in filled], [_text(a.facts) for a in filled], work.now)


async def _save_contacts(work: Work, contacts: Sequence[Contact]) -> None:
    new = [contact for contact in contacts if contact.created]
    filled = [contact for contact in contacts if contact.changed and not contact.created]
    if new:
        rows = [(contact.id, contact.account_id, _text(contact.facts)) for contact in new]
        await work.db.copy_records_to_table("contacts", records=rows, columns=_CONTACT)
    if filled:
        await work.execute(_FILL_CONTACTS, [c.id for c in filled], [_text(c.facts) for c in filled], work.now)


def _text(facts: dict[str, Any]) -> str:
    return orjson.dumps(facts).decode()
