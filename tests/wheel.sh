#!/usr/bin/env bash
# Builds the wheel, installs it into a clean environment and draws reports with it, away from the
# checkout. Usage: tests/wheel.sh PYTHON-WITH-BUILD
set -euo pipefail
builder=$(realpath -s "$1")
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$builder" -m build --quiet --wheel --outdir "$work/dist" "$here"
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  -c "$here/constraints.txt" "$work"/dist/*.whl
cd "$work"
auditkit=$work/venv/bin/auditkit
"$auditkit" --version

# A network trained on data that need no download, audited from its own checkpoint.
"$auditkit" train fnn --data breast-cancer --epochs 5 --out tumours
code=0; "$auditkit" report tumours || code=$?
[[ $code == 0 || $code == 1 || $code == 3 ]] || { echo "report ended with $code" >&2; exit 1; }

# A text model: the tokenizer is trained, saved with it, and read again.
if "$auditkit" data fetch names; then
  "$auditkit" train encoder --data names --epochs 1 --set units=characters width=32 --out names
  code=0; "$auditkit" report names || code=$?
  [[ $code == 0 || $code == 1 || $code == 3 ]] || { echo "report ended with $code" >&2; exit 1; }
else
  echo "the names cannot be had: no text model was tried" >&2
fi

# Predictions alone, with a gap that must be found.
"$work/venv/bin/python" - <<'PY'
import random
random.seed(0)
with open("answers.csv", "w", encoding="utf-8") as file:
    file.write("id,group,truth,answer\n")
    for row in range(2000):
        group = "ab"[row % 2]
        answer = int(random.random() < (0.8 if group == "a" else 0.4))
        file.write(f"{row},{group},{int(random.random() < 0.6)},{answer}\n")
PY
code=0
"$auditkit" report --predictions answers.csv --target truth --prediction answer --sensitive group \
  || code=$?
[[ $code == 1 ]] || { echo "a gap of 40 points ended with $code, not 1" >&2; exit 1; }

# Thin evidence ends with 3 as a broken check does: the reports tell which.
if grep -l '"status": "broken"' reports/*/report.json; then
  echo "a check broke in these reports" >&2
  exit 1
fi

for page in reports/tumours/report.html reports/answers/report.html; do
  size=$(stat -c %s "$page")
  [[ $size -gt 100000 && $size -le 2500000 ]] || { echo "$page has $size bytes" >&2; exit 1; }
done
echo "the wheel draws reports"
