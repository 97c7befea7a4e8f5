"""What is told of a wrong request: a key that nobody has, a value that is none of those there are."""

from enum import StrEnum
from typing import Literal

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, SecretStr

from shared.runtime import problems
from shared.runtime.access import AccessBook, Principal, unauthenticated


class Colour(StrEnum):
    red = "red"
    blue = "blue"


class Body(BaseModel):
    count: int


def client() -> TestClient:
    app = FastAPI()
    problems.install(app)

    @app.get("/reports")
    async def reports(by: Literal["day", "source"] = "day", colour: Colour = Colour.red, n: int = 1) -> None: ...

    @app.post("/things")
    async def things(body: Body) -> None: ...

    return TestClient(app)


@pytest.mark.parametrize(
    ("query", "code", "detail", "field"),
    [
        ("by=secret-value", "invalid_value", "`by` is one of: day, source.", "by"),
        ("colour=green", "invalid_value", "`colour` is one of: red, blue.", "colour"),
        ("n=many", "int_parsing", "`n` should be a valid integer, unable to parse string as an integer.", "n"),
    ],
)
def test_a_wrong_parameter_is_told_with_what_there_is(query: str, code: str, detail: str, field: str) -> None:
    answer = client().get(f"/reports?{query}")
    said = answer.json()
    assert (answer.status_code, said["code"], said["detail"], said["field"]) == (422, code, detail, field)
    assert "secret-value" not in answer.text


def test_what_is_missing_is_told_by_name() -> None:
    said = client().post("/things", json={}).json()
    assert (said["code"], said["detail"], said["field"]) == ("missing", "`count` is needed.", "count")


def test_a_key_that_nobody_has_is_told_apart_from_none_and_alike_whatever_is_wrong_with_it() -> None:
    book = AccessBook()
    book._add(SecretStr("the-admin-key"), Principal("environment-admin", "admin"))
    wrong = {unauthenticated(key).detail for key in ("the-admin-kez", "ls_abc_x", "x") if book.principal(key) is None}
    assert len(wrong) == 1 and "not known" in wrong.pop()
    none = unauthenticated("")
    assert (none.status, none.code, none.detail) == (
        401,
        "unauthenticated",
        "A key is needed: `Authorization: Bearer <key>`.",
    )
