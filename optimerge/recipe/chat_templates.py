"""The chat templates that a recipe may name, by mergekit 0.1.5's names.

Each is written from the format that its model was published with. chatml and mistral give the
same text as mergekit's; its llama3, alpaca and exaone have white space of their own (a newline
after each turn, none before the response, the indentation of the template). `auto` takes the
commonest template of the merged models.
"""

from optimerge.errors import RecipeError, did_you_mean

AUTO = "auto"

_CHATML = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

_LLAMA3 = """\
{{- bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
{{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

_ALPACA = """\
{%- for message in messages %}
{%- if message['role'] == 'system' %}
{{- message['content'] + '\\n\\n' }}
{%- elif message['role'] == 'user' %}
{{- '### Instruction:\\n' + message['content'] + '\\n\\n' }}
{%- else %}
{{- '### Response:\\n' + message['content'] + '\\n\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '### Response:\\n' }}
{%- endif %}
"""

_MISTRAL = """\
{%- set system = namespace(text='') %}
{{- bos_token }}
{%- for message in messages %}
{%- if message['role'] == 'system' %}
{%- set system.text = message['content'] + '\\n\\n' %}
{%- elif message['role'] == 'user' %}
{{- ' [INST] ' + system.text + message['content'] + ' [/INST]' }}
{%- set system.text = '' %}
{%- else %}
{{- ' ' + message['content'] + eos_token }}
{%- endif %}
{%- endfor %}
"""

_EXAONE = """\
{%- for message in messages %}
{%- if loop.first and message['role'] != 'system' %}
{{- '[|system|][|endofturn|]\\n' }}
{%- endif %}
{{- '[|' + message['role'] + '|]' + message['content'] }}
{{- '\\n' if message['role'] == 'user' else '[|endofturn|]\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '[|assistant|]' }}
{%- endif %}
"""

TEMPLATES = {
    "chatml": _CHATML,
    "llama3": _LLAMA3,
    "alpaca": _ALPACA,
    "mistral": _MISTRAL,
    "exaone": _EXAONE,
}


def check_chat_template(value: str, file: str) -> None:
    """Refuse what is neither `auto`, nor a known name, nor Jinja text."""
    if value != AUTO and value not in TEMPLATES and not ("{{" in value or "{%" in value):
        known = [AUTO, *TEMPLATES]
        hint = did_you_mean(value, known) or f"; known: {', '.join(known)}"
        raise RecipeError(
            f"{file}: chat_template: {value[:60]!r} is neither a known name nor a Jinja "
            f"template{hint}"
        )
