"""The letters of the formulas, and the lines that the formulas of several methods share (LaTeX)."""

LETTERS = {
    "y": "a tensor of the merged model",
    "b": "the base model's tensor of that name",
    "x_i": "the tensor of model i of K, in the order of the recipe",
    r"\tau_i": "the task vector of model i: what it differs by from the base",
    "n": "the number of entries of the tensor",
    "w_i": "weight of model i",
    r"\rho_i": "density of model i",
    r"\lambda": "lambda",
    r"\odot": "product, entry by entry",
}
"""What the letters stand for in every formula; a method's own are explained where they stand."""

TASK_VECTOR = r"\tau_i = x_i - b"
CHANGES = r"D_i = w_i\, \tau_i, \quad \tau_i = x_i - b"

ADDED = (
    r"y = b + \frac{\lambda}{N} \sum_i w_i\, S_i(\tau_i), \quad \tau_i = x_i - b",
    r"N = \sum_i w_i \text{ with normalize (1 where that is 0), else } 1",
)
"""Thinned task vectors, added: `task_vectors.combine` without election."""

ELECTED = (
    r"D_i = w_i\, S_i(\tau_i), \quad \tau_i = x_i - b",
    r"s = \operatorname{sign}\left(\sum_i D_i\right), \quad \text{0 counts as } +",
    r"a_i = 1 \text{ where } \operatorname{sign}(D_i) = s, \text{ else } 0",
    r"y = b + \frac{\lambda}{N} \sum_i a_i D_i",
    r"N = \sum_i a_i w_i \text{ with normalize (1 where that is 0), else } 1",
)
"""Thinned task vectors with sign election: `task_vectors.combine`."""

MASKED = (
    r"S_i(\tau) = c\, m \odot \tau, \quad "
    r"c = \frac{\lVert \tau \rVert_1}{\lVert m \odot \tau \rVert_1} "
    r"\text{ with rescale, else } 1"
)
"""What becomes of a task vector that a mask m thins (`sparsify.masked`)."""
LARGEST = (
    r"m = 1 \text{ at the } \max(1, \lfloor \rho_i n \rfloor) \text{ largest of } \lvert"
    r" \tau \rvert \text{, nowhere if } \rho_i = 0"
)
BAND = (
    r"m = 1 \text{ at the ranks } k + 1 \text{ to } k + \lfloor \rho_i n \rfloor "
    r"\text{ of } \lvert \tau \rvert, \text{ 1 the smallest}",
    r"k = \max(0,\ n - \lfloor \rho_i n \rfloor - \lfloor \gamma_i n \rfloor)",
)
RANDOM = r"m = 1 \text{ with probability } \rho_i"
BY_RANK = (
    r"m = 1 \text{ with probability } "
    r"\rho_i - \varepsilon_i + 2 \varepsilon_i \frac{r - 1}{R - 1}",
    r"r = \text{rank of } \lvert \tau \rvert \text{ in its row of } R \text{ entries, 1"
    r" the smallest}",
)
