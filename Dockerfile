# The workflow and all that its jobs need, for the CPU. With
#     docker build --build-arg LOCK=requirements.lock --tag stnet .
# it has CUDA's libraries too. docs/how-to/containers.md says how to run it.
FROM debian:trixie-slim

ARG LOCK=requirements-cpu.lock
ENV PATH=/opt/stnet/bin:$PATH LANG=C.UTF-8

# Python packages bring all other libraries, also OpenSlide. Debian keeps no older versions to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

COPY *.lock /workflow/
WORKDIR /workflow
RUN python3 -m venv /opt/stnet \
    && pip install --no-cache-dir --requirement "$LOCK" \
    && pip install --no-cache-dir --no-deps --requirement histomicstk.lock \
    && pip install --no-cache-dir --no-deps --target /opt/stnet/spatialdata --requirement spatialdata.lock

COPY . /workflow
WORKDIR /run
# Any user may run it, also one without a home and a name.
ENV HOME=/tmp USER=stnet
ENTRYPOINT ["snakemake", "--snakefile", "/workflow/Snakefile"]
