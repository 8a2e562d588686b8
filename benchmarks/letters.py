"""The letter every contestant sends: text and HTML, about two kilobytes together, the greeting filled in.

Plain constants without any import, so that the peers' environment can read them too.
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


def recipient(number: int) -> str:
    return f"client{number}@example.com"


def greeting(number: int) -> str:
    return f"Client {number}"
