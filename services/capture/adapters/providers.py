"""The providers that leads can be fetched from, by the kind of their sources."""

from collections.abc import Mapping

from services.capture.adapters.linkedin_api import LinkedInApi
from services.capture.adapters.meta_graph import MetaGraph
from services.capture.adapters.provider_http import ProviderHttp
from services.capture.adapters.typeform_api import TypeformApi
from services.capture.ports import LeadProvider
from services.capture.settings import CaptureSettings


def providers_of(settings: CaptureSettings) -> Mapping[str, LeadProvider]:
    """All of them, over HTTP."""
    return {
        "meta": MetaGraph(ProviderHttp(settings.meta_graph_url)),
        "linkedin": LinkedInApi(ProviderHttp(settings.linkedin_api_url), settings.linkedin_version),
        "typeform": TypeformApi(ProviderHttp(settings.typeform_api_url)),
    }
