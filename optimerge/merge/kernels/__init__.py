"""The fused kernels: one streaming pass over memory merges a tensor."""
