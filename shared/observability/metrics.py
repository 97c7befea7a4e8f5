"""The register of metric names: base units, `_total` for counters, few label values, never personal data."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RECORDS: Final = Counter("records_total", "Consumed records by what became of them", ["group", "topic", "outcome"])
EVENTS_PUBLISHED: Final = Counter("events_published_total", "Events published in committed transactions", ["topic"])
BATCH_SIZE: Final = Histogram(
    "consumer_batch_size", "Records in a batch", ["group"], buckets=(1, 5, 20, 50, 100, 250, 500, 1000, 2000, 5000)
)
BATCH_SECONDS: Final = Histogram(
    "consumer_batch_seconds",
    "Time a batch takes, by step: store (Postgres) and publish (Kafka transaction)",
    ["group", "step"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60),
)
LAG: Final = Gauge("kafka_consumer_lag_records", "Records behind the end", ["group", "topic", "partition"])
LAG_SECONDS: Final = Gauge("kafka_consumer_lag_seconds", "Age of the newest processed record while behind", ["group"])
LEAD_SECONDS: Final = Histogram(
    "lead_end_to_end_seconds",
    "Time from receipt to the stage's event",
    ["stage"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 60, 600),
)
RETRIES: Final = Counter("batch_retries_total", "Batches tried again after a transient error", ["group", "error"])
DEAD_LETTERS: Final = Counter("dead_letters_total", "Records dead-lettered", ["group", "topic", "reason"])
REPLAYS: Final = Counter(
    "dead_letter_replays_total", "Replays of dead letters by what they came to", ["service", "outcome"]
)
DEAD_LETTERS_HELD: Final = Gauge(
    "dead_letters_held", "Dead letters that reporting keeps, by what became of them", ["service", "reason", "state"]
)
REQUESTS_LIMITED: Final = Counter("requests_limited_total", "Requests refused with 429, by the limit", ["limit"])
DROPPED_BATCHES: Final = Counter("dropped_batches_total", "Batches of a lost membership", ["group"])
FENCINGS: Final = Counter("fencings_total", "Offset commits that the group coordinator refused", ["group"])
UNSTABLE_OFFSET_WAITS: Final = Counter(
    "unstable_offset_waits_total", "Times a new owner waited for its predecessor's transaction", ["group"]
)
ABORTS: Final = Counter("transaction_aborts_total", "Kafka transactions aborted", ["group"])
RECORDS_GONE: Final = Counter(
    "records_gone_total",
    "Offsets that a log had dropped before they were consumed: retention ran out",
    ["group", "topic"],
)
STOPPED: Final = Gauge("consumer_stopped", "1 while a consumer has stopped because everything turned bad", ["group"])
SOURCES_FILE_BROKEN: Final = Gauge("capture_sources_file_broken", "1 while the file of sources is refused as it is now")
SUBMISSIONS_REFUSED: Final = Counter(
    "submissions_refused_total", "Requests of sources refused without a trace, by kind of source", ["kind", "reason"]
)
LEADS_FETCHED: Final = Counter("leads_fetched_total", "Tries to fetch an announced lead", ["kind", "outcome"])
MESSAGES_SENT: Final = Counter(
    "messages_sent_total",
    "Messages of journeys by what became of them: sent, failed, dropped, tried",
    ["channel", "outcome"],
)
PAUSED: Final = Gauge("consumer_paused", "1 while a lane gives way to those downstream", ["group"])
PAUSED_SECONDS: Final = Counter("consumer_paused_seconds_total", "Time in which a lane gave way", ["group"])
DOWNSTREAM_LAG: Final = Gauge(
    "downstream_lag_records", "Records that the groups to which a lane gives way are behind", ["group"]
)
LEADS_SCORED: Final = Counter("leads_scored_total", "Scores by grade", ["grade"])
LEADS_ASSIGNED: Final = Counter("leads_assigned_total", "Assignments by strategy", ["strategy"])
LEADS_CONVERTED: Final = Counter("leads_converted_total", "Conversions by trigger", ["trigger"])
TIMERS_FIRED: Final = Counter("timers_fired_total", "Due timers sent as commands", ["service", "kind"])
TIMER_LATENESS: Final = Gauge(
    "timer_lateness_seconds", "How late the earliest timer of the newest batch was sent", ["service"]
)
RULES_RELOAD_FAILED: Final = Counter(
    "rules_reload_failed_total", "Rule documents that were refused or could not be applied", ["kind", "reason"]
)
LOG_LINES_LOST: Final = Counter("log_lines_lost_total", "Lines of the log that could not be written", [])
SHADOW_SCORES: Final = Counter(
    "shadow_scores_total",
    "Scores by a draft that runs beside the live model, by both grades",
    ["kind", "live", "shadow"],
)
LEARNED_SCORE_STABILITY: Final = Gauge(
    "learned_score_stability_index",
    "Population stability index of live scores against those that the live model was learned from; above 0.2 they moved",
    ["version"],
)
RULES_INFO: Final = Gauge("rules_info", "Active rules", ["kind", "version"])
