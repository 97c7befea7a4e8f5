"""Settings that every service has, from the environment, frozen."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.messaging.names import Names


class ServiceSettings(BaseSettings):
    """Read once at start. Every variable is `LEADSTREAM_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="LEADSTREAM_", frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap: str = "127.0.0.1:9092"
    postgres_dsn: SecretStr = SecretStr("postgresql://leadstream@127.0.0.1:5432/leadstream")
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    http_host: str = "127.0.0.1"
    http_port: int = 0
    # Whose X-Forwarded-For is believed: addresses or networks, comma-separated.
    trusted_proxies: str = "127.0.0.1"
    replica: int = 0
    topic_prefix: str = ""
    spine_partitions: int = Field(12, ge=1, le=1000)
    admin_key: SecretStr | None = None
    source_key: SecretStr | None = None
    # Keys receipts' MACs, partition keys and suppression lists; the same for every replica.
    secret: SecretStr = SecretStr("")
    max_records: int = Field(2000, ge=1, le=20_000)
    session_timeout_ms: int = Field(10_000, ge=1_000)
    pool_size: int = Field(4, ge=1)
    log_level: str = "INFO"
    log_format: str = "json"
    failpoints: str = ""
    environment: str = "development"

    @property
    def names(self) -> Names:
        """Names as they stand in the cluster."""
        return Names(self.topic_prefix, self.spine_partitions)
