"""What rules would make of leads: the pure domains of scoring, routing and conversion, one after the other.

`leads` looks at one lead, for a dry run of an import. The rest runs drafts over the stored past, beside the rules that are
live: `python -m services.preview` is the job that reporting hands its history to.
"""

from services.preview.leads import LeadPreview, RuleDocument

__all__ = ["LeadPreview", "RuleDocument"]
