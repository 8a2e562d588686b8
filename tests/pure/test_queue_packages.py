"""A leaked SECRET_KEY signs no task, and a signed package is never more than data for one of our own tasks."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import signing as django_signing
from django.utils import timezone
from django_q.conf import Conf
from django_q.signing import BadSignature, SignedPackage

from mailing import queue_packages


class PlainPickle:
    """What django-q signs by itself."""

    def dumps(self, package: object) -> bytes:
        return pickle.dumps(package)


class Calls:
    """A pickle that calls a function when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def task(**changes: object) -> dict[str, object]:
    usual = {"id": "1", "name": "a", "func": "mailing.tasks.ping", "args": (1, 2.5, "x"), "kwargs": {}}
    return usual | {"started": timezone.now()} | changes


def signed(package: object, key: str) -> str:
    return django_signing.dumps(package, key=key, salt=Conf.PREFIX, serializer=PlainPickle)


def test_what_a_web_process_queues_a_worker_reads() -> None:
    package = task()
    assert SignedPackage.loads(SignedPackage.dumps(package)) == package
    assert SignedPackage.loads(signed(package, queue_packages.key())) == package


def test_a_task_signed_with_the_secret_key_is_refused(settings: LazySettings) -> None:
    assert queue_packages.key() != settings.SECRET_KEY
    with pytest.raises(BadSignature, match="does not match"):
        SignedPackage.loads(signed(task(), settings.SECRET_KEY))


def test_a_former_secret_key_signs_no_task_either(settings: LazySettings) -> None:
    settings.SECRET_KEY_FALLBACKS = ["former-key" * 5]
    with pytest.raises(BadSignature, match="does not match"):
        SignedPackage.loads(signed(task(), "former-key" * 5))


def test_the_key_is_the_one_that_was_given_or_else_made_from_the_secret_key(settings: LazySettings) -> None:
    settings.QUEUE_KEY = ""
    made = queue_packages.key()
    assert len(made) == 64
    settings.SECRET_KEY = "another" * 8
    assert queue_packages.key() != made
    settings.QUEUE_KEY = "the queue's own" * 3
    assert queue_packages.key() == "the queue's own" * 3


def test_no_package_calls_anything_when_it_is_read_whoever_signed_it(tmp_path: Path) -> None:
    package = signed(task(args=(Calls(tmp_path / "made"),)), queue_packages.key())
    with pytest.raises(BadSignature, match="mkdir"):
        SignedPackage.loads(package)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "package",
    [
        task(func="os.system"),
        task(func="mailing.tasks.logging.os.system"),
        task(func="mailing.tasks.ping\n"),
        task(func=None),
        task(hook="os.system"),
        {},
        [task()],
        "mailing.tasks.ping",
        None,
    ],
    ids=["a stranger", "beyond", "a line", "nothing", "a hook", "empty", "a list", "a name", "none"],
)
def test_what_is_no_task_of_ours_is_refused_whoever_signed_it(package: object) -> None:
    with pytest.raises(BadSignature, match="Not a task of Samovar"):
        SignedPackage.loads(signed(package, queue_packages.key()))


def test_bytes_that_are_no_pickle_are_refused_as_well() -> None:
    class Garbage:
        def dumps(self, package: object) -> bytes:
            return b"\x80garbage"

    with pytest.raises(BadSignature, match="Not a package of Samovar"):
        SignedPackage.loads(django_signing.dumps("", key=queue_packages.key(), salt=Conf.PREFIX, serializer=Garbage))


def test_an_empty_key_of_the_queue_is_advised_against(settings: LazySettings) -> None:
    from django.core.checks import run_checks

    def advised() -> bool:
        found = run_checks(tags=["security"], include_deployment_checks=True)
        return "mailing.W007" in {message.id for message in found}

    settings.QUEUE_KEY = ""
    assert advised()
    settings.QUEUE_KEY = "q" * 40
    assert not advised()
