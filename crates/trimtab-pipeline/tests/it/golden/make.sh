#!/bin/sh
# Makes dvc.lock, objects.txt, runs.txt and ignores.txt from project/ with the dvc named by $1. Made with DVC 3.67.1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
cp -r "$here/project/." "$work"
cd "$work"
git init -q
"$1" init -q
"$1" config core.analytics false
"$1" repro -q
cp dvc.lock "$here/dvc.lock"
(cd .dvc/cache && find files -type f | LC_ALL=C sort) > "$here/objects.txt"
(cd .dvc/cache && find runs -type f | LC_ALL=C sort | while read -r run; do echo "# $run"; cat "$run"; done) > "$here/runs.txt"
for file in .gitignore sub/.gitignore; do echo "# $file"; cat "$file"; done > "$here/ignores.txt"
rm -rf "$work"
