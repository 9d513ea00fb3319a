"""Places of the code that can be broken, and the ways to break them."""

from __future__ import annotations

import random
from ast import literal_eval
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import parso
from cosmic_ray.ast import ast_nodes, get_ast, is_number
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

SHARE = 1.07
"""By which a constant is wrong."""

PRAGMA = "# pragma: no mutate"

_COMPARISONS = (
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
)
_BINARY = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul", "FloorDiv_Mul", "Mod_FloorDiv"),
    *("BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr"),
)
_OTHERS = (
    *("ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Invert"),
    *("ReplaceUnaryOperator_Delete_Not", "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue"),
    *("ReplaceContinueWithBreak", "ExceptionReplacer", "ZeroIterationForLoop"),
)
# Of cosmic-ray's two hundred, those that a slip of the pen would make. The others, such as << for
# +, mostly end in a TypeError, which any test kills.
_OPERATORS = tuple(
    get_operator(f"core/{name}")
    for name in (
        *(f"ReplaceComparisonOperator_{pair}" for pair in _COMPARISONS),
        *(f"ReplaceBinaryOperator_{pair}" for pair in _BINARY),
        *_OTHERS,
    )
)
_ARITHMETIC = {"arith_expr", "term", "power", "expr", "xor_expr", "and_expr"}
"""parso's expressions of two operands; elsewhere * and ** are signatures and unpackings."""

_ANNOTATED = {"annassign": 1, "tfpdef": 2}
"""parso's nodes that hold an annotation, and where."""


class Constant(Operator):
    """Make a constant wrong: an integer by one, another number by 7 %."""

    def mutation_positions(self, node):
        """Each number once for each wrong value."""
        if is_number(node):
            for _ in _wrong(node.value):
                yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        """The number with its wrong value."""
        return parso.python.tree.Number(_wrong(node.value)[index], node.start_pos, node.prefix)

    @classmethod
    def examples(cls):
        """None: cosmic-ray uses them to test operators of its own."""
        return ()


def _wrong(literal: str) -> list[str]:
    value = literal_eval(literal)
    if isinstance(value, int):
        return [str(value + 1), str(value - 1) if value else "(-1)"]
    if isinstance(value, complex):
        return [f"{value.imag * SHARE:.6g}j"]
    return [f"{value * SHARE if value else SHARE - 1:.6g}"]


@dataclass(frozen=True)
class Mutant:
    """One way to break one place.

    Attributes:
        path: Of the file, from the root of the project.
        line: Of the place, counted from 1.
        operator: That breaks it.
        occurrence: Which of the operator's places in the file.
    """

    path: Path
    line: int
    operator: Operator
    occurrence: int

    def code(self, source: str) -> str:
        """The whole file, broken."""
        return mutate_code(source, self.operator, self.occurrence)

    def diff(self, source: str) -> str:
        """What is broken, as a unified diff."""
        before, after = (text.splitlines(keepends=True) for text in (source, self.code(source)))
        return "".join(unified_diff(before, after, f"a/{self.path}", f"b/{self.path}", n=1))


def draw(root: Path, files: Iterable[Path], size: int, seed: int) -> list[Mutant]:
    """Draw ``size`` places at random and one way to break each.

    A place weighs the same in however many ways it can be broken.

    Args:
        root: Of the project.
        files: Python files, from ``root``.
        size: Of the sample; all places where there are fewer.
        seed: Of the random numbers.
    """
    places = [ways for path in sorted(files) for ways in _places(root, path)]
    random_numbers = random.Random(seed)
    drawn = random_numbers.sample(places, min(size, len(places)))
    mutants = [random_numbers.choice(ways) for ways in drawn]
    return sorted(mutants, key=lambda mutant: (mutant.path, mutant.line))


def _places(root: Path, path: Path) -> list[Sequence[Mutant]]:
    source = (root / path).read_text(encoding="utf-8")
    tree, lines = get_ast(source), source.splitlines()
    places = defaultdict(list)
    for operator in (Constant(), *(operator() for operator in _OPERATORS)):
        positions = ((n, p) for n in ast_nodes(tree) for p in operator.mutation_positions(n))
        for occurrence, (node, (start, end)) in enumerate(positions):
            if PRAGMA not in lines[end[0] - 1] and _matters(node, start):
                places[start, end].append(Mutant(path, start[0], operator, occurrence))
    return list(places.values())


def _matters(node: parso.tree.NodeOrLeaf, start: tuple[int, int]) -> bool:
    """Whether a mutation there can change what the code computes."""
    operator = node.type == "operator" and node.value in {"*", "**", "|", "&", "+", "-", "/"}
    if operator and node.parent.type not in _ARITHMETIC:
        return False
    leaf = node.get_root_node().get_leaf_for_position(start)
    while (parent := leaf.parent) is not None:
        # Decorators say how a function is kept or compiled, annotations are never evaluated.
        if parent.type == "decorator" or leaf is getattr(parent, "annotation", parent):
            return False
        if parent.type in _ANNOTATED and leaf is parent.children[_ANNOTATED[parent.type]]:
            return False
        # zip's strict guards against what no caller can bring about.
        if parent.type == "argument" and parent.children[0].get_code().strip() == "strict":
            return False
        if parent.type == "if_stmt" and parent.children[1].get_code().strip() == "TYPE_CHECKING":
            return False
        leaf = parent
    return True
