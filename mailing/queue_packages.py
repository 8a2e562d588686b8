"""What travels through the queue: signed with a key of the queue's own, read as data, and run only if it is a task.

django-q signs a pickle with SECRET_KEY and calls whatever function it names. Whoever got hold of that key (it signs
sessions and links as well) and of Redis or the table would run what they like on every worker. Three bars, each of
which is enough: another key, a reader that makes nothing but data, and no function but those of `mailing.tasks`.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac
from django_q import signing
from django_q.conf import Conf
from django_q.status import Stat

TASK = re.compile(r"mailing\.tasks\.[a-z_]+")  # one name: `mailing.tasks.logging.os.system` can be found as well
# What django-q puts in beside text, numbers and lists: moments in a task; a cluster's state for `manage.py qinfo`.
DATA = {
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("uuid", "UUID"),
    ("django_q.status", "Stat"),
}


def key() -> str:
    """QUEUE_KEY; without it one that SECRET_KEY makes for this purpose alone."""
    derived = salted_hmac("samovar.queue", "key", secret=settings.SECRET_KEY, algorithm="sha256")
    return settings.QUEUE_KEY or derived.hexdigest()


def guard() -> None:
    """Lets django-q sign and read in this process as said above; for web, workers and commands alike."""
    module: Any = signing
    module.PickleSerializer = Packages
    Conf.SECRET_KEY = key()


class Packages:
    """In the place of `django_q.signing.PickleSerializer`. What is refused is dropped, with a line in the log."""

    def dumps(self, package: object) -> bytes:
        return pickle.dumps(package, protocol=pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        try:
            package = DataOnly(io.BytesIO(data)).load()
        except Exception as error:  # of whatever kind: bytes that are no package
            raise signing.BadSignature(f"Not a package of Samovar: {error}") from error
        if not isinstance(package, Stat) and not is_task(package):
            raise signing.BadSignature(f"Not a task of Samovar: {package!r:.200}")
        return package


def is_task(package: object) -> bool:
    """`hook` would be a second function, called with the result."""
    return isinstance(package, dict) and bool(TASK.fullmatch(str(package.get("func")))) and not package.get("hook")


class DataOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in DATA:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)
