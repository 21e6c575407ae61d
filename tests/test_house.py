"""The map in CONTRIBUTING.md is correct: folders use only what it allows, files are short, and imports have no cycle."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
# Every folder may use these.
SERVICES = {"error", "progress", "threads"}
LONGEST = 400

if not SRC.exists():
    pytest.skip("the sources are not here", allow_module_level=True)


def flat(tree):
    """`a::{b, c::d}` as `a::b` and `a::c::d`."""
    tree = " ".join(tree.split())
    head, brace, body = tree.partition("{")
    if not brace:
        return [tree.split(" as ")[0].strip()]
    parts, depth, part = [], 0, ""
    for sign in body[: body.rindex("}")]:
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            parts, part = [*parts, part], ""
        else:
            part += sign
    return [path for part in [*parts, part] if part.strip() for path in flat(head + part.strip())]


def module_of(file):
    parts = file.relative_to(SRC).with_suffix("").parts
    return parts[:-1] if parts[-1] in ("mod", "lib") else parts


FILES = {module_of(file): file for file in SRC.rglob("*.rs")}


def code(file):
    """The text without tests and comments."""
    text = re.split(r"^#\[cfg\(test\)\]", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[0]
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def absolute(module, path):
    """The path from the root of the crate; None for a path in another crate."""
    parts = path.split("::")
    if parts[0] == "crate":
        return parts[1:]
    base = list(module)
    if parts[0] == "super":
        while parts and parts[0] == "super":
            parts, base = parts[1:], base[:-1]
        return base + parts
    if parts[0] == "self":
        return base + parts[1:]
    return base + parts if (*module, parts[0]) in FILES else None


def paths(module):
    """All paths inside the crate that a file names in `use`."""
    for tree in re.findall(r"^(?:pub(?:\([a-z]+\))? )?use ([^;]+);", code(FILES[module]), re.MULTILINE):
        for path in flat(tree):
            found = absolute(module, path.removesuffix("::self"))
            if found is not None:
                yield found


REEXPORTS = {
    (module, path.split("::")[-1]): found
    for module in FILES
    for tree in re.findall(r"^pub(?:\([a-z]+\))? use ([^;]+);", code(FILES[module]), re.MULTILINE)
    for path in flat(tree)
    if (found := absolute(module, path)) is not None
}


def defined_in(path):
    """The file that defines the item of a path."""
    for length in range(len(path), -1, -1):
        module = tuple(path[:length])
        if module in FILES:
            item = path[length] if length < len(path) else None
            target = REEXPORTS.get((module, item))
            return module if target is None or tuple(target) == tuple(path) else defined_in(target)
    return None


def rooms():
    """The folders of the map, in order, and which folders each may use."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `src/(\w+)/` \| .* \| (.*) \|$", text, re.MULTILINE)
    allowed, above = {}, []
    for room, use in lines:
        named = set(re.findall(r"`(\w+)`", use))
        if use.startswith("all above"):
            allowed[room] = set(above) - (named if " but " in use else set())
        else:
            allowed[room] = named
            for name in list(named) if "below" in use else ():
                allowed[room] |= allowed[name]
        above.append(room)
    return allowed


def test_the_map_names_every_room():
    assert sorted(rooms()) == sorted(folder.name for folder in SRC.iterdir() if folder.is_dir())


def test_rooms_use_only_what_the_map_allows():
    allowed = rooms()
    strangers = []
    for module in FILES:
        if module and module[0] in allowed:
            used = set(re.findall(r"\bcrate::(\w+)", code(FILES[module]))) | {path[0] for path in paths(module) if path}
            named = {room for room in used if room in allowed}
            strangers += [
                f"{'/'.join(module)} uses {room}" for room in sorted(named - allowed[module[0]] - {module[0]})
            ]
    assert not strangers


def test_only_the_registry_names_detectors():
    folders = {folder.name for folder in (SRC / "detect").iterdir() if folder.is_dir()}
    for module in FILES:
        for path in paths(module):
            inside = len(path) > 1 and path[0] == "detect" and path[1] in folders
            own = module[:2] == tuple(path[:2]) or module in (("detect",), ("detect", "registry"))
            assert own or not inside, f"{'/'.join(module)} names {'::'.join(path)}"


def test_no_file_is_longer_without_a_reason():
    long = {}
    for file in [*SRC.rglob("*.rs"), *(ROOT / "python").rglob("*.py")]:
        text = file.read_text(encoding="utf-8")
        head = "\n".join(text.splitlines()[:20])
        if text.count("\n") > LONGEST and "longer than" not in head:
            long[str(file.relative_to(ROOT))] = text.count("\n")
    assert not long


def test_no_files_import_each_other_in_a_circle():
    arrows = {module: {defined_in(path) for path in paths(module)} - {None, module} for module in FILES}
    # The mod.rs of a folder names its files only to export them.
    for module, file in FILES.items():
        if file.name in ("mod.rs", "lib.rs") and not re.search(
            r"^(impl|fn|pub fn|pub\(\w+\) fn) ?", code(file), re.MULTILINE
        ):
            arrows[module] = set()
    circles, left = [], dict(arrows)
    # A file that uses none of the remaining files is not in a cycle.
    while free := [module for module, to in left.items() if not to & set(left)]:
        for module in free:
            del left[module]
    while free := [module for module in left if not any(module in to for to in left.values())]:
        for module in free:
            del left[module]
    circles = sorted("/".join(module) for module in left)
    assert not circles
