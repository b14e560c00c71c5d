"""Small changes of a right solution, made by mutmut: tests that do not see them may not see a student's mistake."""

import difflib
from dataclasses import dataclass
from importlib.util import find_spec

from ...errors import NotSetUp


@dataclass(frozen=True)
class Mutant:
    """A solution cell with one small change; `change` shows the lines before (-) and after (+)."""

    cell: str
    change: str
    code: str


def mutants(cell: str, code: str) -> list[Mutant]:
    """What mutmut makes of one solution cell. Raises `NotSetUp` where it is not installed."""
    if not find_spec("mutmut"):
        raise NotSetUp(
            "mutmut is not installed here: install what tests need (pip install --require-hashes -r "
            "requirements-test.lock)."
        )
    import libcst
    from mutmut.mutation.file_mutation import MutationVisitor
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    # Not by `create_mutations`, which would look for a project's settings in the folder that we stand in.
    visitor, made = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set())), {}
    module = libcst.MetadataWrapper(libcst.parse_module(code)).visit(visitor)
    for change in visitor.mutations:
        mutated = module.deep_replace(change.original_node, change.mutated_node).code
        made[mutated] = Mutant(cell, _difference(code, mutated), mutated)
    made.pop(code, None)
    return list(made.values())


def _difference(before: str, after: str) -> str:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return "\n".join(f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "-+")
