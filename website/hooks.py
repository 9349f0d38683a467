"""What MkDocs calls while it builds the site (``hooks`` in mkdocs.yml)."""

from __future__ import annotations

from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from website.api import pages
from website.origins import DOCS, markdown, origins


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the API where the navigation says ``API: []``."""
    for part in config.nav or []:
        for entry in next(iter(part.values())):
            if isinstance(entry, dict) and "API" in entry:
                entry["API"] = list(pages())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the API, and those of files outside of docs/."""
    for address, text in pages().items():
        files.append(File.generated(config, address, content=text))
    for address, path in origins().items():
        if not path.is_relative_to(DOCS):
            file = File.generated(config, address, abs_src_path=str(path))
            file.inclusion = InclusionLevel.NOT_IN_NAV
            files.append(file)
    return files


def on_page_markdown(text: str, page: Page, **_: Any) -> str:
    """Return a page's text with links that lead to pages."""
    path = origins().get(page.file.src_uri)
    return markdown(path) if path else text
