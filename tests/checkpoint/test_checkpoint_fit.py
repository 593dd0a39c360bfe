import pytest
import torch
from conftest_checkpoint import tiny_tensors

from optimerge.checkpoint.differences import differences
from optimerge.checkpoint.fit import check_fit
from optimerge.checkpoint.folder import open_checkpoint
from optimerge.errors import CheckpointError


@pytest.fixture
def open_model(model):
    def write(name, tensors=None, **config):
        return open_checkpoint(name, relative_to=model(name, tensors, config).parent)

    return write


def refused(checkpoints, *words):
    with pytest.raises(CheckpointError) as caught:
        check_fit(checkpoints)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fine_tunes_of_one_base_fit(open_model):
    models = [open_model(name) for name in "abc"]
    check_fit(models)
    check_fit(models[:1])
    check_fit([])
    assert differences(models) == []


def test_another_architecture(open_model):
    a, b = open_model("a"), open_model("b", architectures=["MistralForCausalLM"])
    refused([a, b], "'a'", "'LlamaForCausalLM'", "'b'", "'MistralForCausalLM'", "one base")
    c = open_model("c", model_type="mistral")
    refused([a, c], "model_type 'llama'", "'c' has 'mistral'")


def test_another_depth(open_model):
    a = open_model("a")
    b = open_model("b", tiny_tensors(layers=3), num_hidden_layers=3)
    refused([a, b], "'a' has 2 layers", "'b' has 3", "slices")


def test_another_vocabulary(open_model):
    a, b = open_model("a"), open_model("b", tiny_tensors(vocabulary=13))
    refused(
        [a, b],
        "'a' has model.embed_tokens.weight 12 x 8, 'b' has 13 x 8: vocabularies of different size",
        "`tokenizer: {source: base}`",
    )


def test_another_vocabulary_fits_where_a_tokenizer_is_named(open_model):
    a, b = open_model("a"), open_model("b", tiny_tensors(vocabulary=13))
    check_fit([a, b], vocabularies_differ=True)
    name = "model.norm.weight"
    c = open_model("c", tiny_tensors(vocabulary=13) | {name: torch.zeros(9)})
    with pytest.raises(CheckpointError, match="'c' has 9"):
        check_fit([a, c], vocabularies_differ=True)


def test_other_names(open_model):
    extra = {f"model.extra.{n}.weight": torch.zeros(1) for n in range(5)}
    a, b = open_model("a"), open_model("b", tiny_tensors() | extra)
    words = ["'b' has model.extra.0.weight", "and 2 more", "'a' has not"]
    refused([a, b], *words)
    refused([b, a], *words)


def test_tied_and_untied(open_model):
    a = open_model("a")
    b = open_model("b", tiny_tensors(head=False), tie_word_embeddings=True)
    words = ["'a' has its own lm_head.weight", "'b' ties its output head", "untie 'b'"]
    refused([a, b], *words)
    refused([b, a], *words)


def test_tied_ones_fit_whether_the_head_is_stored_again_or_not(open_model):
    tensors = tiny_tensors(head=False)
    again = tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}
    check_fit(
        [open_model(n, t, tie_word_embeddings=True) for n, t in (("a", tensors), ("b", again))]
    )


def test_another_shape(open_model):
    name = "model.layers.1.self_attn.q_proj.weight"
    b = open_model("b", tiny_tensors() | {name: torch.zeros(8, 16, dtype=torch.bfloat16)})
    refused([open_model("a"), b], f"'a' has {name} 8 x 8, 'b' has 8 x 16", "one shape")


@pytest.mark.parametrize("key", ["num_attention_heads", "num_key_value_heads", "head_dim"])
def test_other_heads_behind_equal_shapes(open_model, key):
    a, b = open_model("a", **{key: 2}), open_model("b", **{key: 4})
    refused([a, b], f"'a' has {key} 2, 'b' has 4", "another meaning")


def test_the_third_model_is_checked_too(open_model):
    c = open_model("c", tiny_tensors(vocabulary=13))
    refused([open_model("a"), open_model("b"), c], "'c' has 13 x 8")


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_quantised_weights(open_model, dtype):
    name = "model.layers.0.self_attn.q_proj.weight"
    a = open_model("a", tiny_tensors() | {name: torch.zeros(8, 8).to(dtype)})
    refused([a], "'a'", name, str(dtype).removeprefix("torch."), "bfloat16")


def test_quantised_config(open_model):
    a = open_model("a", quantization_config={"quant_method": "gptq"})
    refused([a], "'a' is quantised", "'gptq'", "original weights")


def test_integer_buffers_are_no_quantised_weights(open_model):
    buffers = {
        "model.layers.0.attn.bias": torch.ones(1, 1, 4, 4, dtype=torch.uint8),
        "model.layers.0.attn.mask": torch.ones(4, 4, dtype=torch.bool),
        "model.position_ids": torch.arange(4),
    }
    check_fit([open_model(name, tiny_tensors() | buffers) for name in "ab"])


def test_legal_differences_are_told(open_model):
    a = open_model("a", rope_theta=1e4, hidden_act="silu", max_position_embeddings=64)
    floats = {name: tensor.float() for name, tensor in tiny_tensors().items()}
    b = open_model("b", floats, rope_theta=1e6, hidden_act="gelu", max_position_embeddings=128)
    check_fit([a, b])
    notes = differences([a, b])
    assert len(notes) == 4
    assert notes[0] == "'a' has weights of type bfloat16, 'b' has float32"
    assert "rope" in notes[1]
    assert "1000000.0" in notes[1]
    assert notes[2] == "'a' has hidden_act silu, 'b' has gelu"
    assert notes[3] == "'a' has max_position_embeddings 64, 'b' has 128"


def test_rope_of_old_and_new_transformers_is_the_same(open_model):
    old = open_model("old", rope_theta=1e4, rope_scaling=None)
    new = open_model("new", rope_parameters={"rope_theta": 1e4, "rope_type": "default"})
    assert differences([old, new]) == []
    yarn = {"type": "yarn", "factor": 4.0}
    scaled = open_model("scaled", rope_theta=1e4, rope_scaling=yarn)
    newer = open_model(
        "newer", rope_parameters={"rope_theta": 1e4, "rope_type": "yarn", "factor": 4}
    )
    assert differences([scaled, newer]) == []
    assert "yarn" in differences([old, scaled])[0]


def test_differences_inside_a_text_config(open_model):
    a, b = (open_model(n, text_config={"rms_norm_eps": e}) for n, e in (("a", 1e-6), ("b", 1e-5)))
    assert differences([a, b]) == ["'a' has rms_norm_eps 1e-06, 'b' has 1e-05"]
