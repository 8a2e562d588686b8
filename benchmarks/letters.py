"""The letters contestants send: text and HTML, the greeting filled in.

The short-lined one, two kilobytes together, is everybody's; the other is two paragraphs of Russian, each on one line
as people type them: longer than the 998 bytes a line of a letter may have, so its text cannot go as it stands. Plain
constants without any import, so that the peers' environment can read them too.
"""

SUBJECT = "News for you"
SENDER = "Samovar <samovar@example.com>"
TEXT = "Hello, {greeting}!\n\n" + "A line of the text version, about as long as people write.\n" * 9
HTML = (
    "<html><body><h1>Hello, {greeting}!</h1>\n"
    + "<p>A line of the HTML version of the same letter, about as long as people write.</p>\n" * 12
    + "</body></html>"
)
FIELD = "{{ greeting }}"

PARAGRAPHS_SUBJECT = "Новости чайной лавки"
_PARAGRAPHS = (
    "Осень в этом году пришла рано, и мы успели к ней подготовиться. На полках лавки появились чаи нового урожая: "
    "копорский с чабрецом, который собирали в июле на лугах под Переславлем, лёгкий зелёный с мелиссой и тот самый "
    "чёрный с дымком, о котором вы спрашивали нас всю весну. Каждый из них можно попробовать прямо у самовара, не "
    "торопясь, с вареньем и сушками, а если понравится, взять с собой домой столько, сколько нужно, хоть на одну "
    "чашку. Мы открыты каждый день с девяти утра до восьми вечера, по воскресеньям до шести, и будем рады, если вы "
    "заглянете к нам с друзьями или с детьми.",
    "А ещё по четвергам в лавке снова собирается чайный клуб. Начинаем в семь вечера, садимся за большой стол "
    "у окна и говорим о том, как заваривали чай в разные времена и в разных городах, чем вода из колодца "
    "отличается от воды из-под крана и почему бабушкин чайник никак нельзя мыть с мылом. Записываться заранее "
    "не нужно, просто приходите; для тех, кто бывает у нас не первый раз, на столе всегда стоит что-нибудь "
    "особенное. Если в ближайшие недели вам удобнее получить чай почтой, ответьте на это письмо, и мы соберём "
    "посылку и отправим её вам в тот же или на следующий день.",
)
PARAGRAPHS_TEXT = "\n\n".join(("Здравствуйте, {greeting}!", *_PARAGRAPHS, "Ваша чайная лавка")) + "\n"
PARAGRAPHS_HTML = (
    "<html><body><h1>Здравствуйте, {greeting}!</h1>\n"
    + "\n".join(f"<p>{paragraph}</p>" for paragraph in (*_PARAGRAPHS, "Ваша чайная лавка"))
    + "\n</body></html>"
)

LETTERS = {"lines": (SUBJECT, TEXT, HTML), "paragraphs": (PARAGRAPHS_SUBJECT, PARAGRAPHS_TEXT, PARAGRAPHS_HTML)}


def recipient(number: int) -> str:
    return f"client{number}@example.com"


def greeting(number: int) -> str:
    return f"Client {number}"
