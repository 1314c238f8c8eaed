#!/usr/bin/env bash
# Makes a virtual environment with packages: python-env.sh FOLDER [PACKAGE ...]. Where the system's Python has
# no venv (Debian without python3-venv), by virtualenv, which pip puts beside it.
set -euo pipefail
python=${PYTHON:-python3}
folder=$1
shift
if ! "$python" -m venv "$folder" 2>/dev/null; then
  rm -rf "$folder"
  "$python" -m pip install --quiet --disable-pip-version-check --target "$folder.virtualenv" virtualenv
  PYTHONPATH=$folder.virtualenv "$python" -m virtualenv --quiet "$folder"
  rm -rf "$folder.virtualenv"
fi
[ $# -eq 0 ] || "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
