"""Signatures over the raw bytes: one byte, one second, another secret, an older scheme, and what signs again."""

import hashlib
import hmac
from base64 import b64encode
from datetime import timedelta

import orjson
import pytest

from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Asked
from services.capture.sources.register import WEBHOOKS
from services.capture.sources.signing import base64_hmac, hex_hmac
from tests.support.sources import AT, SECRETS, asked, source_of

KEY, OLD = SECRETS["KEY"].encode(), SECRETS["OLD_KEY"].encode()
BODY = b'{"b": 1,  "a": "\xc3\xa9"}'
ROTATED = "secrets: [{env: OLD_KEY, not_after: 2026-03-01T13:00:00Z}, {env: KEY}]\n"
META = source_of(f"kind: meta\n{ROTATED}verify_token: {{env: OLD_KEY}}\ntoken: {{env: KEY}}")
LINKEDIN = source_of(f"kind: linkedin\n{ROTATED}token: {{env: KEY}}")
TYPEFORM = source_of(f"kind: typeform\n{ROTATED}")
HUBSPOT = source_of(f"kind: hubspot\n{ROTATED}")
STANDARD = source_of(f"kind: generic\n{ROTATED}signature: {{scheme: standard}}")
TIMED = source_of(f"kind: generic\n{ROTATED}signature: {{scheme: timestamped, header: Calendly-Webhook-Signature}}")
PLAIN = source_of(
    f"kind: generic\n{ROTATED}signature: {{scheme: hmac, header: X-Sign, encoding: base64, prefix: 'v0='}}"
)
HUBSPOT_URI = "https://leads.example.com/v1/webhooks/x/test"
STAMP = str(int(AT.timestamp()))


