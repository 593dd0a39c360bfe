"""The laws that every merge method, sampler and objective must pass; also for plug-in authors.

    methods.MergeMethodLaws                  fixture `method`: a MergeMethod
    sampler_laws.SamplerLaws                 fixture `sampler`: a NamedSampler
    named_objectives.NamedObjectiveLaws      fixture `named`: a NamedObjective
    objectives.ObjectiveLaws                 fixture `objective`: an Objective, of any kind

A test module inherits one and gives its fixtures. What breaks a law is said in full: pytest
rewrites the laws' asserts.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{name}"
        for name in (
            "methods",
            "named_objectives",
            "objectives",
            "sampler_laws",
        )
    )
)
