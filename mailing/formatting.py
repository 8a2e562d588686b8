"""How numbers, moments and states look, everywhere the same: for templates and for the columns of lists.

Everything here returns safe HTML or plain text; nothing touches the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from mailing.models import Attempt

THIN_SPACE = "\u202f"  # narrow no-break space: 122 451 stays on one line
Tone = Literal["", "blue", "green", "amber", "red", "grey", "plain"]
TONES: tuple[Tone, ...] = ("blue", "green", "amber", "red", "grey", "plain")
AMBER_SHARE, RED_SHARE = 0.02, 0.05  # of errors among the letters handed over


def num(value: object) -> object:
    """A whole number in groups of three, or a share with one digit; anything else as it is.

    `USE_THOUSAND_SEPARATOR` would do it everywhere, also in ids and in `<progress value>`, and break them.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float):
        return number_format(value, 1, use_l10n=True)
    return f"{value:,}".replace(",", THIN_SPACE)


def percent(part: int, whole: int) -> str:
    """A share as "1.4%", a dash when there is nothing to share. All is 100%, and nothing less is."""
    return shares([part, max(0, whole - part)])[0] if whole else "—"


def shares(parts: Sequence[int]) -> list[str]:
    """Each part of their sum in percent, so that what is shown adds up to 100.0.

    By the largest remainder; a part that is not zero is one tenth at least, so that none of several is "100%".
    """
    whole = sum(parts)
    if not whole:
        return ["—"] * len(parts)
    tenths = [max(1000 * part // whole, 1) if part else 0 for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda n: 1000 * parts[n] % whole, reverse=True)
    for n in by_remainder[: max(0, 1000 - sum(tenths))]:
        tenths[n] += 1
    tenths[max(range(len(parts)), key=lambda n: tenths[n])] -= max(0, sum(tenths) - 1000)
    return [_share(number) for number in tenths]


def _share(tenths: int) -> str:
    digits = 0 if tenths in {0, 1000} else 1
    return gettext("%(share)s%%") % {"share": number_format(tenths / 10, digits, use_l10n=True)}


def when(moment: datetime | None) -> SafeString | str:
    """A moment as people say it ("tomorrow at 10:00"); the tooltip has the exact time and its zone."""
    if moment is None:
        return "—"
    local = timezone.localtime(moment)
    exact = f"{date_format(local, 'SHORT_DATE_FORMAT')} {date_format(local, 'H:i:s')} (UTC{local:%z})"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, spoken(local))


def spoken(local: datetime) -> str:
    """The words of `when` for a moment in the local zone."""
    clock = date_format(local, "H:i")
    days = (local.date() - timezone.localdate()).days
    near = {
        -1: gettext("yesterday at %(time)s"),
        0: gettext("today at %(time)s"),
        1: gettext("tomorrow at %(time)s"),
    }
    if days in near:
        return near[days] % {"time": clock}
    return f"{_day(local)}, {clock}"


def days(first: date, last: date) -> str:
    """From one day to another: “23 – 29 November 2026”, “28 September – 3 October 2026”."""
    to_last = date_format(last, pgettext("date format", "j E Y"))
    if first == last:
        return to_last
    if first.year != last.year:
        return f"{date_format(first, pgettext('date format', 'j E Y'))} – {to_last}"
    same_month = first.month == last.month
    return f"{first.day if same_month else date_format(first, pgettext('date format', 'j E'))} – {to_last}"


def clock(moment: datetime) -> str:
    """The time of day, with its day unless that is today: for "since …", "until …"."""
    local = timezone.localtime(moment)
    time = date_format(local, "H:i")
    return time if local.date() == timezone.localdate() else f"{_day(local)}, {time}"


def duration(span: timedelta | None) -> str:
    """A span of time in its two largest units: "3 min 20 s"."""
    if span is None:
        return "—"
    seconds = max(0, int(span.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = (
        (days, gettext("%(n)s d")),
        (hours, gettext("%(n)s h")),
        (minutes, gettext("%(n)s min")),
        (seconds, gettext("%(n)s s")),
    )
    first = next((i for i, (n, _text) in enumerate(units) if n), len(units) - 1)
    return "\u00a0".join(text % {"n": n} for n, text in units[first : first + 2] if n or first == len(units) - 1)


def time_left(attempt: Attempt) -> str:
    """How long a run still takes at the pace it had so far. Only of one that is being sent (`State.SENDING`)."""
    done = attempt.audience - attempt.open
    if not done or not attempt.open:
        return ""
    seconds = (timezone.now() - attempt.started_at).total_seconds() * attempt.open / done
    minutes = round(seconds / 60)
    if not minutes:
        return gettext("less than a minute left")
    if minutes < 90:
        return ngettext("about %(n)s min left", "about %(n)s min left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(n)s h left", "about %(n)s h left", hours) % {"n": hours}


def pill(text: object, tone: str = "grey", why: str = "") -> SafeString:
    """A state: its word, and a colour beside the word (never the colour alone); `why` where the mouse rests on it."""
    title = format_html(' title="{}"', why) if why else ""
    return format_html('<span class="pill pill-{}"{}>{}</span>', tone if tone in TONES else "grey", title, text)


def nested(words: object) -> str:
    """Words to stand between quotation marks: their own become the inner ones."""
    return str(words).translate(str.maketrans("«»“”", "„“‘’"))


def person(user: User) -> str:
    """Somebody on the staff by their name, or by what they log in with."""
    return user.get_full_name() or user.get_username()


def initials(user: User) -> str:
    """One letter or two that people know somebody by: of the name, where there is one."""
    words = user.get_full_name().split() or [user.get_username()]
    return "".join(word[0] for word in words[:2]).upper()


def error_tone(share: float | None) -> Tone:
    """The colour of a share of errors; none while there are few, and where there is no share."""
    if share is None or share <= AMBER_SHARE:
        return ""
    return "red" if share > RED_SHARE else "amber"


def icon(name: str) -> SafeString:
    """A picture from the sprite; it is decoration, the words stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("backoffice/icons.svg"),
        name,
    )


def progress(done: int, total: int, failed: int = 0, unconfirmed: int = 0, note: object = "") -> SafeString:
    """How far a run is: a bar of accepted, unconfirmed and refused letters, and "676 of 1 415" under it.

    An SVG, because the width of a styled box would be an inline style, which the CSP forbids.
    """
    words = gettext("%(done)s of %(total)s") % {"done": num(done), "total": num(total)}
    return format_html(
        '<span class="progress">{}<span class="progress-text">{}{}</span></span>',
        bar((done, "sent"), (unconfirmed, "unconfirmed"), (failed, "failed"), total=total),
        words,
        format_html(" <b>{}</b>", note) if note else "",
    )


def bar(*parts: tuple[int, str], total: int) -> SafeString:
    """A stacked bar; each part is (number, class). Purely visual: the caller says the numbers in words."""
    whole = max(total, 1)
    offset = 0.0
    rects = []
    for number, name in parts:
        width = 100 * number / whole
        if number:
            rects.append((f"bar-{name}", f"{offset:.2f}", f"{width:.2f}"))
        offset += width
    return format_html(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="6"></rect>', rects),
    )


def zone_sentence() -> str:
    """In which time zone all times are: “Moscow time (UTC+3).”"""
    offset = timezone.localtime().strftime("%z")
    hours, minutes = int(offset[1:3]), offset[3:5]
    values = {
        "zone": settings.TIME_ZONE,
        "offset": f"UTC{offset[0]}{hours}{'' if minutes == '00' else ':' + minutes}",
    }
    words = gettext("Moscow time (%(offset)s).") if settings.TIME_ZONE == "Europe/Moscow" else ""
    return (words or gettext("Time of %(zone)s (%(offset)s).")) % values


def day_and_time(moment: datetime) -> str:
    """“24 November at 10:00”, with the year when it is another one."""
    local = timezone.localtime(moment)
    return gettext("%(day)s at %(time)s") % {"day": _day(local), "time": date_format(local, "H:i")}


def _day(local: datetime) -> str:
    this_year = local.year == timezone.localdate().year
    return date_format(local, pgettext("date format", "j E") if this_year else pgettext("date format", "j E Y"))
