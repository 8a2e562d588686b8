"""Addresses of the installation."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from backoffice import screens  # noqa: F401  (importing registers them)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("mailing.urls")),
]

handler400 = "backoffice.views.bad_request"
handler500 = "backoffice.views.server_error"
