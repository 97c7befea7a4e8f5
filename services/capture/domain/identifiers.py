"""Identifiers that say little or nothing about who somebody is: placeholders, shared mailboxes, tagged addresses."""

from typing import Final

# What people and systems fill in where they have nothing. Such a value is kept as a fact, and links nobody.
_NO_MAILBOX: Final = frozenset(
    {
        "test", "tests", "tester", "testing", "test1", "test123", "null", "none", "nil", "na", "n.a", "nan", "undefined",
        "unknown", "nobody", "noone", "nomail", "noemail", "no-email", "noreply", "no-reply", "no_reply", "donotreply",
        "do-not-reply", "asdf", "qwerty", "abc", "abc123", "aaa", "xxx", "xyz", "fake", "dummy", "anonymous",
        "username", "your.name", "yourname", "0", "000", "123", "1234",
    }
)  # fmt: skip
_NO_ID: Final = frozenset(
    {"null", "none", "nil", "na", "n/a", "nan", "undefined", "unknown", "test", "testing", "-", "--", "?", "xxx", "id",
     "false", "true", "(none)", "(null)", "<null>", "#n/a"}
)  # fmt: skip
# Mailboxes of an office (RFC 2142 and everyday ones): many people read them, so that they need names beside them.
_ROLES: Final = frozenset(
    {
        "info", "information", "sales", "support", "contact", "contacts", "office", "admin", "administrator", "hello",
        "help", "helpdesk", "service", "customerservice", "team", "marketing", "hr", "jobs", "careers", "billing",
        "accounts", "accounting", "finance", "enquiries", "enquiry", "inquiries", "inquiry", "reception", "webmaster",
        "postmaster", "hostmaster", "abuse", "security", "press", "media", "orders", "order", "purchasing",
        "procurement", "legal", "privacy", "it", "kontakt", "vertrieb", "buero", "contacto", "ventas", "ufficio",
    }
)  # fmt: skip


def is_empty_address(key: str) -> bool:
    """Whether an e-mail key names nobody: `test@…`, `null@…`, `noreply@…`."""
    return key.partition("@")[0] in _NO_MAILBOX


def is_empty_id(external_id: str) -> bool:
    """Whether a source's own id is none: `null`, `N/A`, `000`."""
    return external_id.lower() in _NO_ID or (len(external_id) > 1 and not external_id.strip("0"))


def is_role_address(key: str) -> bool:
    """Whether an e-mail key is an office's, such as `info@…`."""
    return untagged(key).partition("@")[0] in _ROLES


def untagged(key: str) -> str:
    """`ann@b.com` of `ann+fair@b.com`; an address without a tag is itself."""
    if "+" not in key:
        return key
    local, _, domain = key.rpartition("@")
    base = local.partition("+")[0]
    return f"{base}@{domain}" if base else key
