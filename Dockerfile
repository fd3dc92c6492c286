# The one image of all processes of Iris; what a container does is its command: api, worker, codec, sandbox, seed.

FROM python:3.13-slim-bookworm AS packages
COPY requirements/runtime.txt .
RUN python -m venv /opt/iris \
    && /opt/iris/bin/pip install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes --requirement runtime.txt \
    && printf '%s\n' '#!/opt/iris/bin/python' 'from cli.main import run' 'run()' > /opt/iris/bin/iris \
    && chmod +x /opt/iris/bin/iris

FROM python:3.13-slim-bookworm
ENV PATH=/opt/iris/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1
# The directory is the user's before a volume is mounted there, so that the volume becomes the user's too.
RUN useradd --system --uid 10001 iris && install --directory --owner=iris /var/lib/iris
COPY --from=packages /opt/iris /opt/iris
WORKDIR /app
COPY . .
RUN python -m compileall -q .
USER 10001
ENTRYPOINT ["iris"]
