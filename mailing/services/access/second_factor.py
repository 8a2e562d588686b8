"""The second factor: a code from the phone (TOTP, by django-otp), or one of ten recovery codes.

Whether it is asked for says SECOND_FACTOR: off, optional (whoever has set one up, and the groups that need one) or
required. Wrong codes are counted by `limits`, like wrong passwords.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext_noop as _
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from mailing.choices import AccessKind
from mailing.errors import NotAllowed, Refused
from mailing.models import GroupRule, RecoveryCode
from mailing.services.access import audit_log, trail

CODES = 10
CODE_BYTES = 10  # 80 bits: too many to try, so that a plain hash keeps them
FOUR = 4

SUPERUSERS_ONLY = _("Only an administrator may do this for an administrator.")
SET_UP, CODES_MADE, REMOVED = _("second factor set up"), _("recovery codes made"), _("second factor removed")
TOLD_REMOVED = _("The second factor is removed.")
WRONG_CODE = _("This code is wrong, or was used already. Wait for the next one.")


@dataclass(frozen=True)
class Standing:
    """What a user has, and has to have."""

    device: int | None
    is_needed: bool

    @property
    def asked_for(self) -> bool:
        return self.is_needed or self.device is not None


def is_on() -> bool:
    return bool(settings.SECOND_FACTOR != "off")


def standing(user: User) -> Standing:
    """One query; none while the installation has no second factor."""
    if not is_on():
        return Standing(None, False)
    device = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True).order_by("pk").values("pk")[:1]
    rule = GroupRule.objects.filter(group__user=OuterRef("pk"), needs_second_factor=True)
    row = User.objects.filter(pk=user.pk).values_list(Subquery(device), Exists(rule)).first()
    found, needed = row or (None, False)
    return Standing(found, bool(needed) or settings.SECOND_FACTOR == "required")


def verify(user: User, code: str) -> int | None:
    """The device whose code this is, or for which the recovery code stands; each code counts once."""
    typed = "".join(code.split()).replace("-", "").lower()
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).order_by("pk").first()
        if device is None:
            return None
        right = device.verify_token(typed) if _is_figures(typed) else _take(user, typed)
    return int(device.pk) if right else None


def new_key() -> str:
    return str(default_key())


def address_of(user: User, key: str) -> str:
    """What the QR code says to the app on the phone."""
    return str(TOTPDevice(user=user, key=key).config_url)


def readable(key: str) -> str:
    """The key for those who type it."""
    text = b32encode(bytes.fromhex(key)).decode()
    return " ".join(text[at : at + FOUR] for at in range(0, len(text), FOUR))


def set_up(user: User, key: str, code: str) -> tuple[int, list[str]]:
    """The phone is known from now on, in place of a former one; returns its number and the recovery codes.

    Raises Refused when the code is not one of this key.
    """
    typed = "".join(code.split())
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        TOTPDevice.objects.filter(user=user).delete()
        device = TOTPDevice.objects.create(user=user, key=key, name="phone", confirmed=True)
        if not (_is_figures(typed) and device.verify_token(typed)):
            raise Refused(WRONG_CODE)
        trail.record(AccessKind.FACTOR_ADDED, user.get_username())
        audit_log.changed(user, user, SET_UP)
        return int(device.pk), new_codes(user)


def new_codes(user: User) -> list[str]:
    """Ten recovery codes in place of the former; nobody sees them again."""
    codes = [b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower() for _number in range(CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
        trail.record(AccessKind.RECOVERY_MADE, user.get_username())
        audit_log.changed(user, user, CODES_MADE)
    return ["-".join(code[at : at + FOUR] for at in range(0, len(code), FOUR)) for code in codes]


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def remove(user: User, *, by: User | None) -> bool:
    """The phone and the codes are known no more; whether there was anything. `by=None` is the command line."""
    if by is not None and user.is_superuser and not by.is_superuser:
        raise NotAllowed(SUPERUSERS_ONLY)
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        number, _kinds = TOTPDevice.objects.filter(user=user).delete()
        if number:
            trail.record(AccessKind.FACTOR_REMOVED, user.get_username())
            audit_log.changed(user, by, REMOVED)
    return bool(number)


def require_for(group: Group, *, needed: bool) -> None:
    """Whether members of the group need a second factor from now on."""
    rule, _made = GroupRule.objects.get_or_create(group=group)
    if rule.needs_second_factor == needed:
        return
    GroupRule.objects.filter(pk=group.pk).update(needs_second_factor=needed)
    details = {"what": [f"group:{group.name}"], "given" if needed else "taken": ["flag:second_factor"]}
    trail.record(AccessKind.RIGHTS_CHANGED, details=details)


def _is_figures(typed: str) -> bool:
    return len(typed) == 6 and typed.isascii() and typed.isdigit()


def _take(user: User, typed: str) -> bool:
    mine = RecoveryCode.objects.filter(user=user, digest=_digest(user, typed), used_at=None)
    taken = mine.update(used_at=timezone.now())
    if taken:
        trail.record(AccessKind.RECOVERY_USED, user.get_username(), by="")
    return bool(taken)


def _digest(user: User, code: str) -> str:
    return sha256(f"{user.pk}:{code}".encode()).hexdigest()
