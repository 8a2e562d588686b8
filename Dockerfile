# One image for web, qcluster and one-off commands; compose.yaml shows them together.
# .dockerignore leaves the demo out.
# Exact, so that two builds are alike; renew it with the other versions. A digest pins it for good:
# `docker buildx imagetools inspect` of this tag prints it, to be added as @sha256:…
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN useradd --system --create-home --uid 10001 samovar && mkdir /app/var && chown samovar /app/var

COPY requirements.txt .
RUN pip install --require-hashes --only-binary :all: --requirement requirements.txt

COPY manage.py ./
COPY gunicorn.conf.py ./
COPY backoffice backoffice
COPY mailing mailing
COPY templates templates
# Nobody may write there later: without it each start would compile 200 modules anew.
RUN python -m compileall -q backoffice mailing
# The key is of this one command only: settings refuse to start without one.
RUN DEBUG=false SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(50))") \
    python manage.py collectstatic --noinput && chmod -R a+rX .

USER samovar
VOLUME /app/var
EXPOSE 8000
# Exec form: SIGTERM must reach the process itself, so that it ends after the letters in flight.
CMD ["gunicorn", "backoffice.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "--timeout", "120", \
    "--no-control-socket"]
