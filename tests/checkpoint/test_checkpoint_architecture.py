import pytest

from optimerge.checkpoint.architecture import (
    is_embedding,
    is_head,
    is_token_embedding,
    layer_of,
    with_layer,
)

LAYERS = {
    "model.layers.10.self_attn.q_proj.weight": 10,  # Llama, Mistral, Gemma
    "transformer.h.3.attn.c_attn.weight": 3,  # GPT-2
    "h.0.mlp.c_fc.bias": 0,  # GPT-2 without its head
    "gpt_neox.layers.11.attention.query_key_value.weight": 11,
    "model.layers.1.mlp.experts.127.down_proj.weight": 1,  # Qwen3-MoE
    "model.layers.31.block_sparse_moe.experts.7.w1.weight": 31,  # Mixtral
    "model.layers.2.mlp.gate.e_score_correction_bias": 2,  # DeepSeek
    "model.layers.60.mlp.shared_experts.up_proj.weight": 60,
    "transformer.h.31.self_attention.dense.weight": 31,  # Falcon
    "transformer.blocks.5.ffn.up_proj.weight": 5,  # MPT
    "model.decoder.layers.7.fc1.weight": 7,  # OPT
    "transformer.encoder.layers.2.mlp.dense_h_to_4h.weight": 2,  # ChatGLM
    "language_model.model.layers.4.mlp.up_proj.weight": 4,  # Gemma 3 with eyes
    "model.language_model.layers.4.mlp.up_proj.weight": 4,
    "backbone.layers.9.mixer.A_log": 9,  # Mamba
    "decoder.block.3.layer.0.SelfAttention.q.weight": 3,  # T5: the outer one
    "encoder.layer.6.output.dense.weight": 6,
    "model.layers.12": 12,
}


@pytest.mark.parametrize(("name", "layer"), LAYERS.items())
def test_layer_of_and_with_layer(name, layer):
    assert layer_of(name) == layer
    moved = with_layer(name, 99)
    assert layer_of(moved) == 99
    assert with_layer(moved, layer) == name


@pytest.mark.parametrize(
    "name",
    [
        "model.embed_tokens.weight",
        "lm_head.weight",
        "model.norm.weight",
        "model.experts.3.weight",
        "mlp.experts.12.up_proj.weight",
        "model.sublayers.3.weight",
        "model.layers.x.weight",
        "model.layers.weight",
        "model.layers3.weight",
        "vision_tower.vision_model.encoder.layers.3.mlp.fc1.weight",
        "model.visual.blocks.3.attn.qkv.weight",
        "audio_tower.layers.2.fc1.weight",
        "mtp.layers.0.mlp.up_proj.weight",
    ],
)
def test_names_without_a_decoder_layer(name):
    assert layer_of(name) is None
    assert with_layer(name, 5) == name


def test_vision_inside_a_layer_is_still_a_layer():
    assert layer_of("model.layers.3.visual_expert.weight") == 3


@pytest.mark.parametrize(
    "name",
    [
        "model.embed_tokens.weight",
        "transformer.wte.weight",
        "wpe.weight",
        "transformer.word_embeddings.weight",
        "gpt_neox.embed_in.weight",
        "model.tok_embeddings.weight",
        "backbone.embeddings.weight",
        "model.decoder.embed_positions.weight",
        "transformer.embedding.word_embeddings.weight",
        "model.embed_tokens_per_layer.weight",
    ],
)
def test_embeddings(name):
    assert is_embedding(name)
    assert not is_head(name)


@pytest.mark.parametrize(
    "name",
    [
        "lm_head.weight",
        "embed_out.weight",
        "transformer.output_layer.weight",
        "transformer.word_embeddings_layernorm.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.norm.weight",
        "vision_tower.embeddings.position_embeddings.weight",
    ],
)
def test_no_embeddings(name):
    assert not is_embedding(name)


def test_heads_and_token_tables():
    assert is_head("lm_head.weight")
    assert is_head("embed_out.weight")
    assert not is_head("lm_head.bias")
    assert not is_head("encoder.layer.0.output.weight")
    assert is_token_embedding("transformer.wte.weight")
    assert not is_token_embedding("transformer.wpe.weight")
