"""Vendor the browser assets into both apps, from npm, by exact version and checksum.

Run by `make assets`. To take a new version, change the table, run it once (it prints the checksum
that the package really has), check that against the package's page, and write it down here.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAPTOP, CENTRE = ROOT / "field_app/static/vendor", ROOT / "sync_server/static/vendor"
BOTH = [LAPTOP, CENTRE]
LICENCES = Path(__file__).resolve().parent / "licences"

# npm package, version, licence, sha512 of the packed file, files taken: path inside -> our name.
# "folders" where not both apps serve it; "licence_text" where the package lacks its licence;
# "contains": packages built into its files (their source map names them) with their licences, whose
# texts stand in licences/ and go along.
ASSETS = [
    {
        "package": "bootstrap",
        "version": "5.3.9",
        "licence": "MIT",
        "sha512": "20cU0rcfw8WdxtVbmfU+xT2EjvVTw9Ror/h1Qvd7DXCujRg8OO9mdBCsmTHdJFf3"
        "BuadmBNJtgIuUXsBqSkk/w==",
        "files": {"dist/css/bootstrap.min.css": "bootstrap.min.css"},
    },
    {
        "package": "htmx.org",
        "version": "2.0.11",
        "licence": "0BSD",
        "sha512": "Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFv"
        "BTqjnIMCgELTNt636dtamA==",
        "files": {"dist/htmx.min.js": "htmx.min.js"},
    },
    {
        "package": "leaflet",
        "version": "1.9.4",
        "licence": "BSD-2-Clause",
        "sha512": "nxS1ynzJOmOlHp+iL3FyWqK89GtNL8U8rvlMOsQdTTssxZwCXh8N2NB3GDQOL+YR"
        "3XnWyZAxwQixURb+FA74PA==",
        "files": {"dist/leaflet.js": "leaflet.js", "dist/leaflet.css": "leaflet.css"},
        "folders": [CENTRE],
    },
    {
        "package": "pmtiles",
        "version": "4.5.0",
        "licence": "BSD-3-Clause",
        "licence_text": "pmtiles.txt",
        "contains": {"fflate": "MIT"},
        "sha512": "CBeD4SoUluFziGdy/8k7FOjQxQy486n+929W/tWophauvMICpkZ26vGBWhDt/6b1"
        "FZQWNaf4jFdT/5+q0Wii5w==",
        "files": {"dist/pmtiles.js": "pmtiles.js"},
        "folders": [CENTRE],
    },
    {
        "package": "protomaps-leaflet",
        "version": "5.1.0",
        "licence": "BSD-3-Clause",
        "sha512": "N0YY1Gbw5nZ9n8VUOvwHKm/w3zhTTuaZEeMZl8doHemeM4ujGPp2otI6t4Sgqrz8"
        "iM4svx2rpG1Q17rHkOWSaA==",
        "files": {"dist/protomaps-leaflet.js": "protomaps-leaflet.js"},
        "contains": {
            "@mapbox/point-geometry": "ISC",
            "@mapbox/vector-tile": "BSD-3-Clause",
            "@protomaps/basemaps": "BSD-3-Clause",
            "color2k": "MIT",
            "fflate": "MIT",
            "pbf": "BSD-3-Clause",
            "pmtiles": "BSD-3-Clause",
            "potpack": "ISC",
            "quickselect": "ISC",
            "rbush": "MIT",
        },
        "folders": [CENTRE],
    },
]

SOURCE_MAP = re.compile(rb"\n?(/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*)\s*$")


def pack(asset: dict, folder: Path) -> tarfile.TarFile:
    """Download one package and open it; exits when its checksum is not the recorded one."""
    name = f"{asset['package']}@{asset['version']}"
    command = ["npm", "pack", "--ignore-scripts", "--json", "--pack-destination", str(folder), name]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    except FileNotFoundError:
        sys.exit("error: npm is needed to vendor assets; install Node.js")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: npm could not pack {name}:\n{error.stderr}")
    packed = folder / json.loads(answer.stdout)[0]["filename"]
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if digest != asset["sha512"]:
        sys.exit(f"error: {name} has sha512 {digest}, expected {asset['sha512']}")
    return tarfile.open(packed)


def contents(archive: tarfile.TarFile, member: str) -> bytes:
    """Return one file of the package; exits when it is not there."""
    stream = archive.extractfile(f"package/{member}")
    if stream is None:
        sys.exit(f"error: the package holds no file {member}")
    return stream.read()


def licences(asset: dict, archive: tarfile.TarFile) -> bytes:
    """Return the licence of a package, and of every package built into its files."""
    kept = asset.get("licence_text")
    texts = [(LICENCES / kept).read_bytes() if kept else contents(archive, "LICENSE")]
    for name, licence in asset.get("contains", {}).items():
        text = (LICENCES / f"{name.lstrip('@').replace('/', '-')}.txt").read_bytes()
        texts.append(f"{'-' * 80}\nIt contains {name} ({licence}):\n\n".encode() + text)
    return b"\n\n".join(text.strip() for text in texts) + b"\n" if len(texts) > 1 else texts[0]


def vendor(asset: dict, archive: tarfile.TarFile) -> list[dict]:
    """Write one package's files and licence into its folders; return what VENDORED.json says."""
    licence_name = f"LICENSE-{asset['package']}.txt"
    written = {licence_name: licences(asset, archive)}
    rows = []
    for member, file_name in asset["files"].items():
        # A source map is not shipped, so the line that points to one goes.
        data = SOURCE_MAP.sub(b"\n", contents(archive, member))
        written[file_name] = data
        rows.append(
            {
                "file": file_name,
                "npm_package": asset["package"],
                "npm_file": member,
                "version": asset["version"],
                "licence": asset["licence"],
                "licence_file": licence_name,
                **({"contains": asset["contains"]} if "contains" in asset else {}),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
    for folder in asset.get("folders", BOTH):
        folder.mkdir(parents=True, exist_ok=True)
        for file_name, data in written.items():
            (folder / file_name).write_bytes(data)
    return rows


def main() -> None:
    """Vendor every asset and record what was written."""
    rows: dict[Path, list[dict]] = {folder: [] for folder in BOTH}
    with tempfile.TemporaryDirectory() as folder:
        for asset in ASSETS:
            with pack(asset, Path(folder)) as archive:
                written = vendor(asset, archive)
            for place in asset.get("folders", BOTH):
                rows[place] += written
    for folder, some in rows.items():
        text = json.dumps({"assets": some}, indent=2) + "\n"
        (folder / "VENDORED.json").write_text(text, encoding="utf-8")
    for row in rows[CENTRE]:
        print(f"vendored {row['npm_package']} {row['version']}: {row['file']}")


if __name__ == "__main__":
    main()