def signed(source: ConfiguredSource, body: bytes = BODY, secret: bytes = KEY, stamp: str = STAMP) -> dict[str, str]:
    if source is META:
        return {"x-hub-signature-256": "sha256=" + hex_hmac(secret, body)}
    if source is LINKEDIN:
        return {"x-li-signature": hex_hmac(secret, b"hmacsha256=" + body)}
    if source is TYPEFORM:
        return {"typeform-signature": "sha256=" + base64_hmac(secret, body)}
    if source is HUBSPOT:
        milliseconds = f"{stamp}000" if stamp.isdigit() else stamp
        made = base64_hmac(secret, f"POST{HUBSPOT_URI}".encode() + body + milliseconds.encode())
        return {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": milliseconds}
    if source is STANDARD:
        made = "v1,bm90aGluZw== v1," + base64_hmac(secret, f"msg_1.{stamp}.".encode() + body)
        return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": made}
    if source is TIMED:
        return {"calendly-webhook-signature": f"t={stamp},v1=" + hex_hmac(secret, f"{stamp}.".encode() + body)}
    return {"x-sign": "v0=" + base64_hmac(secret, body)}


def reason(source: ConfiguredSource, request: Asked) -> str | None:
    why = WEBHOOKS[source.kind].verify(request, source)
    return why.reason if why is not None else None


ALL = pytest.mark.parametrize("source", [META, LINKEDIN, TYPEFORM, HUBSPOT, STANDARD, TIMED, PLAIN])


@ALL
def test_the_right_signature_over_the_very_bytes_is_believed(source: ConfiguredSource) -> None:
    assert reason(source, asked(BODY, headers=signed(source))) is None
    changed = bytearray(BODY)
    changed[-2] ^= 1
    assert reason(source, asked(bytes(changed), headers=signed(source))) == "wrong_signature"
    again = orjson.dumps(orjson.loads(BODY))  # the same JSON in other bytes
    assert reason(source, asked(again, headers=signed(source))) == "wrong_signature"
    assert reason(source, asked(BODY, headers=signed(source, secret=b"another"))) == "wrong_signature"


@ALL
def test_both_secrets_count_until_the_older_one_ends(source: ConfiguredSource) -> None:
    headers = signed(source, secret=OLD)
    assert reason(source, asked(BODY, headers=headers)) is None
    late = AT + timedelta(hours=2)
    headers = signed(source, secret=OLD, stamp=str(int(late.timestamp())))
    assert reason(source, asked(BODY, headers=headers, at=late)) == "wrong_signature"


@pytest.mark.parametrize("source", [META, TYPEFORM, HUBSPOT, STANDARD, TIMED, PLAIN])
def test_without_a_signature_nothing_is_believed(source: ConfiguredSource) -> None:
    assert reason(source, asked(BODY)) == "no_signature"
    sha1 = hmac.new(KEY, BODY, hashlib.sha1).hexdigest()
    older = {"x-hub-signature": f"sha1={sha1}", "typeform-signature": "", "x-sign": b64encode(b"x").decode()}
    assert reason(source, asked(BODY, headers=older)) == "no_signature"


@pytest.mark.parametrize("source", [HUBSPOT, STANDARD, TIMED])
@pytest.mark.parametrize(
    ("seconds", "believed"), [(0, True), (1, True), (299, True), (301, False), (-301, False), (86_400, False)]
)
def test_a_signed_time_counts_for_five_minutes(source: ConfiguredSource, seconds: int, believed: bool) -> None:
    request = asked(BODY, headers=signed(source), at=AT + timedelta(seconds=seconds))
    assert reason(source, request) == (None if believed else "outside_window")


@pytest.mark.parametrize("stamp", ["", "x", "-1", "9" * 30, "١٢"])
@pytest.mark.parametrize("source", [HUBSPOT, STANDARD, TIMED])
def test_a_time_that_is_none_is_outside_of_every_window(source: ConfiguredSource, stamp: str) -> None:
    assert reason(source, asked(BODY, headers=signed(source, stamp=stamp))) in ("outside_window", "no_signature")


def test_a_whsec_secret_is_read_as_base64() -> None:
    raw = b"24 bytes of a real secret"
    made = base64_hmac(raw, f"m.{STAMP}.".encode() + BODY)
    headers = {"webhook-id": "m", "webhook-timestamp": STAMP, "webhook-signature": f"v1,{made}"}
    SECRETS["WHSEC"] = "whsec_" + b64encode(raw).decode()
    source = source_of("kind: generic\nsecrets: [{env: WHSEC}]\nsignature: {scheme: standard}")
    assert reason(source, asked(BODY, headers=headers)) is None


def test_linkedin_may_leave_a_lead_unsigned_but_no_deletion() -> None:
    assert reason(LINKEDIN, asked(BODY)) is None
    assert reason(LINKEDIN, asked(b'{"leadAction":"DELETED"}')) == "no_signature"
    strict = source_of(f"kind: linkedin\n{ROTATED}token: {{env: KEY}}\nsigned: true")
    assert reason(strict, asked(BODY)) == "no_signature"


def test_a_token_comes_in_a_header_or_in_the_address() -> None:
    header = source_of(
        f"kind: generic\n{ROTATED}signature: {{scheme: token, header: Authorization, prefix: 'Bearer '}}"
    )
    assert reason(header, asked(BODY, headers={"authorization": "Bearer the-current-key"})) is None
    assert reason(header, asked(BODY, headers={"authorization": "Bearer nothing"})) == "wrong_signature"
    address = source_of(f"kind: generic\n{ROTATED}signature: {{scheme: token}}")
    assert reason(address, asked(BODY, query={"token": "the-current-key"})) is None
    assert reason(address, asked(BODY)) == "no_signature"


def test_challenges_are_answered_to_who_knows_and_to_nobody_else() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": SECRETS["OLD_KEY"], "hub.challenge": "1158201444"}
    answer = WEBHOOKS["meta"].greet(asked(query=query, method="GET"), META)
    assert answer is not None and (answer.status, answer.body, answer.content_type) == (
        200,
        b"1158201444",
        "text/plain",
    )
    for changed in ({"hub.verify_token": "wrong"}, {"hub.verify_token": ""}):
        answer = WEBHOOKS["meta"].greet(asked(query={**query, **changed}), META)
        assert answer is not None and answer.status == 403 and b"1158201444" not in answer.body
    assert WEBHOOKS["meta"].greet(asked(query={**query, "hub.challenge": "<script> "}), META) is None
    code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
    answer = WEBHOOKS["linkedin"].greet(asked(query={"challengeCode": code}), LINKEDIN)
    assert answer is not None
    expected = hmac.new(KEY, code.encode(), hashlib.sha256).hexdigest()
    assert orjson.loads(answer.body) == {"challengeCode": code, "challengeResponse": expected}
    assert WEBHOOKS["linkedin"].greet(asked(query={"challengeCode": "not one\n"}), LINKEDIN) is None
    assert WEBHOOKS["google"].greet(asked(query=query), META) is None


def test_hubspot_signs_the_address_that_it_called() -> None:
    public = "https://leads.acme.example/hooks/hub"
    source = source_of(f"kind: hubspot\n{ROTATED}address: {public}")
    stamp = f"{STAMP}250"
    made = base64_hmac(KEY, f"POST{public}?a=b/c;d&e=%20".encode() + BODY + stamp.encode())
    headers = {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": stamp}
    inside = "http://10.0.0.7:8101/v1/webhooks/hubspot/test"
    assert reason(source, asked(BODY, headers=headers, url=f"{inside}?a=b%2Fc%3bd&e=%20")) is None
    assert reason(source, asked(BODY, headers=headers, url=f"{inside}?a=b")) == "wrong_signature"
    assert reason(HUBSPOT, asked(BODY, headers=headers, url=f"{inside}?a=b%2Fc%3Bd&e=%20")) == "wrong_signature"
    bearer = {"authorization": "Bearer the-current-key"}
    assert reason(source, asked(BODY, headers=bearer)) is None
    assert reason(source, asked(BODY, headers={**bearer, "x-hubspot-signature-v3": "x"})) == "outside_window"
