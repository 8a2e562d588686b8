"""The five messages of the demo: three in plain text, two in HTML."""

from __future__ import annotations

from mailing.models import Message

_PAGE = """<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<style>
body {{ margin: 0; background: #f4efe8; font-family: Georgia, serif; color: #3b2a1e; }}
.sheet {{ max-width: 560px; margin: 0 auto; padding: 32px 24px; background: #ffffff; }}
h1 {{ font-size: 24px; color: #8a3b12; }}
.button {{ display: inline-block; padding: 12px 20px; background: #8a3b12; color: #ffffff; text-decoration: none; }}
.small {{ margin-top: 32px; font-size: 13px; color: #7a6a5c; }}
</style>
</head>
<body><div class="sheet">
{content}
<p class="small">Чайная лавка «У самовара». Вы получили это письмо, потому что оставили нам свой адрес.
<a href="{{{{ unsubscribe_url }}}}">Отписаться</a></p>
</div></body>
</html>
"""

_DIGEST = """<h1>Доброе утро, {{ greeting|default:"друг" }}!</h1>
<p>Чай дня — «Кудин лесной»: мягкий, с запахом липы. Сегодня он дешевле на 15 %.</p>
<p><a class="button" href="https://u-samovara.example/chai-dnya">Посмотреть чай дня</a></p>
<p>И совет: воду для зелёного чая снимайте с огня, когда пойдут первые пузырьки, — он не будет горчить.</p>"""

_NEWS = """<h1>Новинки недели</h1>
<p>{{ greeting|default:"Здравствуйте" }}, на этой неделе привезли:</p>
<ul>
<li>«Золотая обезьяна» — красный чай весеннего сбора;</li>
<li>иван-чай с чабрецом от фермеров из-под Суздаля;</li>
<li>гречишный мёд, 0,5 кг.</li>
</ul>
<p><a class="button" href="https://u-samovara.example/novinki">Все новинки</a></p>"""

DIGEST, NEWS = "Чай дня и один совет", "Новинки недели в лавке «У самовара»"
BILL, TASTING, WELCOME = "Счёт за месяц готов", "Приглашаем на дегустацию", "Добро пожаловать в чайную лавку"

MESSAGES = (
    Message(subject=DIGEST, is_html=True, body=_PAGE.format(content=_DIGEST)),
    Message(subject=NEWS, is_html=True, body=_PAGE.format(content=_NEWS)),
    Message(
        subject=BILL,
        body="Здравствуйте, {{ greeting }}!\n\nСчёт за прошедший месяц готов, он лежит в личном кабинете:\n"
        "https://u-samovara.example/cabinet\n\nЕсли вы уже оплатили его, просто не отвечайте на это письмо.\n\n"
        "Бухгалтерия чайной лавки «У самовара»\n",
    ),
    Message(
        subject=TASTING,
        body="{{ greeting }}, приходите в субботу в 16:00 на дегустацию осенних улунов.\n\n"
        "Адрес: Самоварная улица, 3. Мест двенадцать, поэтому ответьте, пожалуйста, на это письмо.\n\n"
        "Отписаться: {{ unsubscribe_url }}\n",
    ),
    Message(
        subject=WELCOME,
        body="{{ greeting }}, рады знакомству!\n\n"
        "Пришлём вам чай дня, новинки и приглашения — не чаще, чем обещали.\n"
        "Первый заказ мы привезём бесплатно: назовите продавцу адрес {{ email }}.\n\n"
        "Чайная лавка «У самовара»\n",
    ),
)


def messages() -> dict[str, Message]:
    """The stored messages by subject; makes those that are missing."""
    stored = {}
    for message in MESSAGES:
        values = {"body": message.body, "is_html": message.is_html}
        stored[message.subject] = Message.objects.get_or_create(subject=message.subject, defaults=values)[0]
    return stored
