# The package with its examples: `docker run --rm IMAGE` runs the demo.
FROM python:3.12-slim

# AiiDA watches jobs with ps; torch compiles kernels with g++. Their versions are those of the image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ procps \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/aiida-hpaint
COPY pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff ./
COPY aiida_hpaint aiida_hpaint
# The build of torch for CPUs; --build-arg TORCH=cu128 takes one for GPUs.
ARG TORCH=cpu
# Users cannot keep compiled modules in an image: without them, each start takes three times as long.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --compile-bytecode --torch-backend "${TORCH}" '.[ml]' \
    && pip uninstall --yes uv
COPY examples examples

# Any user may run it, also one without an entry in /etc/passwd; results go to /data, a folder to mount.
RUN useradd --create-home --uid 1000 hpaint && mkdir /data && chmod 1777 /data /home/hpaint
ENV HOME=/home/hpaint USER=hpaint OMP_NUM_THREADS=1
USER 1000
WORKDIR /data
ENTRYPOINT ["aiida-hpaint"]
CMD ["demo", "/opt/aiida-hpaint/examples", "--no-aiida", "--output", "demo"]
