"""Write the page of the rules, from the workflow as Snakemake loads it: `make reference`."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from loaded import load_workflow
from project import ROOT
from snakemake.rules import Rule

PAGE = "docs/reference/rules.md"
INTRODUCTION = """\
<!-- Generated from workflow/rules by make reference. -->

# Rules, and what they make

Ask for a file, and Snakemake runs the rules that it needs
([targets](../running.md#targets) are rules that only name files). Words in braces are wildcards:
`snakemake --cores 4 results/stnet/targets/top250/all.h5ad` is rule `targets` with `cohort=stnet`,
`targets=top250` and `held_out=all`. Each rule has a script in `workflow/scripts`, which calls the
function that is named here; its docstring says more. Logs and benchmarks are beside the results:
`results/{cohort}/logs` and `results/{cohort}/benchmarks`.
"""
TARGETS = "\n## Targets\n\nThe rules of the Snakefile itself, which only name files.\n"


def page(rules: Iterable[Rule]) -> str:
    """The page: a section for each file of `workflow/rules`, and a row for each rule."""
    parts, file = [INTRODUCTION], None
    for rule in rules:
        path = Path(rule.snakefile)
        if path != file:
            file = path
            heading = re.match("(# .+\n)+", path.read_text("utf-8"))
            parts.append(
                f"\n## {path.stem.replace('_', ' ').capitalize()}\n" if heading else TARGETS
            )
            parts += ["\n" + re.sub("^# ", "", heading[0], flags=re.M)] if heading else []
            parts.append(
                "\n| rule | what it does, and by which function | makes |\n|---|---|---|\n"
            )
        parts.append(f"| {' | '.join(cells(rule))} |\n")
    return "".join(parts)


def cells(rule: Rule) -> list[str]:
    """Name, description with functions, and files of a rule."""
    functions = called(rule)
    text = rule.docstring or (summary(*functions[0]) if functions else "")
    names = [f"`src/{module.replace('.', '/')}.py: {name}`" for module, name in functions]
    return [f"`{rule.name}`", "<br>".join([text.strip(), *names]), "<br>".join(made(rule))]


def made(rule: Rule) -> list[str]:
    """Patterns of a rule's files, without constraints; the formats of a figure as one."""
    patterns: dict[str, list[str]] = {}
    for output in rule.output:
        pattern = re.sub(r"\{(\w+),[^{}]*\}", r"{\1}", str(output))
        # The folder of predictions has the name of the model's file, which is configured.
        pattern = pattern.replace("results/predict/sample/", "results/predict/{model}/")
        stem, suffix = re.fullmatch(r"(.*?)((?<=\w)\.(?:png|pdf)|)", pattern).groups()
        patterns.setdefault(stem, []).append(suffix)
    return [f"`{stem}{'`, `'.join(suffixes)}`" for stem, suffixes in patterns.items()]


def called(rule: Rule) -> list[tuple[str, str]]:
    """Modules and names of the functions of the library that are a rule's work, in their order."""
    if not rule.script:
        return []
    tree = ast.parse((Path(rule.snakefile).parent / str(rule.script)).read_text("utf-8"))
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and not node.module.startswith("stnet.core")
        for alias in node.names
    }
    # What prepares an argument stands in an assignment or in a call's brackets.
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    names = [getattr(call.func, "id", "") for call in statements if isinstance(call, ast.Call)]
    return [imported[name] for name in dict.fromkeys(names) if name in imported]


def summary(module: str, name: str) -> str:
    """The first line of a function's docstring."""
    tree = ast.parse((ROOT / "src" / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    (found,) = [n for n in tree.body if getattr(n, "name", None) == name]
    return " ".join(ast.get_docstring(found).split("\n\n")[0].split())


if __name__ == "__main__":
    rules = load_workflow(ROOT, ROOT / "config/demo.yaml").values()
    (ROOT / PAGE).write_text(page(rules), encoding="utf-8")
