"""The diagonal Fisher information against what can be worked out by hand."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from optimerge.calibration.fisher import FisherSums, sample, token_at

DOCUMENTS = ([0, 2, 1, 0, 3], [3, 3, 0])


class Table(nn.Module):
    """A language model that looks its logits up by the last token: a softmax a token."""

    def __init__(self, tokens: int = 4) -> None:
        super().__init__()
        drawn = torch.randn(tokens, tokens, generator=torch.Generator().manual_seed(1))
        self.table = nn.Parameter(drawn, requires_grad=False)

    def forward(self, input_ids: Tensor, use_cache: bool) -> SimpleNamespace:
        assert not use_cache
        return SimpleNamespace(logits=self.table[input_ids])


def measured(model: nn.Module, labels: str, samples: int = 1, seed: int = 0) -> FisherSums:
    sums = FisherSums(model, dict(model.named_parameters(remove_duplicate=False)))
    with sums.watching():
        for document in DOCUMENTS:
            sums.add(document, f"{seed}/{document}", labels, samples)  # type: ignore[arg-type]
    return sums


def test_sampled_labels_give_the_true_fisher_information():
    """Of a softmax: p (1 - p) an entry, once for each time that the token is seen."""
    model, draws = Table(), 3000
    found = measured(model, "sampled", draws).means()["table"]
    p = model.table.softmax(dim=1)
    seen = torch.tensor([[2.0], [1], [1], [0]]) + torch.tensor([[0.0], [0], [0], [2]])
    wanted = seen * p * (1 - p) / len(DOCUMENTS)
    # Five standard errors of a mean of squares of numbers below 2.
    assert (found - wanted).abs().max() < 5 * 2 / (draws * len(DOCUMENTS)) ** 0.5
    assert (found - wanted).abs().max() < 0.1 * wanted.max()
    one = seen * (1 - p) ** 2 / len(DOCUMENTS)  # what any fixed label would give
    assert (found - one).abs().max() > 0.2


def test_text_labels_square_the_gradient_of_each_document():
    model = Table()
    found = measured(model, "text").means()["table"]
    p = model.table.softmax(dim=1)
    wanted = torch.zeros(4, 4)
    for document in DOCUMENTS:
        gradient = torch.zeros(4, 4)
        for token, label in pairwise(document):
            gradient[token] += torch.eye(4)[label] - p[token]
        wanted += gradient**2 / len(DOCUMENTS)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_the_key_decides_what_is_drawn():
    first = measured(Table(), "sampled").means()["table"]
    assert torch.equal(first, measured(Table(), "sampled").means()["table"])
    assert not torch.equal(first, measured(Table(), "sampled", seed=1).means()["table"])


def test_no_global_random_number_is_used_and_the_model_is_left_as_it_was():
    model, before = Table(), torch.get_rng_state()
    sums = measured(model, "sampled")
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.table.requires_grad
    assert model.table.grad is None
    assert sums.gradients == 2
    with torch.no_grad():
        model(torch.tensor([[0]]), False)


def test_tied_parameters_get_the_square_of_their_whole_gradient():
    """An embedding that is the head too: one sum, of the gradient through both."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(4, 3)
            self.head = nn.Linear(3, 4, bias=False)
            self.head.weight = self.table.weight
            with torch.no_grad():
                self.head.weight.copy_(torch.arange(12.0).view(4, 3).sin())

        def forward(self, input_ids: Tensor, use_cache: bool) -> SimpleNamespace:
            return SimpleNamespace(logits=self.head(self.table(input_ids)))

    model = Tied()
    found = measured(model, "text").means()
    assert found["table.weight"] is found["head.weight"]
    wanted = torch.zeros(4, 3)
    for document in DOCUMENTS:
        ids = torch.tensor([document])
        logits = model(ids, False).logits[0, :-1].log_softmax(1)
        total = logits[range(len(document) - 1), document[1:]].sum()
        (gradient,) = torch.autograd.grad(total, [model.head.weight])
        wanted += gradient**2 / len(DOCUMENTS)
    assert torch.allclose(found["head.weight"], wanted, rtol=1e-5)


def test_labels_follow_the_probabilities():
    p = torch.tensor([0.0, 0.5, 0.0, 0.2, 0.3, 0.0])
    log_p = p.log().expand(20000, -1)
    drawn = sample(log_p, torch.Generator().manual_seed(3))
    share = torch.bincount(drawn, minlength=6) / len(drawn)
    assert (share - p).abs().max() < 0.02
    assert (share == 0).tolist() == [True, False, True, False, False, True]


@pytest.mark.parametrize("peak", [0, 5])
def test_a_certain_token_is_always_drawn(peak: int):
    log_p = torch.full((500, 6), -torch.inf)
    log_p[:, peak] = 0.0
    assert (sample(log_p, torch.Generator().manual_seed(3)) == peak).all()


def test_a_number_on_the_edge_draws_no_token_of_probability_0():
    log_p = torch.tensor([0.0, 0.25, 0.0, 0.25, 0.5, 0.0]).log()
    uniform = torch.tensor([0.0, 0.2499, 0.25, 0.4999, 0.5, 1 - 1e-16], dtype=torch.float64)
    assert token_at(log_p.expand(6, -1), uniform).tolist() == [1, 1, 3, 3, 4, 4]
