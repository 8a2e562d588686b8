"""Invented clients: the same ones every time, at addresses that can never exist (RFC 2606, `.example`)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from mailing.models import Client

SOURCE = "seed_demo"  # what a client card says they came from


def _words(text: str) -> list[str]:
    return text.split(" ")


MEN = _words("Александр Алексей Андрей Артём Борис Виктор Глеб Денис Евгений Иван Илья Кирилл Максим Олег Пётр Семён")
WOMEN = _words("Алла Анна Вера Галина Дарья Елена Ирина Ксения Любовь Марина Мария Надежда Ольга Светлана Софья Юлия")
FATHERS = (
    ("Александрович", "Александровна"),
    ("Алексеевич", "Алексеевна"),
    ("Борисович", "Борисовна"),
    ("Викторович", "Викторовна"),
    ("Дмитриевич", "Дмитриевна"),
    ("Ильич", "Ильинична"),
    ("Львович", "Львовна"),
    ("Михайлович", "Михайловна"),
    ("Николаевич", "Николаевна"),
    ("Петрович", "Петровна"),
    ("Семёнович", "Семёновна"),
    ("Фёдорович", "Фёдоровна"),
)
FAMILIES = (
    ("Алёшин", "Алёшина"),
    ("Белов", "Белова"),
    ("Воронцов", "Воронцова"),
    ("Гончаренко", "Гончаренко"),
    ("Дроздов", "Дроздова"),
    ("Ершов", "Ершова"),
    ("Жуковский", "Жуковская"),
    ("Зимин", "Зимина"),
    ("Калинин", "Калинина"),
    ("Королёв", "Королёва"),
    ("Лебедев", "Лебедева"),
    ("Морозов", "Морозова"),
    ("Никитин", "Никитина"),
    ("Островский", "Островская"),
    ("Павлов", "Павлова"),
    ("Романов", "Романова"),
    ("Седых", "Седых"),
    ("Тихонов", "Тихонова"),
    ("Ушаков", "Ушакова"),
    ("Чернышёв", "Чернышёва"),
    ("Шевченко", "Шевченко"),
    ("Щукин", "Щукина"),
    ("Юдин", "Юдина"),
    ("Яковлев", "Яковлева"),
)
DOMAINS = (
    ("pochta.example",) * 5 + ("mail.example",) * 4 + ("zavod.example", "cafe-u-reki.example", "shkola12.example")
)
COMMENTS = (
    "Постоянный покупатель, чёрный чай",
    "Просил писать не чаще раза в неделю",
    "Познакомились на выставке",
    "Опт: кафе, 40 мест",
    "День рождения в апреле",
    "Интересуется подарочными наборами",
)
LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        _words("a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh sch  y  e yu ya"),
        strict=True,
    )
)


def clients(number: int) -> Iterator[Client]:
    """The first `number` invented clients (unsaved); a longer list begins with the shorter one."""
    chance = Random(2024)
    for index in range(number):
        yield _client(index, chance)


def _client(index: int, chance: Random) -> Client:
    woman = chance.random() < 0.55
    name = chance.choice(WOMEN if woman else MEN)
    father = chance.choice(FATHERS)[woman]
    family = chance.choice(FAMILIES)[woman]
    formal, warm, commented = chance.random() < 0.5, chance.random() < 0.85, chance.random() < 0.25
    comment, domain = chance.choice(COMMENTS), chance.choice(DOMAINS)
    return Client(
        email=f"{latin(name)[0]}.{latin(family)}{index + 1}@{domain}",
        full_name=f"{family} {name} {father}",
        greeting=(f"{name} {father}" if formal else name) if warm else "",
        comment=comment if commented else "",
        source=SOURCE,
    )


def latin(text: str) -> str:
    return "".join(LATIN.get(letter, letter) for letter in text.lower())
