"""Every screen of the admin, registered by importing this: the URLs do, and so does the check of the admin.

Not the start of every process: a worker or `run_mailing` shows no page, and they would cost it 0.26 s and 11 MB.
"""

from __future__ import annotations

from django.contrib import admin
from django_otp.plugins.otp_totp.models import TOTPDevice

from backoffice import access_log, staff
from mailing.admin.common.deletion import delete_selected

admin.autodiscover()  # the admin module of every app, Django's own screens of users among them
admin.site.disable_action("delete_selected")
admin.site.add_action(delete_selected, "delete_selected")  # the action every list offers
admin.site.unregister(TOTPDevice)  # its screen shows the keys
staff.register(admin.site)
access_log.register(admin.site)
