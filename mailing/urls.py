"""Public addresses: leaving, and the health of the installation."""

from __future__ import annotations

from django.urls import path

from mailing import views

app_name = "mailing"
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("u/<str:token>/", views.unsubscribe, name="unsubscribe"),
]
