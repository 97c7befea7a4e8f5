"""Accounts, contacts, and the keys by which they are found.

Locks are taken in one order by everybody: leads, contact keys, contacts, account keys, accounts; each sorted. So two
transactions that meet wait for each other and never both.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson

from services.conversion.domain.converting import Wanted
from services.conversion.domain.matching import PartyBook
from services.conversion.domain.parties import Account, Contact, Key
from shared.handling.work import Work

# A conflict with an open transaction waits for its end, and the statements after it see what that one committed.
_RESERVE: Final = """
    INSERT INTO {table} (kind, value, party_id)
    SELECT u.* FROM unnest($1::text[], $2::text[], $3::uuid[]) AS u ON CONFLICT DO NOTHING
"""
_HELD: Final = """
    SELECT k.kind, k.value, k.party_id::text
    FROM {table} k JOIN unnest($1::text[], $2::text[]) AS u (kind, value) USING (kind, value)
"""
_REASSIGN: Final = """
    UPDATE {table} k SET party_id = u.party_id FROM unnest($1::text[], $2::text[], $3::uuid[]) AS u (kind, value, party_id)
    WHERE k.kind = u.kind AND k.value = u.value
"""
_ACCOUNTS: Final = """
    SELECT account_id::text, facts FROM accounts WHERE account_id = ANY($1::uuid[]) ORDER BY accounts.account_id
    FOR UPDATE
"""
_CONTACTS: Final = """
    SELECT contact_id::text, account_id::text, facts FROM contacts WHERE contact_id = ANY($1::uuid[])
    ORDER BY contacts.contact_id FOR UPDATE
"""
_NEW_ACCOUNTS: Final = """
    INSERT INTO accounts (account_id, facts, created_at, updated_at)
    SELECT u.*, $3, $3 FROM unnest($1::uuid[], $2::text[]) AS u
"""
_FILL_ACCOUNTS: Final = """
    UPDATE accounts SET facts = u.facts, updated_at = $3 FROM unnest($1::uuid[], $2::text[]) AS u (account_id, facts)
    WHERE accounts.account_id = u.account_id
"""
_NEW_CONTACTS: Final = """
    INSERT INTO contacts (contact_id, account_id, facts, created_at, updated_at)
    SELECT u.*, $4, $4 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS u
"""
_FILL_CONTACTS: Final = """
    UPDATE contacts SET facts = u.facts, updated_at = $3 FROM unnest($1::uuid[], $2::text[]) AS u (contact_id, facts)
    WHERE contacts.contact_id = u.contact_id
"""
ACCOUNT_KEYS: Final = "account_keys"
CONTACT_KEYS: Final = "contact_keys"


class PostgresParties:
    """Finds, reserves and stores parties in bulk."""

    async def reserve(self, work: Work, wanted: Sequence[Wanted]) -> PartyBook:
        """The book of these leads' parties: keys reserved, holders locked."""
        book = PartyBook()
        contact_keys = [(key, one.new_contact_id) for one in wanted for key in one.contact_keys]
        book.contact_keys, known = await _reserve(work, CONTACT_KEYS, contact_keys)
        book.contacts = await _contacts(work, known)
        account_keys = [(key, one.new_account_id) for one in wanted for key in one.account_keys]
        book.account_keys, known = await _reserve(work, ACCOUNT_KEYS, account_keys)
        known |= {contact.account_id for contact in book.contacts.values()}
        book.accounts = await _accounts(work, known)
        book.reserved()
        return book

    async def save(self, work: Work, book: PartyBook) -> None:
        """Store what is new or filled."""
        await _reassign(work, CONTACT_KEYS, book.passed_contact_keys())
        await _reassign(work, ACCOUNT_KEYS, book.passed_account_keys())
        await _save_accounts(work, sorted(book.accounts.values(), key=_by_id))
        await _save_contacts(work, sorted(book.contacts.values(), key=_by_id))


_by_id = attrgetter("id")


async def _reserve(work: Work, table: str, pairs: Iterable[tuple[Key, str]]) -> tuple[dict[Key, str], set[str]]:
    """Who holds each key now, and which holders are parties that exist already. A key that several leads want is
    reserved for the first of them."""
    mine: dict[Key, str] = {}
    for key, party_id in pairs:
        mine.setdefault(key, party_id)
    if not mine:
        return {}, set()
    keys = sorted(mine)
    kinds, values = [kind for kind, _ in keys], [value for _, value in keys]
    status = await work.db.execute(_RESERVE.format(table=table), kinds, values, [mine[key] for key in keys])
    if int(status.rsplit(" ", 1)[1]) == len(keys):
        return mine, set()
    rows = await work.fetch(_HELD.format(table=table), kinds, values)
    held = {(kind, value): party_id for kind, value, party_id in rows}
    return held, {party_id for key, party_id in held.items() if party_id != mine[key]}


async def _reassign(work: Work, table: str, passed: Mapping[Key, str]) -> None:
    if passed:
        kinds, values = [kind for kind, _ in passed], [value for _, value in passed]
        await work.execute(_REASSIGN.format(table=table), kinds, values, list(passed.values()))


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
        await work.execute(_NEW_ACCOUNTS, [a.id for a in new], [_text(a.facts) for a in new], work.now)
    if filled:
        await work.execute(_FILL_ACCOUNTS, [a.id for a in filled], [_text(a.facts) for a in filled], work.now)


async def _save_contacts(work: Work, contacts: Sequence[Contact]) -> None:
    new = [contact for contact in contacts if contact.created]
    filled = [contact for contact in contacts if contact.changed and not contact.created]
    if new:
        ids, accounts = [c.id for c in new], [c.account_id for c in new]
        await work.execute(_NEW_CONTACTS, ids, accounts, [_text(c.facts) for c in new], work.now)
    if filled:
        await work.execute(_FILL_CONTACTS, [c.id for c in filled], [_text(c.facts) for c in filled], work.now)


def _text(facts: dict[str, Any]) -> str:
    return orjson.dumps(facts).decode()
