"""Generation by vLLM in another process, of another Python: fed with weights, asked for texts.

Unproven: it was read from vLLM's interfaces (0.33) and is tested against a stand-in for them. It
has never run with vLLM itself, which needs a GPU.
"""
