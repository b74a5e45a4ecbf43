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
# The build of torch for CPUs; --build-arg TORCH=auto or cu128 takes one for GPUs.
ARG TORCH=cpu
# hadolint ignore=DL3013
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --torch-backend "${TORCH}" '.[ml]'
COPY examples examples

RUN useradd --create-home --uid 1000 hpaint && chown -R hpaint /opt/aiida-hpaint
USER 1000
ENV OMP_NUM_THREADS=1
ENTRYPOINT ["aiida-hpaint"]
CMD ["demo", "examples", "--no-aiida", "--output", "demo"]
