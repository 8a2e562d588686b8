"""Who needs a second factor, and the codes for the day the phone is gone. The phone itself is django-otp's."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _


class GroupRule(models.Model):
    """What a group asks of its members."""

    group = models.OneToOneField(Group, primary_key=True, on_delete=models.CASCADE, related_name="rule")
    needs_second_factor = models.BooleanField(_("needs a second factor"), default=False)

    class Meta:
        verbose_name = _("rule of a group")
        verbose_name_plural = _("rules of groups")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.group)


class RecoveryCode(models.Model):
    """Opens the door once in the place of a code from the phone. Only its hash is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once_per_user"),)

    def __str__(self) -> str:
        return str(self.pk)
