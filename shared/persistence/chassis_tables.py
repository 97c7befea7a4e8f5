"""The tables that every service has: one definition, five migrations.

Marks, decisions, commands, rule versions, aliases, tombstones, timers, slots. Each service creates them in its own
schema with its first migration; a later change is a new function here and a new migration in each service.
"""

from typing import Final

DECISION_PARTITIONS: Final = 8

_V1: Final = (
    # How far a group has come, by topic id, so that a recreated topic starts anew. `stored_to`: the state holds all
    # below it. `published_to`: a commit was seen that published all below it.
    """
    CREATE TABLE marks (
        group_id     text   NOT NULL,
        topic_id     uuid   NOT NULL,
        partition    int    NOT NULL,
        topic        text   NOT NULL,
        stored_to    bigint NOT NULL DEFAULT 0,
        published_to bigint NOT NULL DEFAULT 0,
        changed_at   timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (group_id, topic_id, partition)
    )
    """,
    # What was decided for each event, with the coordinates of the record that brought it. Kept 100 days.
    """
    CREATE TABLE decisions (
        event_id    uuid        NOT NULL PRIMARY KEY,
        topic_id    uuid        NOT NULL,
        partition   int         NOT NULL,
        "offset"    bigint      NOT NULL,
        outcome     text        NOT NULL,
        subject     uuid,
        reason      text,
        detail      text,
        fingerprint bigint      NOT NULL DEFAULT 0,
        decided_at  timestamptz NOT NULL
    ) PARTITION BY HASH (event_id)
    """,
    *(
        f"""
        CREATE TABLE decisions_{n} PARTITION OF decisions
        FOR VALUES WITH (MODULUS {DECISION_PARTITIONS}, REMAINDER {n})
        """
        for n in range(DECISION_PARTITIONS)
    ),
    """
    CREATE TABLE commands (
        command_id   uuid        NOT NULL PRIMARY KEY,
        command      text        NOT NULL,
        status       text        NOT NULL,
        reason       text,
        result       jsonb       NOT NULL DEFAULT '{}',
        completed_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE rule_versions (
        kind         text        NOT NULL,
        version      int         NOT NULL,
        name         text        NOT NULL,
        content_hash text        NOT NULL,
        document     text        NOT NULL,
        author       text        NOT NULL,
        reason       text        NOT NULL,
        published_at timestamptz NOT NULL,
        PRIMARY KEY (kind, version)
    )
    """,
    """
    CREATE TABLE active_rules (
        kind    text NOT NULL PRIMARY KEY,
        version int  NOT NULL,
        FOREIGN KEY (kind, version) REFERENCES rule_versions (kind, version)
    )
    """,
    # loser -> winner, upserted by version; resolved transitively with a bound.
    """
    CREATE TABLE aliases (
        loser_id  uuid        NOT NULL PRIMARY KEY,
        winner_id uuid        NOT NULL,
        version   int         NOT NULL,
        merged_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE tombstones (
        lead_id      uuid        NOT NULL PRIMARY KEY,
        lead_version int         NOT NULL,
        erased_at    timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE timers (
        timer_id     uuid        NOT NULL PRIMARY KEY,
        generation   int         NOT NULL DEFAULT 1,
        kind         text        NOT NULL,
        subject      uuid        NOT NULL,
        due_at       timestamptz NOT NULL,
        leased_until timestamptz,
        done_at      timestamptz,
        payload      jsonb       NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX timers_due ON timers (due_at) WHERE done_at IS NULL",
    # Who holds which transactional slot. The lock that decides is an advisory one, gone with its session.
    """
    CREATE TABLE slots (
        group_id  text        NOT NULL,
        slot      int         NOT NULL,
        holder    text        NOT NULL,
        leased_at timestamptz NOT NULL,
        PRIMARY KEY (group_id, slot)
    )
    """,
)


def chassis_tables_v1() -> tuple[str, ...]:
    """The statements that create the chassis' tables, first version."""
    return _V1


# Every setting of a timer has a number of its own, also after its row was taken away: one that was set anew is never
# mistaken for one that fired before.
_V2: Final = (
    "ALTER TABLE timers ALTER COLUMN generation TYPE bigint, ALTER COLUMN generation DROP DEFAULT",
    "CREATE SEQUENCE timer_generations",
)


def chassis_tables_v2() -> tuple[str, ...]:
    """The statements that give timers their generations, after `chassis_tables_v1`."""
    return _V2


# How the last transaction of a slot's id ended, while what it left open is not ended (ADR 27).
_V3: Final = ("ALTER TABLE slots ADD COLUMN unended text",)


def chassis_tables_v3() -> tuple[str, ...]:
    """The statements that let a slot keep how its last transaction ended, after `chassis_tables_v2`."""
    return _V3


def drop_chassis_tables_v3() -> tuple[str, ...]:
    """The statements that undo `chassis_tables_v3`."""
    return ("ALTER TABLE slots DROP COLUMN unended",)


def drop_chassis_tables_v2() -> tuple[str, ...]:
    """The statements that undo `chassis_tables_v2`."""
    return (
        "DROP SEQUENCE timer_generations",
        "ALTER TABLE timers ALTER COLUMN generation TYPE int, ALTER COLUMN generation SET DEFAULT 1",
    )


def drop_chassis_tables_v1() -> tuple[str, ...]:
    """The statements that undo `chassis_tables_v1`."""
    names = (
        "slots", "timers", "tombstones", "aliases", "active_rules", "rule_versions", "commands", "decisions", "marks",
    )  # fmt: skip
    return tuple(f"DROP TABLE {name}" for name in names)
