#!/usr/bin/env bash
# Snakemake runs this once, in the new environment. nuclei.yaml says why it installs without requirements.
# Versions are those of histomicstk.lock.
set -euo pipefail
python -m pip install --no-deps histomicstk==1.4.0 girder-slicer-cli-web==5.0.21 ctk-cli==1.5
