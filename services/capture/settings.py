"""Settings of the capture service."""

from pathlib import Path

from pydantic import Field, SecretStr

from services.capture.domain.behaviour.humanity import Signs, signs_with
from services.capture.domain.limits import Limit
from shared.runtime.settings import ServiceSettings


class CaptureSettings(ServiceSettings):
    """What every service has, and the limits of the intake."""

    # Keys the MACs of receipts and the partition keys: without it, neither can be told from a guess.
    secret: SecretStr = Field(min_length=16)
    body_limit_bytes: int = Field(262_144, ge=1024)
    batch_limit_bytes: int = Field(8_388_608, ge=1024)
    batch_limit_lines: int = Field(10_000, ge=1)
    # What a page sends at once: `sendBeacon` takes 64 KiB.
    beacon_limit_bytes: int = Field(65_536, ge=1024)
    beacon_limit_lines: int = Field(100, ge=1)
    body_timeout_s: float = Field(10.0, gt=0)
    # Reads phone numbers that name no country, ISO 3166-1 alpha-2.
    default_region: str | None = None
    # Imports wait while the live lanes from capture to conversion are together more records behind than this; 0: never.
    bulk_pause_lag: int = Field(5_000, ge=0)
    redis_timeout_s: float = Field(0.2, gt=0)
    idempotency_memory_s: int = Field(86_400, ge=1)
    # The file of sources that have an address of their own (docs/sources.md); without one there are none.
    capture_sources: Path | None = None
    # The same form with the same content within this time is one lead; 0: never.
    double_submit_s: int = Field(600, ge=0, le=86_400)
    meta_graph_url: str = "https://graph.facebook.com/v23.0"
    linkedin_api_url: str = "https://api.linkedin.com/rest"
    linkedin_version: str = "202510"
    typeform_api_url: str = "https://api.typeform.com"
    webhook_limit_bytes: int = Field(1_000_000, ge=1024, le=1_000_000)
    # Forms of one address, a second and at once: beyond it they are suspicious, and let in.
    form_rate: float = Field(0.2, ge=0)
    form_burst: float = Field(20, ge=1)
    # Sources, details and words beside (or instead of) the built-in ones; see services/capture/README.md.
    source_vocabulary: Path | None = None
    # Which record decides a field, where that is not as built in; see docs/identity.md.
    survivorship: Path | None = None
    # What makes a submission suspicious; see services/capture/spam.yaml.
    spam_rules: Path = Path(__file__).parent / "spam.yaml"
    # The nightly look at leads; see services/capture/hygiene.yaml and docs/hygiene.md.
    hygiene_rules: Path = Path(__file__).parent / "hygiene.yaml"
    # A verifier that is asked over HTTP beside the one that needs nobody, and its key.
    hygiene_verifier_url: str = ""
    hygiene_verifier_key: SecretStr = SecretStr("")
    # Requests a second of one key and of one address, and how many at once after a pause; 0 a second is no limit.
    # A line of a batch counts an eighth.
    key_rate: float = Field(1_000, ge=0)
    key_burst: float = Field(10_000, ge=1)
    address_rate: float = Field(500, ge=0)
    address_burst: float = Field(5_000, ge=1)

    # Behaviour: further parts of machines' user agents, and networks of machines (data centres), each list by commas.
    bot_user_agents: str = ""
    bot_networks: str = ""
    # How long events are kept for strangers to become known, and for being judged again.
    behaviour_days: int = Field(90, ge=1, le=3650)
    # How long a browser stays linked to a person, from the event that said so.
    visitor_days: int = Field(400, ge=1, le=3650)
    # How long submissions are kept that were released from quarantine or rejected there; what is held stays.
    quarantine_days: int = Field(90, ge=1, le=3650)

    @property
    def signs(self) -> Signs:
        """What machines are told by. Raises ValueError for what is no network."""
        return signs_with(self.bot_user_agents.split(","), self.bot_networks.split(","))

    @property
    def limits(self) -> dict[str, Limit]:
        """The limits of the intake, by what they are of."""
        key, address = Limit(self.key_rate, self.key_burst), Limit(self.address_rate, self.address_burst)
        return {"key": key, "address": address, "form": Limit(self.form_rate, self.form_burst)}

    @property
    def secret_bytes(self) -> bytes:
        """The secret, to key a digest with."""
        return self.secret.get_secret_value().encode()
