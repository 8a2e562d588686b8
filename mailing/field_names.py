"""What people call the fields of a message, in two languages: for the question what they meant."""

from __future__ import annotations

OTHER_NAMES = {
    "name": "full_name",
    "mail": "email",
    "address": "email",
    "link": "unsubscribe_url",
    "имя": "full_name",
    "фио": "full_name",
    "обращение": "greeting",
    "почта": "email",
    "адрес": "email",
    "ссылка": "unsubscribe_url",
    "отписка": "unsubscribe_url",
}
