#!/usr/bin/env python3
"""Writes the table of values in chart/README.md from the comments of chart/values.yaml.

  ci/chart-docs.py           writes it
  ci/chart-docs.py --check   fails when it is out of date, or when a value lacks a description

A comment directly above a key describes it. A line `# ---- Title ---` begins a section. Keys whose
meaning Kubernetes defines (KNOWN) need no comment.
"""

import re
import sys
from pathlib import Path

CHART = Path(__file__).resolve().parent.parent / "chart"
BEGIN, END = "<!-- values: written by ci/chart-docs.py -->", "<!-- values: end -->"
KEY = re.compile(r"^( *)([A-Za-z0-9_.-]+):(?: +(.*))?$")
KNOWN = {
    "affinity": "Affinity of the pods.",
    "annotations": "Annotations.",
    "database": "Name of the database.",
    "digest": "Digest (`sha256:…`), which goes before the tag.",
    "enabled": "Whether it is there.",
    "labels": "Labels.",
    "nodeSelector": "Node selector of the pods.",
    "podAnnotations": "Annotations of the pods.",
    "podLabels": "Labels of the pods.",
    "priorityClassName": "Priority class of the pods.",
    "pullPolicy": "When the image is fetched.",
    "registry": "Registry, when it is not `global.imageRegistry`.",
    "repository": "Name within the registry.",
    "resources": "Requests and limits.",
    "size": "Size of the volume.",
    "tag": "Version.",
    "tolerations": "Tolerations of the pods.",
    "user": "Name of the user.",
}
# Below these, values are passed to Kubernetes as they are, and one row is enough.
WHOLE = {"resources", "podSecurityContext", "containerSecurityContext", "issuerRef", "behavior", "labels", "strategy"}


def rows(text):
    """Yields ("section", title) and ("value", path, default, description)."""
    path, about, lines = [], [], text.splitlines()
    whole = None  # the indentation below which nothing is listed any more
    for number, line in enumerate(lines):
        if title := re.match(r"^# -{3,} (.*?) -+$", line):
            yield "section", title[1]
            about = []
            continue
        if comment := re.match(r"^ *# ?(.*)$", line):
            about.append(comment[1])
            continue
        key = KEY.match(line)
        if not key:
            about = []
            continue
        depth, name, value = len(key[1]) // 2, key[2], re.sub(r" +#.*$", "", key[3] or "")
        if whole is not None and len(key[1]) > whole:
            about = []
            continue
        whole = None
        path = path[:depth] + [name]
        described = " ".join(about).strip() or KNOWN.get(name, "")
        about = []
        below = next((l for l in lines[number + 1:] if l.strip() and not l.lstrip().startswith("#")), "")
        nested = not value and len(below) - len(below.lstrip()) > len(key[1])
        if not nested:
            yield "value", ".".join(path), value or "null", described
        elif name in WHOLE or below.lstrip().startswith("- ") or value in ("|", ">"):
            whole = len(key[1])
            yield "value", ".".join(path), "see values.yaml", described
        elif described:
            yield "group", ".".join(path), "", described


def cell(text):
    return text.replace("|", "\\|")


def table(text):
    out, missing, open_table = [BEGIN], [], False
    for kind, *row in rows(text):
        if kind == "section":
            out += ["", f"### {row[0]}"]
            open_table = False
            continue
        if not open_table:
            out += ["", "| value | default | what it is |", "|---|---|---|"]
            open_table = True
        path, default, described = row
        if kind == "value" and not described:
            missing.append(path)
        default = f"`{cell(default)}`" if kind == "value" and default != "see values.yaml" else default
        out.append(f"| `{path}` | {default} | {cell(described)} |")
    return "\n".join([*out, "", END]), missing


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    readme = CHART / "README.md"
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{readme}: lacks the lines between which the table goes:\n{BEGIN}\n{END}")
    made, missing = table((CHART / "values.yaml").read_text())
    before, rest = text.split(BEGIN)
    new = before + made + rest.split(END)[1]
    if not check:
        readme.write_text(new)
    elif new != text:
        sys.exit("chart/README.md is out of date: run ci/chart-docs.py")
    if missing:
        sys.exit("values.yaml: no description above " + ", ".join(missing))


main()
