"""The recipients of a mailing in words: how the next run differs from the latest, and why somebody gets nothing."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailing.choices import DeliveryReason, SuppressionReason
from mailing.formatting import num
from mailing.services.mailings.audiences import Figures, Standing


def next_run(figures: Figures) -> str:
    """At the next send: 29 recipients, 3 new, 1 will be skipped."""
    letters = ngettext("%(n)s recipient", "%(n)s recipients", figures.letters) % {"n": num(figures.letters)}
    skipped = sum(figures.skipped.values())
    parts = [letters, *compared(figures.new or 0, figures.left or 0)]
    if skipped:
        words = ngettext("%(n)s will be skipped", "%(n)s will be skipped", skipped)
        parts.append(words % {"n": num(skipped)})
    return _("At the next send: %(recipients)s.") % {"recipients": ", ".join(parts)}


def compared(new: int, left: int) -> list[str]:
    """Who came and who left since the latest run."""
    words = []
    if new:
        words.append(ngettext("%(n)s new", "%(n)s new", new) % {"n": num(new)})
    if left:
        words.append(ngettext("%(n)s gone", "%(n)s gone", left) % {"n": num(left)})
    return words


def why_skipped(standing: Standing) -> str:
    """The reason, in the word that will stand at the delivery; of the stop list also its own."""
    if standing.skipped is None:
        return ""
    if standing.skipped is not DeliveryReason.SUPPRESSED:
        return str(standing.skipped.label)
    reason = dict(SuppressionReason.choices).get(standing.stopped or "", "")
    return _("%(skipped)s: %(reason)s") % {"skipped": standing.skipped.label, "reason": reason}
