"""Write what each program is made of as CycloneDX 1.6, from the locks and the vendored assets.

Run by `make sbom`: dist/sbom-laptop.json and dist/sbom-centre.json, the same bytes each time. What
is in them is what is installed by hash; licences are those the installed packages name.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "laptop": ("requirements.txt", "field_app/static/vendor/VENDORED.json"),
    "centre": ("requirements/server.txt", "sync_server/static/vendor/VENDORED.json"),
}
"""By program: the lock it is installed from, and what its folder of assets records."""
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)(?:\s*;\s*(.*?))?\s*\\?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
CLASSIFIED = "License :: OSI Approved :: "


def bill_of(program: str) -> dict[str, Any]:
    """Return the bill of materials of a program."""
    lock, assets = PROGRAMS[program]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = [
        *packages((ROOT / lock).read_text(encoding="utf-8")),
        *vendored(json.loads((ROOT / assets).read_text(encoding="utf-8"))["assets"]),
    ]
    said = json.dumps(parts, sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, said)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": program,
                "name": f"{version['name']}-{program}",
                "version": version["version"],
                "licenses": [{"license": {"id": version["license"]}}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": program, "dependsOn": [one["bom-ref"] for one in parts]}],
    }


def packages(lock: str) -> list[dict[str, Any]]:
    """Return the components a lock pins, each with the hashes of its files."""
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if match := PIN.match(line):
            name, version, marker = match.groups()
            address = f"pkg:pypi/{name}@{version}"
            part = {"type": "library", "bom-ref": address, "name": name, "version": version,
                    "purl": address, **licence_of(name)}  # fmt: skip
            part["externalReferences"] = [
                {"type": "distribution", "url": f"https://pypi.org/simple/{name}/", "hashes": []}
            ]
            if marker:
                part["properties"] = [{"name": "gridrounds:marker", "value": marker}]
            found.append(part)
        elif match := HASH.search(line):
            hashes = found[-1]["externalReferences"][0]["hashes"]
            hashes.append({"alg": "SHA-256", "content": match[1]})
    return found


def licence_of(name: str) -> dict[str, Any]:
    """Return the licence an installed package names; nothing where it is silent or missing."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return {}
    if expression := said.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    named = [one for one in said.get_all("Classifier") or () if one.startswith(CLASSIFIED)]
    names = [one.removeprefix(CLASSIFIED) for one in named]
    return {"licenses": [{"license": {"name": one}} for one in names]} if names else {}


def vendored(assets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the components of the assets a browser is served, each file with its hash, and what
    is built into them."""
    found: dict[str, dict[str, Any]] = {}
    for asset in assets:
        address = f"pkg:npm/{asset['npm_package'].replace('@', '%40')}@{asset['version']}"
        part = found.setdefault(address, {
            "type": "library", "bom-ref": address, "name": asset["npm_package"],
            "version": asset["version"], "purl": address,
            "licenses": [{"license": {"id": asset["licence"]}}], "components": [],
        })  # fmt: skip
        part["components"].append({
            "type": "file", "bom-ref": f"{address}#{asset['file']}", "name": asset["file"],
            "hashes": [{"alg": "SHA-256", "content": asset["sha256"]}],
        })  # fmt: skip
        for name, licence in asset.get("contains", {}).items():
            part["components"].append({
                "type": "library", "bom-ref": f"{address}#{asset['file']}/{name}", "name": name,
                "licenses": [{"license": {"id": licence}}],
            })  # fmt: skip
    return list(found.values())


def main() -> int:
    """Write both and say where."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    folder.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        bill, file = bill_of(program), folder / f"sbom-{program}.json"
        text = json.dumps(bill, ensure_ascii=False, indent=1)
        file.write_text(f"{text}\n", encoding="utf-8")
        print(f"{file}  {len(bill['components'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
