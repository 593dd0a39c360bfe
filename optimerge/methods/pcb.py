"""PCB-Merging: entries compete, within their model by size and between models by agreement.

With d_i = x_i - b of K models and n entries, and norm01(v) = (v - min v) / (max v - min v):

    a_i  = |d_i|, its smallest and its largest 0.01 % clamped to the next
    p_i  = exp(K * norm01(a_i)^2) * tanh(d_i * sum_j d_j)        intra times inter balance
    B_i  = norm01(max(p_i, t_i)),  t_i the floor((1 - density_i) n)-th smallest of p_i, from 0
    y    = b + lambda * sum_i w_i B_i sign(d_i) a_i / max(sum_i B_i, 1e-12)

w_i is the paper's lambda_i, which it searches in [0.8, 1.3]; density_i its r (0.05 to 0.2). This
is the authors' code; the paper writes both balances as softmaxes. They flatten the whole model
to one vector, here each tensor competes for itself: no tensor is dropped as a whole. So in a
tensor of less than 10 000 entries nothing is clamped, and one whose p_i are all equal (a single
entry) stays the base's. A model of weight 0 does not compete.

Du et al., "Parameter Competition Balancing for Model Merging", 2024,
https://arxiv.org/abs/2410.02396
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from optimerge.methods.changes import UNIT_WEIGHT, Changes, adding
from optimerge.methods.parameters import DENSITY, LAMBDA, real
from optimerge.methods.protocol import MergeMethod, TensorGroup

if TYPE_CHECKING:
    from torch import Tensor

TAIL = 1e-4
"""Share of the entries that is clamped at each end."""
SMALL = 1e-12


def balance(group: TensorGroup, changes: Changes) -> "Tensor":
    """Average the changes by what each entry won in the competition."""
    change = changes.plain.reshape(len(changes), -1)
    size = _clamped(change.abs())
    won = (len(changes) * _unit(size).square()).exp() * (change * change.sum(dim=0)).tanh()
    shares = _unit(_above_threshold(group, changes, won))
    moved = shares * change.sign() * size * changes.weights.view(-1, 1)
    mix = moved.sum(dim=0) / shares.sum(dim=0).clamp(min=SMALL)
    return mix.view(changes.plain.shape[1:])


def _clamped(size: "Tensor") -> "Tensor":
    """Clamp the tails of each row."""
    tail = int(size.shape[1] * TAIL)
    if tail == 0:
        return size
    ordered = size.sort(dim=1).values
    return size.clamp(ordered[:, tail, None], ordered[:, -1 - tail, None])


def _above_threshold(group: TensorGroup, changes: Changes, won: "Tensor") -> "Tensor":
    """Raise all but the top share of each row to the smallest of that share."""
    count = won.shape[1]
    ordered = won.sort(dim=1).values
    rows = []
    for row, index in enumerate(changes.indices):
        first = int(count * (1 - real(group.numbers[index], "density")))
        rows.append(ordered[row, min(first, count - 1)])
    return won.clamp(min=won.new_tensor(rows)[:, None])


def _unit(rows: "Tensor") -> "Tensor":
    """Spread each row over 0 to 1; a row of equal values is all 0."""
    low = rows.amin(dim=1, keepdim=True)
    width = rows.amax(dim=1, keepdim=True) - low
    return (rows - low) / width.masked_fill(width == 0, 1)


METHOD = MergeMethod(
    name="pcb",
    summary="entries compete within and between models (per tensor)",
    paper="https://arxiv.org/abs/2410.02396",
    formula=(
        r"a_i = \lvert \tau_i \rvert \text{ with its smallest and largest 0.01 % clamped},"
        r" \quad \tau_i = x_i - b",
        r"p_i = \exp(K\, \operatorname{norm}(a_i)^2)\, \tanh\!\left(\tau_i \sum_j \tau_j\right),"
        r" \quad \operatorname{norm}(v) = \frac{v - \min v}{\max v - \min v}",
        r"B_i = \operatorname{norm}(\max(p_i, t_i)), \quad"
        r" t_i = \text{the } \lfloor (1 - \rho_i)\, n \rfloor \text{-th smallest of }"
        r" p_i \text{, counted from 0}",
        r"y = b + \lambda\, \frac{\sum_i w_i B_i \operatorname{sign}(\tau_i)\, a_i}{\sum_i B_i}",
    ),
    use=(
        "experts of different tasks, as an alternative to `ties`: entries count by how "
        "large they are in their own model and how well the others agree. It sorts every "
        "tensor, so a candidate takes longer to build."
    ),
    base="required",
    parameters=(
        replace(UNIT_WEIGHT, usual=(0.8, 1.3)),
        LAMBDA,
        replace(DENSITY, default=0.1, usual=(0.05, 0.3)),
    ),
    kernel=adding(balance),
    locality="tensor",
    mergekit=False,
)
