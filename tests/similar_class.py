"""A made-up class for the similarity report: honest students, who write in their own ways, and some who copied.

An honest answer is one of several ideas, with choices on the way and names of its own.
"""

import io
import random
import re
import symtable
import tokenize
import tomllib
from pathlib import Path

GIVEN = (
    "import numpy as np\nimport keras\nimport matplotlib.pyplot as plt\n\nkeras.utils.set_random_seed(0)",
    "def show_history(history):\n    figure, axes = plt.subplots(1, 2, figsize=(8, 3))\n"
    "    for ax, name in zip(axes, ('loss', 'accuracy')):\n        ax.plot(history[name], label=name)\n"
    "        ax.set_xlabel('epoch')\n        ax.legend()\n    return figure",
)
STUBS = {
    "scale": "def scale(x):\n    # YOUR CODE HERE\n    raise NotImplementedError",
    "freeze": "def freeze(model, cut):\n    # YOUR CODE HERE\n    raise NotImplementedError",
    "confusion": "def confusion(truth, guess, n):\n    # YOUR CODE HERE\n    raise NotImplementedError",
    "head": "def head(features, classes):\n    # YOUR CODE HERE\n    raise NotImplementedError",
    "best_rate": "def best_rate(rates, try_rate):\n    # YOUR CODE HERE\n    raise NotImplementedError",
}
IDEAS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_WORDS = """acc arr begin best_one cell cnt col cur data each entry final first found_at fresh idx item kept last_one
left line lst made mat most net_one now_one number obj out_one part pic piece pos prev rate_one res right row run
score step stuff sum_one tmp total unit val value what where_at which width word""".split()


def _spin(text: str, rng: random.Random) -> str:
    """One of each choice, the innermost first; "{}" stands for itself."""
    text = text.replace("{}", "\0")
    while found := re.search(r"\{([^{}]*)\}", text):
        text = text[: found.start()] + rng.choice(found[1].split("|")) + text[found.end() :]
    return text.replace("\0", "{}")


def renamed(code: str, rng: random.Random) -> str:
    """Code with other names in its functions, and another comment above."""
    (function,) = symtable.symtable(code, "cell", "exec").get_children()
    bound, left = set(), [function]
    for table in left:
        left += table.get_children()
        bound |= {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_parameter()}
    bound = sorted(name for name in bound if name.isidentifier())
    names = dict(zip(bound, rng.sample(_WORDS, len(bound)), strict=True))
    lines = code.split("\n")
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    for before, token, after in reversed(list(zip(tokens, tokens[1:], tokens[2:], strict=False))):
        argument = after.string == "=" and before.string in ("(", ",")
        if token.type == tokenize.NAME and before.string != "." and not argument and token.string in names:
            (row, column), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:column] + names[token.string] + lines[row - 1][end:]
    return "\n".join([f"# {rng.choice(('my own', 'as in the lesson', 'done', 'see above'))}", *lines])


def _honest(rng: random.Random) -> dict[str, str]:
    return {name: renamed(_spin(rng.choice(ideas), rng), rng) for name, ideas in IDEAS.items()}


def made_up_class(seed: int, honest: int = 30) -> tuple[dict[str, list[str]], dict[frozenset[str], str]]:
    """Each student's cells, and how one of a pair copied: "copied", "renamed", "reordered", "three of five"."""
    rng = random.Random(seed)
    answers = {f"honest{k:02d}": _honest(rng) for k in range(honest)}
    pairs, cells = {}, {student: list(mine.values()) for student, mine in answers.items()}
    models = iter(rng.sample(sorted(answers), 12))
    for how in ("copied", "renamed", "reordered", "three of five"):
        for k in range(3):
            student, model = f"{how.split()[0]}{k}", next(models)
            mine = list(answers[model].values())
            if how != "copied":
                mine = [renamed(cell.partition("\n")[2], rng) for cell in mine]
            if how == "reordered":
                rng.shuffle(mine)
            if how == "three of five":
                own = list(_honest(rng).values())
                taken = rng.sample(range(5), 3)
                mine = [mine[k] if k in taken else own[k] for k in range(5)]
            cells[student] = mine
            pairs[frozenset((student, model))] = how
    return cells, pairs
